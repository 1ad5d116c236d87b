/** The relay of a run, ended and started again at the same port. */
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../simulation/random.ts";
import type { Child, Children } from "./child.ts";
import type { History } from "./history.ts";
import { LOG_BYTES, START_MS } from "./limits.ts";
import { RELAY_WORKERS, type RelayKind } from "./plan.ts";
import { withinMs } from "./time.ts";

const MAIN = join(import.meta.dir, "../../cli/main.ts");
const HOST = "127.0.0.1";
/** Below the ports that the system gives to connections: while the relay is away none takes its. */
const PORTS = [20_000, 30_000] as const;
const PORT_TRIES = 50;
/** ms between two looks at a port that a relay is about to leave; END_MS at most. */
const PORT_EVERY_MS = 50;

export class RelayUnderTest {
  readonly port: number;
  readonly #children: Children;
  readonly #history: History;
  #child: Child | undefined;
  #kind: RelayKind = "child";
  /** Those that were told to end. */
  readonly #ending = new Set<Promise<void>>();

  private constructor(port: number, children: Children, history: History) {
    this.port = port;
    this.#children = children;
    this.#history = history;
  }

  static async start(
    random: Random,
    children: Children,
    history: History,
  ): Promise<RelayUnderTest> {
    const relay = new RelayUnderTest(await freePort(random), children, history);
    await relay.run("child");
    return relay;
  }

  /** The process, or undefined between two. */
  get child(): Child | undefined {
    return this.#child?.hasEnded === true ? undefined : this.#child;
  }

  /** @throws Error when it doesn't listen in time */
  async run(kind: RelayKind): Promise<void> {
    const { promise: listens, resolve } = Promise.withResolvers<void>();
    const child = this.#children.start({
      who: "relay",
      command: [process.execPath, ...this.#words(kind)],
      seen: (line) => {
        this.#history.add({ what: "said", who: "relay", line });
        resolve();
      },
    });
    this.#child = child;
    this.#kind = kind;
    const ended = child.ended.then(() => Promise.reject(new Error("the relay ended at its start")));
    await withinMs(START_MS, "the relay listens", Promise.race([listens, ended]));
    ended.catch(() => undefined); // later ends are told in the history
  }

  /** @returns whether the relay that runs can do that */
  crash(worker: number): boolean {
    if (this.child === undefined || this.#kind !== "child") return false;
    this.child.say(String(worker));
    return true;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** SIGTERM. Resolves when another may listen in its place; it may still bring transfers to their end. */
  async replace(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = child.tell("SIGTERM");
    this.#ending.add(ended);
    const gone = (): void => void this.#ending.delete(ended);
    ended.then(gone, gone);
    while (!child.hasEnded && !(await isFree(this.port))) await sleep(PORT_EVERY_MS);
  }

  /** SIGTERM. Resolves when it and all that it replaced have ended. */
  async stop(): Promise<void> {
    await Promise.all([...this.#ending, this.#child?.tell("SIGTERM")]);
  }

  #words(kind: RelayKind): string[] {
    const { port } = this;
    if (kind === "child") {
      const options = { hostname: HOST, port, workers: RELAY_WORKERS, logBytes: LOG_BYTES };
      return [join(import.meta.dir, "relay-child.ts"), JSON.stringify(options)];
    }
    const where = ["--host", HOST, "--port", String(port)];
    return [MAIN, "relay", ...where, "--workers", String(RELAY_WORKERS), "--json"];
  }
}

export async function freePort(random: Random): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries++) {
    const port = random.whole(...PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error("no free port");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
