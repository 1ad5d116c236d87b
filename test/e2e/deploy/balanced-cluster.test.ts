/**
 * The sample of a cluster as a whole: three relays with the words of compose.yaml, NATS, and HAProxy with haproxy.cfg before them, all
 * as processes on this machine. Clients know the address of the balancer alone.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { lacksProgram } from "../../needs.ts";
import { fileshare } from "../../support/clients/command.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { Authority } from "../../support/net/certificates.ts";
import { lacksNats, startNats, type NatsServers } from "../../support/net/nats.ts";
import { ownPorts } from "../../support/net/own-port.ts";
import { parseExposition } from "../../support/relay/exposition.ts";
import { until } from "../../support/until.ts";

const CLUSTER = join(import.meta.dir, "../../../deploy/cluster");
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
const HOST = "127.0.0.1";
const MiB = 1024 ** 2;
const lacking = lacksNats || lacksProgram("haproxy", "haproxy");

interface Member {
  readonly relay: RelayCommand;
  readonly admin: number;
}

describe.skipIf(lacking)("through the balancer of the sample", () => {
  const folder = temporaryFolder();
  const members: Member[] = [];
  const ended: Member[] = [];
  let nats: NatsServers;
  let balancer: Bun.Subprocess;
  let url: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    nats = await startNats();
    const [port = 0, ...ports] = await ownPorts(10);
    const authority = new Authority();
    const { cert, key } = authority.issue({ names: ["localhost"] });
    const file = (name: string, text: string): string => {
      const path = join(folder.path, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    url = `https://localhost:${port}`;
    env = { NODE_EXTRA_CA_CERTS: file("ca.pem", authority.cert) };
    const secret = file("cluster.key", "s".repeat(44));
    const compose = Bun.YAML.parse(readFileSync(join(CLUSTER, "compose.yaml"), "utf8")) as {
      services: Record<string, { command: string[] }>;
    };
    let config = readFileSync(join(CLUSTER, "haproxy.cfg"), "utf8")
      .replace("bind :443", `bind ${HOST}:${port}`)
      .replace("/run/secrets/relay.pem", file("relay.pem", cert + key));
    for (const [at, name] of ["relay1", "relay2", "relay3"].entries()) {
      const [client = 0, inner = 0, admin = 0] = ports.slice(at * 3);
      // As the sample has them, but for addresses and files.
      const words = (compose.services[name]?.command ?? []).slice(1).map((word) =>
        word
          .replace(/^--cluster=.*/, `--cluster=${nats.urls.join(",")}`)
          .replace(/^--cluster-listen=.*/, `--cluster-listen=${HOST}:${inner}`)
          .replace(/^--cluster-secret=.*/, `--cluster-secret=${secret}`)
          .replace(/^--trusted-proxy=.*/, `--trusted-proxy=${HOST}`)
          .replace(/^--public-url=.*/, `--public-url=${url}`)
          .replace(/^--log=.*/, "--log-level=error"),
      );
      const own = [...words, "--workers=1", `--admin=${admin}`];
      members.push({ relay: await RelayCommand.start(own, client), admin });
      config = config.replace(`${name}:8000`, `${HOST}:${client}`);
    }
    balancer = Bun.spawn(["haproxy", "-db", "-q", "-f", file("haproxy.cfg", config)], {
      env: { ...process.env, PATH },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
    });
    for (const { admin } of members) {
      await until(async () => (await metric(admin, "fileshare_cluster_relays")) === members.length);
    }
    const answers = () => fetch(`${url}/healthz`, { tls: { ca: authority.cert } });
    await until(async () => (await answers().catch(() => undefined))?.ok === true);
  });

  afterAll(async () => {
    balancer.kill("SIGKILL");
    await balancer.exited;
    for (const { relay } of [...members, ...ended]) await relay[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  async function metric(admin: number, name: string): Promise<number> {
    const answer = await fetch(`http://${HOST}:${admin}/metrics`);
    const samples = parseExposition(await answer.text()).get(name)?.samples ?? [];
    return samples.reduce((sum, { value }) => sum + value, 0);
  }

  /** Of the relays that are there. */
  function ofAll(name: string): Promise<number[]> {
    return Promise.all(members.map(({ admin }) => metric(admin, name)));
  }

  test.each([
    ["drains", "SIGTERM"],
    ["is killed", "SIGKILL"],
  ] as const)(
    "receivers at any relay get all, also when the sender's relay %s meanwhile",
    async (_, signal) => {
      const count = 6;
      const kept = await ofAll("fileshare_cluster_links");
      const { path, bytes } = makeFile(folder.path, `${signal}.bin`, 24 * MiB);
      const to = ["--relay", url];
      await using sender = fileshare(
        // The content waits for all of them, and is on its way for 6 s.
        [
          "send",
          path,
          ...to,
          "--receivers",
          `${count}`,
          "--wait-for",
          `${count}`,
          "--limit",
          "4MiB",
        ],
        env,
      );
      const code = await sender.events(({ event }) => event === "code");
      if (code?.event !== "code") throw new Error("no code");
      await sender.events(({ event }) => event === "relay");
      const receivers = Array.from({ length: count }, (_, at) => {
        const out = join(folder.path, `${signal} ${at}`);
        mkdirSync(out);
        return fileshare(["recv", code.code, ...to, "--out", out, "--yes"], env);
      });
      await Promise.all(receivers.map((each) => each.events(({ event }) => event === "progress")));
      // The share is at one relay, and others read it from there.
      const owned = await ofAll("fileshare_cluster_shares_owned");
      expect(owned.reduce((sum, one) => sum + one)).toBe(1);
      // A relay that read the share before this one may keep that link for a minute.
      const links = await ofAll("fileshare_cluster_links");
      expect(Math.max(...links.map((now, at) => now - kept[at]!))).toBe(1);
      const [owner] = members.splice(owned.indexOf(1), 1);
      ended.push(owner!);
      owner!.relay.kill(signal);
      await owner!.relay.exited;
      // Long before its 600 s are over, and before the share is: another relay has it.
      const next = async (): Promise<boolean> => {
        return (await ofAll("fileshare_cluster_shares_owned")).includes(1);
      };
      await until(next);
      for (const receiver of receivers) {
        const saved = await receiver.events(({ event }) => event === "saved");
        if (saved?.event !== "saved") throw new Error("nothing was saved");
        expect(Buffer.compare(readFileSync(saved.path), bytes)).toBe(0);
        expect(await receiver.exited).toBe(0);
      }
      expect(await sender.exited).toBe(0);
    },
  );
});
