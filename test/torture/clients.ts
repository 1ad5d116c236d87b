/** The clients of a round: processes of the command. Each has a list of relays, or one behind a network of its own. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientEvent } from "../../cli/mod.ts";
import type { Child, Children } from "./child.ts";
import { bytesAt } from "./copies.ts";
import type { SmallDisk } from "./disk.ts";
import type { History } from "./history.ts";
import { CONNECT_TIMEOUT_SECONDS, RUNS } from "./limits.ts";
import type { Network } from "./network.ts";
import type { ReceiverPlan } from "./plan.ts";

const MAIN = join(import.meta.dir, "../../cli/main.ts");

/** The shared state of all clients of a run. */
export interface Surroundings {
  readonly children: Children;
  readonly history: History;
  /** Aborted when the run is broken off. */
  readonly signal: AbortSignal;
}

export interface SenderOptions {
  /** What it sends, as words of the command. */
  readonly what: readonly string[];
  /** Undefined: it stores the share, and ends when it is stored. */
  readonly receivers?: number;
  /** As `--relay` takes it. */
  readonly relay: string;
  /** Undefined: it is at the relay itself. */
  readonly network?: Network;
  /** The folder of its state. */
  readonly state: string;
  /** Its standard input. Such a sender can't go on when it was killed. */
  readonly input?: { readonly pieces: Iterable<Uint8Array>; readonly everyMs: number };
}

/** A sender that is run again until it has ended by itself: it goes on with its share. */
export class Sender {
  readonly network: Network | undefined;
  /** Its last word about the relay where it is. */
  relay = "";
  /** Connections to a relay that it had. */
  connections = 0;
  /** Names of receivers whose receipts it has. */
  readonly done = new Set<string>();
  readonly code: Promise<string>;
  /** Settles when there is nothing more to come of it. */
  readonly ended: Promise<void>;
  readonly #words: readonly string[];
  readonly #options: SenderOptions;
  readonly #surroundings: Surroundings;
  readonly #codes = Promise.withResolvers<string>();
  #child: Child;
  #againAfterMs = 0;
  #isGivenUp = false;
  #hasEnded = false;
  #hasSent = false;

  constructor(options: SenderOptions, surroundings: Surroundings) {
    const { what, receivers, relay } = options;
    this.network = options.network;
    this.#options = options;
    this.#surroundings = surroundings;
    const until = receivers === undefined ? ["--store"] : ["--receivers", String(receivers)];
    this.#words = ["send", ...what, ...until, "--relay", relay];
    this.code = this.#codes.promise;
    this.code.catch(() => undefined); // who waits for it is told
    this.#child = this.#start();
    this.ended = this.#live();
    this.ended.catch(() => undefined); // who waits for it is told
  }

  /** The process, or undefined when there is none at present. */
  get child(): Child | undefined {
    return this.#child.hasEnded ? undefined : this.#child;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** It ends when the share is stored, whoever receives it. */
  get isStoring(): boolean {
    return this.#options.receivers === undefined;
  }

  /** Whether it goes on with the same share after a kill: one that nobody stores yet is stored under another code. */
  get canBeKilled(): boolean {
    return !this.isStoring || this.#hasSent;
  }

  /** kill -9; it is run again after so long. */
  async kill(againAfterMs: number): Promise<void> {
    this.#againAfterMs = againAfterMs;
    await this.#child.kill();
  }

  /** Tells it to end, and runs it no more. */
  async giveUp(): Promise<void> {
    this.#isGivenUp = true;
    await this.#child.tell("SIGINT");
  }

  /** kill -9, for ever. */
  async end(): Promise<void> {
    this.#isGivenUp = true;
    await this.#child.kill();
    await this.ended;
  }

  async #live(): Promise<void> {
    try {
      for (let run = 1; run <= RUNS; run++) {
        const exitCode = await this.#child.ended;
        if (exitCode !== undefined || this.#isGivenUp) return;
        await sleep(this.#againAfterMs, undefined, { signal: this.#surroundings.signal });
        if (this.#isGivenUp) return;
        this.#child = this.#start();
      }
      throw new RangeError(`the sender was run ${RUNS} times`);
    } finally {
      this.#hasEnded = true;
      this.#codes.reject(new Error("the sender ended without a code"));
    }
  }

  #start(): Child {
    const { children, history } = this.#surroundings;
    const { state, input } = this.#options;
    const child = children.start({
      who: "sender",
      command: command(...this.#words),
      env: { XDG_STATE_HOME: state },
      seen: (line) => {
        const event = line as ClientEvent;
        history.add({ what: "event", who: "sender", event });
        if (event.event === "code") this.#codes.resolve(event.code);
        if (event.event === "receiver" && event.done) this.done.add(event.name);
        if (event.event === "progress") this.#hasSent = true;
        if (event.event === "relay" && event.online) {
          this.relay = event.url;
          this.connections++;
        }
      },
    });
    if (input !== undefined) void child.feed(input.pieces, input.everyMs);
    return child;
  }
}

export interface ReceiverOptions {
  readonly plan: ReceiverPlan;
  /** As `--relay` takes it. */
  readonly relay: string;
  readonly network?: Network;
  readonly sender: Sender;
  readonly code: string;
  readonly out: string;
  /** What it receives, a file or a folder. */
  readonly file: { readonly name: string; readonly bytes: number };
  readonly disk?: SmallDisk | undefined;
}

/** A receiver that is run again until it has ended by itself. */
export class Receiver {
  readonly network: Network | undefined;
  readonly out: string;
  readonly disk: SmallDisk | undefined;
  readonly name: string;
  readonly #options: ReceiverOptions;
  readonly #surroundings: Surroundings;
  #child: Child | undefined;
  #lastError: string | undefined;
  #wasFull = false;
  #againAfterMs = 0;
  #isPlaced = false;
  #isGivenUp = false;

  constructor(options: ReceiverOptions, surroundings: Surroundings) {
    this.#options = options;
    this.#surroundings = surroundings;
    this.network = options.network;
    this.out = options.out;
    this.disk = options.disk;
    this.name = options.plan.name;
  }

  /** The process, or undefined when there is none at present. */
  get child(): Child | undefined {
    return this.#child?.hasEnded === true ? undefined : this.#child;
  }

  /** It was killed when its file had its name already; whether the sender knows, nobody can say. */
  get isPlaced(): boolean {
    return this.#isPlaced;
  }

  /** Runs until there is nothing left to do. */
  async live(): Promise<void> {
    const { history, signal } = this.#surroundings;
    for (let run = 1; run <= RUNS; run++) {
      const child = this.#start();
      const exitCode = await child.ended;
      if (this.#isGivenUp) return;
      if (exitCode === undefined) {
        if (this.#hasPlaced()) {
          this.#isPlaced = true;
          history.add({ what: "placed", who: this.name });
          if (this.#options.sender.done.has(this.name)) return;
        }
        await sleep(this.#againAfterMs, undefined, { signal });
        if (this.#isGivenUp) return;
      } else if (this.#lastError === "disk-full" && this.#wasFull) {
        await this.disk?.free;
      } else {
        return;
      }
    }
    throw new RangeError(`${this.name} was run ${RUNS} times`);
  }

  /** kill -9; it is run again after so long. */
  async kill(againAfterMs: number): Promise<void> {
    this.#againAfterMs = againAfterMs;
    await this.#child?.kill();
  }

  /** Tells it to end, and runs it no more. */
  async giveUp(): Promise<void> {
    this.#isGivenUp = true;
    await this.#child?.tell("SIGINT");
  }

  /** Of a receiver that runs: its disk has no room from now on. */
  markFull(): void {
    this.#wasFull = true;
  }

  #start(): Child {
    const { plan, code, relay } = this.#options;
    const words = ["recv", "--yes", "--out", this.out, "--name", plan.name, "--relay", relay];
    if (plan.limit !== undefined) words.push("--limit", String(plan.limit));
    this.#wasFull = this.disk?.isFull ?? false;
    this.#lastError = undefined;
    const { children, history } = this.#surroundings;
    this.#child = children.start({
      who: plan.name,
      command: command(...words),
      // A person of its own, who is the same receiver in each run.
      env: { FILESHARE_CODE: code, XDG_STATE_HOME: `${this.out}-state` },
      seen: (line) => {
        const event = line as ClientEvent;
        history.add({ what: "event", who: plan.name, event });
        if (event.event === "error") this.#lastError = event.code;
      },
    });
    return this.#child;
  }

  /** The file is whole under its name, and nothing beside it says that it could be gone on with. */
  #hasPlaced(): boolean {
    const { name, bytes } = this.#options.file;
    const path = join(this.out, name);
    if (!existsSync(path) || bytesAt(path) !== bytes) return false;
    return !readdirSync(this.out).some((entry) => entry.endsWith(".partial"));
  }
}

function command(...words: string[]): string[] {
  const timeout = ["--connect-timeout", String(CONNECT_TIMEOUT_SECONDS)];
  return [process.execPath, MAIN, ...words, ...timeout, "--json"];
}
