/** The relays and the servers of NATS of a run, each a process on a machine of its own that is ended and started again. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { NATS_PROGRAM, writeNatsConfig } from "../../support/net/nats.ts";
import { until } from "../../support/until.ts";
import type { Child, Children, ChildOptions } from "../child.ts";
import type { History } from "../history.ts";
import { START_MS } from "../limits.ts";
import { withinMs } from "../time.ts";
import { DRAIN_SECONDS, LINK_TRIED_MS, LOG_BYTES, NATS_START_MS } from "./limits.ts";
import { on, type Machine, type Machines } from "./machines.ts";
import { COUNT } from "./plan.ts";

const MAIN = join(import.meta.dir, "../../../cli/main.ts");
const PORTS = { relay: 8000, cluster: 8001, nats: 4222, monitor: 8222, route: 6222 } as const;
const NUMBERS = Array.from({ length: COUNT }, (_, at) => at);
/** Of each relay: one of them has several threads. */
const WORKERS = [2, 1, 1];

type Words = Pick<ChildOptions, "who" | "command" | "seen" | "reported" | "env">;

/** A process that is ended and started again, on its machine. */
export class Server {
  readonly machine: Machine;
  readonly who: string;
  starts = 0;
  readonly #words: Omit<Words, "seen">;
  readonly #saysFirst: boolean;
  readonly #children: Children;
  readonly #history: History;
  #child: Child | undefined;

  /** @param saysFirst it says a line when it is ready */
  constructor(
    machine: Machine,
    words: Omit<Words, "seen">,
    saysFirst: boolean,
    { children, history }: { readonly children: Children; readonly history: History },
  ) {
    this.machine = machine;
    this.who = words.who;
    this.#words = words;
    this.#saysFirst = saysFirst;
    this.#children = children;
    this.#history = history;
  }

  /** The process, or undefined between two. */
  get child(): Child | undefined {
    return this.#child?.hasEnded === true ? undefined : this.#child;
  }

  /** @throws Error when it doesn't say in time that it is ready */
  async start(): Promise<void> {
    this.starts++;
    const ready = Promise.withResolvers<void>();
    const { who } = this;
    const child = this.#children.start({
      ...this.#words,
      command: on(this.machine, this.#words.command),
      seen: (line) => {
        this.#history.add({ what: "said", who, line });
        ready.resolve();
      },
    });
    this.#child = child;
    if (!this.#saysFirst) return;
    const ended = child.ended.then(() => Promise.reject(new Error(`${who} ended at its start`)));
    await withinMs(START_MS, `${who} listens`, Promise.race([ready.promise, ended]));
    ended.catch(() => undefined); // later ends are told in the history
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** SIGTERM. Resolves when it has ended. */
  async stop(): Promise<void> {
    await this.#child?.tell("SIGTERM");
  }

  /** bytes of its own, not of a file; 0 between two */
  get memory(): number {
    const { child } = this;
    if (child === undefined) return 0;
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return 1024 * Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
    } catch {
      return 0; // it ended just now
    }
  }
}

export interface ClusterUnderTest {
  readonly machines: Machines;
  readonly relays: readonly Server[];
  readonly nats: readonly Server[];
  /** For clients, by the number of the relay. */
  readonly urls: readonly string[];
  /** How often each relay lost its way to another one, by its number. */
  readonly breaks: readonly Breaks[];
}

/** Links that a relay lost. A link that comes not back at once is tried again, and that is no further loss. */
class Breaks {
  count = 0;
  /** ms, by the other's address */
  readonly #lostAt = new Map<string, number>();

  reported(line: unknown): void {
    const { event, address = "" } = line as { readonly event?: string; readonly address?: string };
    if (event !== "link-lost") return;
    const now = performance.now();
    if (now - (this.#lostAt.get(address) ?? -Infinity) > LINK_TRIED_MS) this.count++;
    this.#lostAt.set(address, now);
  }
}

interface Wanted {
  readonly machines: Machines;
  readonly folder: string;
  /** Undefined: that of the system. */
  readonly natsProgram: string | undefined;
  readonly children: Children;
  readonly history: History;
}

/** Starts all of them. */
export async function startCluster(wanted: Wanted): Promise<ClusterUnderTest> {
  const { machines, history } = wanted;
  const nats = startNats(wanted);
  const natsUrls = nats.map(({ machine }) => `nats://${machine.outer}:${PORTS.nats}`);
  const breaks = NUMBERS.map(() => new Breaks());
  const secret = join(wanted.folder, "secret");
  writeFileSync(secret, "0123456789abcdef0123456789abcdef", { mode: 0o600 });
  const relays = NUMBERS.map((number) => {
    const who = `relay-${number}`;
    const machine = machines.add(who, ["outer", "inner"]);
    const words = [
      ["--host", machine.outer, "--port", String(PORTS.relay), "--admin", "off"],
      ["--workers", String(WORKERS[number]), "--log-bytes", String(LOG_BYTES)],
      ["--drain", String(DRAIN_SECONDS), "--json", "--log", "json"],
      ["--cluster", natsUrls.join(","), "--cluster-secret", secret],
      ["--cluster-listen", `${machine.inner}:${PORTS.cluster}`],
      ["--store", join(wanted.folder, `${who}-store`)],
    ].flat();
    return new Server(
      machine,
      {
        who,
        command: [process.execPath, MAIN, "relay", ...words],
        env: { XDG_STATE_HOME: join(wanted.folder, `${who}-state`) },
        reported: (line) => {
          history.add({ what: "said", who, line });
          breaks[number]?.reported(line);
        },
      },
      true,
      wanted,
    );
  });
  await Promise.all(nats.map((server) => server.start()));
  await withinMs(NATS_START_MS, "NATS is well", Promise.all(nats.map((server) => isWell(server))));
  await Promise.all(relays.map((relay) => relay.start()));
  const urls = relays.map(({ machine }) => `ws://${machine.outer}:${PORTS.relay}`);
  return { machines, relays, nats, urls, breaks };
}

function startNats({ machines, folder, natsProgram, ...surroundings }: Wanted): Server[] {
  const program = natsProgram ?? NATS_PROGRAM;
  if (program === null) throw new Error("nats-server is not installed");
  const all = NUMBERS.map((number) => machines.add(`nats-${number}`, ["outer"]));
  const routes = all.map(({ outer }) => `${outer}:${PORTS.route}`);
  return all.map((machine) => {
    const { name, outer } = machine;
    const home = join(folder, name);
    mkdirSync(home);
    const config = writeNatsConfig({
      name,
      home,
      listen: `${outer}:${PORTS.nats}`,
      monitor: `${outer}:${PORTS.monitor}`,
      route: `${outer}:${PORTS.route}`,
      routes,
      lines: `log_file: "${join(home, "log")}"`,
    });
    return new Server(
      machine,
      { who: name, command: [program, "-c", config] },
      false,
      surroundings,
    );
  });
}

function isWell({ machine }: Server): Promise<void> {
  return until(async () => {
    try {
      return (await fetch(`http://${machine.outer}:${PORTS.monitor}/healthz`)).ok;
    } catch {
      return false;
    }
  });
}
