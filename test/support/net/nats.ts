/** NATS as tests have it: one real nats-server with JetStream, or a cluster of three, each in a folder and at ports of its own. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { lacksProgram } from "../../needs.ts";
import { temporaryFolder } from "../disk.ts";
import { until } from "../until.ts";
import { ownPorts } from "./own-port.ts";

const HOST = "127.0.0.1";
/** Debian has it where root's PATH leads. */
export const NATS_PROGRAM = Bun.which("nats-server", {
  PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`,
});

export const lacksNats = lacksProgram("nats-server", "nats-server");

export interface NatsServer {
  readonly url: string;
  /** host:port */
  readonly address: string;
  /** As a machine that loses its power. */
  kill(): Promise<void>;
  /** Starts it again at the same ports; true: without what it had on its disk. */
  start(isEmpty?: boolean): Promise<void>;
  /** From now on it neither reads nor answers, and its connections stay. */
  pause(): Promise<void>;
  resume(): void;
}

export interface NatsServers extends AsyncDisposable {
  readonly servers: readonly NatsServer[];
  readonly urls: readonly string[];
}

interface Wanted {
  readonly count?: 1 | 3;
  /** Further lines of the configuration, such as `authorization { token: x }`. */
  readonly lines?: string;
  readonly jetStream?: boolean;
}

export async function startNats(wanted: Wanted = {}): Promise<NatsServers> {
  const { count = 1, lines = "", jetStream = true } = wanted;
  const folder = temporaryFolder();
  const ports = await ownPorts(count * 3);
  const all = Array.from({ length: count }, (_, at) => {
    const [client = 0, monitor = 0, route = 0] = ports.slice(at * 3);
    return { name: `n${at + 1}`, client, monitor, route };
  });
  const servers = all.map(({ name, client, monitor, route }) => {
    const home = join(folder.path, name);
    mkdirSync(home);
    const path = writeNatsConfig({
      name,
      home,
      listen: `${HOST}:${client}`,
      monitor: `${HOST}:${monitor}`,
      route: `${HOST}:${route}`,
      routes: count > 1 ? all.map((each) => `${HOST}:${each.route}`) : [],
      jetStream,
      lines,
    });
    return new Server(`${HOST}:${client}`, monitor, path, dataIn(home));
  });
  await Promise.all(servers.map((server) => server.start()));
  return {
    servers,
    urls: servers.map(({ url }) => url),
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.kill()));
      folder[Symbol.dispose]();
    },
  };
}

interface NatsConfig {
  readonly name: string;
  /** Its folder. */
  readonly home: string;
  /** These three: host:port */
  readonly listen: string;
  readonly monitor: string;
  readonly route: string;
  /** Of all servers of its cluster; none: it is alone. */
  readonly routes: readonly string[];
  readonly jetStream?: boolean;
  readonly lines?: string;
}

/** @returns the path of the file */
export function writeNatsConfig(config: NatsConfig): string {
  const { name, home, listen, monitor, route, routes, jetStream = true, lines = "" } = config;
  const data = dataIn(home);
  const text = [
    `server_name: ${name}`,
    `listen: "${listen}"`,
    `http: "${monitor}"`,
    jetStream ? `jetstream { store_dir: "${data}", max_mem: 64MB, max_file: 256MB }` : "",
    lines,
  ];
  if (routes.length > 0) {
    const all = routes.map((each) => `"nats-route://${each}"`).join(", ");
    text.push(`cluster { name: test, listen: "${route}", routes: [${all}] }`);
  }
  const path = join(home, "nats.conf");
  writeFileSync(path, text.join("\n"));
  return path;
}

function dataIn(home: string): string {
  return join(home, "data");
}

class Server implements NatsServer {
  readonly address: string;
  readonly url: string;
  readonly #monitor: number;
  readonly #config: string;
  readonly #data: string;
  #process: Bun.Subprocess | undefined;

  constructor(address: string, monitor: number, config: string, data: string) {
    this.address = address;
    this.url = `nats://${address}`;
    this.#monitor = monitor;
    this.#config = config;
    this.#data = data;
  }

  async start(isEmpty = false): Promise<void> {
    if (isEmpty) rmSync(this.#data, { recursive: true, force: true });
    if (NATS_PROGRAM === null) throw new Error("nats-server is not installed");
    const process = Bun.spawn([NATS_PROGRAM, "-c", this.#config], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.#process = process;
    const log = process.stderr.text();
    const ended = process.exited.then(async () => {
      throw new Error(`nats-server ended: ${await log}`);
    });
    // Of a cluster: it knows the leader of JetStream, and has what the others have.
    await Promise.race([until(() => this.#isWell()), ended]);
    ended.catch(() => undefined);
  }

  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
  }

  async pause(): Promise<void> {
    this.#process?.kill("SIGSTOP");
    const stat = `/proc/${this.#process?.pid}/stat`;
    await until(() => /^\d+ \(.*\) T/.test(readFileSync(stat, "utf8")));
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  async #isWell(): Promise<boolean> {
    try {
      return (await fetch(`http://${HOST}:${this.#monitor}/healthz`)).ok;
    } catch {
      return false;
    }
  }
}
