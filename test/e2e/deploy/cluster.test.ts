/**
 * The sample of a cluster in deploy/cluster/: the options of its relays are those of the command, and NATS and HAProxy take
 * their configurations and do what the sample says of them. None of this needs Docker.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { DRAIN_MAX_MS } from "../../../relay/limits/operator-limits.ts";
import { CLOSE_MS } from "../../../relay/limits/limits.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { lacksProgram } from "../../needs.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { Authority } from "../../support/net/certificates.ts";
import { ownPort, ownPorts } from "../../support/net/own-port.ts";
import { parseExposition } from "../../support/relay/exposition.ts";
import { givenOptions } from "../../support/relay/given-options.ts";
import { until } from "../../support/until.ts";

const DEPLOY = join(import.meta.dir, "../../../deploy");
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
const CLIENT_PORT = 8000;
const PUBLIC_URL = "https://relay.example";

const read = (path: string): string => readFileSync(join(DEPLOY, path), "utf8");

const folder = temporaryFolder();
const secret = file("cluster.key", "s".repeat(44), 0o640);
afterAll(() => folder[Symbol.dispose]());

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** @throws Error if the sample does not say it */
function replaced(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`the sample does not say ${from}`);
    return before.replaceAll(from, to);
  }, text);
}

function run(program: string, words: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawnSync([program, ...words], { env: { ...process.env, PATH, ...env } });
  return { exitCode: child.exitCode, said: child.stdout.toString() + child.stderr.toString() };
}

interface Service {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly networks:
    readonly string[] | Readonly<Record<string, { aliases?: string[]; ipv4_address?: string }>>;
  readonly secrets?: readonly string[];
  readonly stop_grace_period?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly depends_on?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: { readonly front: object; readonly inside: { readonly internal: boolean } };
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

describe("compose.yaml", () => {
  const compose = Bun.YAML.parse(read("cluster/compose.yaml")) as Compose;
  const services = Object.entries(compose.services);
  const relays = services.filter(([, { command }]) => command[0] === "relay");
  const nats = services.filter(([, { command }]) => command[0] === "nats-server");
  // A list of names, or names with settings.
  const networksOf = ({ networks }: Service): string[] =>
    Array.isArray(networks) ? networks.map(String) : Object.keys(networks);
  const inside = ({ networks }: Service): string[] =>
    ("inside" in networks ? networks["inside"]?.aliases : undefined) ?? [];

  /** As Compose fills variables in. */
  const options = ({ command, environment }: Service) => {
    const words = command.map((word) =>
      replacedIn(word, /\$\{PUBLIC_URL:\?[^}]*\}/, PUBLIC_URL).replace(
        "/run/secrets/cluster.key",
        secret,
      ),
    );
    return givenOptions(words, environment);
  };

  test("has three servers of NATS, three relays and a balancer", () => {
    expect(nats).toHaveLength(3);
    expect(relays).toHaveLength(3);
    expect(services).toHaveLength(7);
    expect(compose.services["balancer"]?.depends_on).toEqual(relays.map(([name]) => name));
  });

  test("names files that are in the repository, and those that the operator makes", () => {
    for (const { file: path } of Object.values(compose.configs)) {
      expect(existsSync(join(DEPLOY, "cluster", path))).toBe(true);
    }
    const build = relays[0]?.[1].build;
    const top = join(DEPLOY, "cluster", build?.context ?? "");
    expect(existsSync(join(top, build?.dockerfile ?? ""))).toBe(true);
    const secrets = Object.values(compose.secrets).map(({ file: path }) => join("cluster", path));
    const ignored = run("git", ["-C", DEPLOY, "check-ignore", ...secrets]);
    expect(ignored.said.trim().split("\n")).toEqual(secrets);
  });

  test.each(relays)("starts %s with options that the command takes", async (name, service) => {
    const { listen, cluster, access } = await options(service);
    expect(listen.port).toBe(CLIENT_PORT);
    expect(cluster?.servers).toEqual(nats.map(([each]) => `nats://${each}:4222`));
    expect(inside(service)).toEqual([cluster?.advertise?.hostname ?? ""]);
    expect(cluster?.advertise?.port).toBe(cluster?.listen.port);
    expect(cluster?.advertise?.hostname).toStartWith(name);
    const { networks } = compose.services["balancer"] ?? { networks: [] };
    const balancer = "front" in networks ? networks["front"]?.ipv4_address : undefined;
    expect(access.trustedProxies).toEqual([balancer ?? "none"]);
    expect(access.publicOrigin).toBe(PUBLIC_URL);
  });

  test("gives relays more time to stop than they take to drain", async () => {
    for (const [, service] of relays) {
      const { drainMs } = (await options(service)).listen;
      const grace = Number(/^(\d+)s$/.exec(service.stop_grace_period ?? "")?.[1]) * 1000;
      expect(grace).toBeGreaterThan(drainMs + 2 * CLOSE_MS);
      expect(drainMs).toBeLessThanOrEqual(DRAIN_MAX_MS);
    }
  });

  test("keeps NATS and the records between relays in a network without a way out", () => {
    expect(compose.networks.inside.internal).toBe(true);
    for (const [, service] of nats) expect(networksOf(service)).toEqual(["inside"]);
    for (const [, service] of relays) expect(networksOf(service)).toEqual(["front", "inside"]);
    expect(networksOf(compose.services["balancer"]!)).toEqual(["front"]);
    expect(compose.services["balancer"]?.secrets).not.toContain("cluster.key");
  });
});

/** @throws Error if it is not there */
function replacedIn(text: string, from: RegExp, to: string): string {
  return text.replace(from, () => to);
}

describe.skipIf(lacksProgram("nats-server", "nats-server"))("nats.conf", () => {
  test("is understood by nats-server", () => {
    const path = join(DEPLOY, "cluster/nats.conf");
    const { exitCode, said } = run("nats-server", ["-t", "-c", path], { NATS_NAME: "nats1" });
    expect({ exitCode, said }).toEqual({
      exitCode: 0,
      said: `nats-server: configuration file ${path} is valid\n`,
    });
  });

  test("makes one cluster of three servers, whose JetStream has a leader", async () => {
    const names = ["nats1", "nats2", "nats3"];
    const ports = await ownPorts(names.length * 3);
    const routes = names.map(
      (name, at) => [`${name}:6222`, `127.0.0.1:${ports[at * 3 + 2]}`] as const,
    );
    const children = names.map((name, at) => {
      const [client, monitor, route] = ports.slice(at * 3);
      mkdirSync(join(folder.path, name));
      const config = replaced(read("cluster/nats.conf"), [
        ['listen: "0.0.0.0:4222"', `listen: "127.0.0.1:${client}"`],
        ["127.0.0.1:8222", `127.0.0.1:${monitor}`],
        ['"/data"', `"${join(folder.path, name)}"`],
        ["0.0.0.0:6222", `127.0.0.1:${route}`],
        ...routes,
      ]);
      const path = file(`${name}.conf`, config);
      return Bun.spawn(["nats-server", "-c", path], {
        env: { ...process.env, PATH, NATS_NAME: name },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      });
    });
    try {
      const told = async (at: number, path: string): Promise<unknown> => {
        try {
          const answer = await fetch(`http://127.0.0.1:${ports[at * 3 + 1]}${path}`);
          return answer.ok ? await answer.json() : undefined;
        } catch {
          return undefined;
        }
      };
      for (const at of names.keys()) {
        await until(async () => (await told(at, "/healthz")) !== undefined);
      }
      const { meta_cluster: meta } = (await told(0, "/jsz")) as {
        meta_cluster: { name: string; leader: string; cluster_size: number };
      };
      expect(meta).toMatchObject({ name: "fileshare", cluster_size: 3 });
      expect(names).toContain(meta.leader);
    } finally {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map(({ exited }) => exited));
    }
  });
});

describe.skipIf(lacksProgram("haproxy", "haproxy"))("haproxy.cfg", () => {
  const RELAYS = 3;
  const relays: Relay[] = [];
  let port: number;
  let ca: string;
  let balancer: Bun.Subprocess<"ignore", "ignore", "pipe">;

  beforeAll(async () => {
    for (let each = 0; each < RELAYS; each++) {
      relays.push(await startRelay({ workers: 1, admin: { hostname: "127.0.0.1", port: 0 } }));
    }
    port = await ownPort();
    const authority = new Authority();
    const { cert, key } = authority.issue({ names: ["localhost"] });
    ca = authority.cert;
    const config = replaced(read("cluster/haproxy.cfg"), [
      ["bind :443", `bind 127.0.0.1:${port}`],
      ["/run/secrets/relay.pem", file("relay.pem", cert + key)],
      ...relays.map((relay, at) => {
        return [`relay${at + 1}:${CLIENT_PORT}`, `127.0.0.1:${relay.port}`] as const;
      }),
    ]);
    const path = file("haproxy.cfg", config);
    expect(run("haproxy", ["-c", "-q", "-f", path])).toEqual({ exitCode: 0, said: "" });
    balancer = Bun.spawn(["haproxy", "-db", "-q", "-f", path], {
      env: { ...process.env, PATH },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const ended = balancer.exited.then(async (exitCode) => {
      throw new Error(`haproxy ended with ${exitCode}: ${await balancer.stderr.text()}`);
    });
    await Promise.race([until(async () => (await health().catch(() => 0)) === 200), ended]);
    ended.catch(() => undefined);
  });

  afterAll(async () => {
    balancer.kill("SIGKILL");
    await balancer.exited;
    await Promise.all(relays.map((relay) => relay.stop()));
  });

  async function health(): Promise<number> {
    const init = { tls: { ca }, keepalive: false };
    const answer = await fetch(`https://localhost:${port}/healthz`, init);
    await answer.text();
    return answer.status;
  }

  async function clientsOf(relay: Relay): Promise<number> {
    const answer = await fetch(new URL("/metrics", relay.admin?.url));
    const clients = parseExposition(await answer.text()).get("fileshare_clients")?.samples ?? [];
    return clients.reduce((sum, { value }) => sum + value, 0);
  }

  test("spreads the WebSockets of one address over all relays", async () => {
    const sockets = Array.from({ length: 10 * RELAYS }, () => {
      return new WebSocket(`wss://localhost:${port}/ws`, { tls: { ca } });
    });
    await Promise.all(
      sockets.map((socket) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        // The first word of a relay.
        socket.addEventListener("message", () => resolve());
        socket.addEventListener("close", ({ reason }) => reject(new Error(`closed: ${reason}`)));
        return promise;
      }),
    );
    const counts = async (): Promise<number[]> => Promise.all(relays.map(clientsOf));
    await until(async () => (await counts()).reduce((a, b) => a + b) === sockets.length);
    for (const count of await counts()) {
      expect(count).toBeGreaterThan(0);
      // A quarter above the mean.
      expect(count).toBeLessThanOrEqual(Math.ceil(1.25 * 10));
    }
    for (const socket of sockets) socket.close();
  });

  test("gives the next request to another relay as soon as one has drained", async () => {
    for (const relay of relays.slice(1)) {
      await relay.drain(0);
      expect(await health()).toBe(200);
    }
    await relays[0]?.drain(0);
    expect(await health()).toBe(503);
  });
});
