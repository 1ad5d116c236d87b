/**
 * One run: a sender stores a file, receivers take it, and it ends, while the relay, the sender and the receivers are
 * killed at the times of the plan. Then its copies and the folder or bucket of the store must be as they should.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { ClientEvent } from "../../../cli/mod.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { S3_BUCKET, type S3Server } from "../../support/net/s3-server.ts";
import { until } from "../../support/until.ts";
import { Random } from "../../simulation/random.ts";
import { Children, type Child } from "../child.ts";
import { History } from "../history.ts";
import { CONNECT_TIMEOUT_SECONDS, RUNS } from "../limits.ts";
import { freePort } from "../relay.ts";
import { withinMs } from "../time.ts";
import { planStored, type Kill, type StoredPlan } from "./plan.ts";

const MAIN = join(import.meta.dir, "../../../cli/main.ts");
/** The longest life that the relay allows to a share that shall expire soon: its sender stores it once more. s */
const SHORT_LIFE = 1;
/** Faults of a command that found no relay, or had no turn on a busy machine in time. */
const BUSY: ReadonlySet<string> = new Set(["relay-unreachable", "hello-timeout"]);
/** Records of a share that is over are gone by then: its life, a tick, and a relay that starts on a busy machine. */
const GONE_MS = 60_000;

export interface StoredResult {
  readonly wrong: readonly string[];
  readonly kills: number;
  /** Undefined where nothing is wrong: it is removed. */
  readonly historyPath: string | undefined;
}

/** @param s3 the relay stores there; undefined: in a folder */
export async function playStored(seed: number, s3?: S3Server): Promise<StoredResult> {
  const folder = mkdtempSync(join(tmpdir(), "fileshare-stored-"));
  const historyPath = join(folder, "history.jsonl");
  const wrong: string[] = [];
  let kills = 0;
  {
    using history = new History(historyPath);
    await using children = new Children(history);
    const store = s3 === undefined ? folderStore(folder) : bucketStore(s3, seed);
    const run = new StoredRun(seed, folder, store, children, history);
    try {
      await run.play();
    } catch (error) {
      run.wrong.push(
        `the run broke off: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    wrong.push(...run.wrong);
    kills = run.kills;
  }
  if (wrong.length === 0) rmSync(folder, { recursive: true, force: true });
  return { wrong, kills, historyPath: wrong.length === 0 ? undefined : historyPath };
}

/** Where the relay of a run stores. */
interface StoreOfRun {
  /** As `--store` takes it. */
  readonly place: string;
  readonly env: Readonly<Record<string, string>>;
  /** Places of records, of which a share has one. */
  records(): readonly string[];
}

function folderStore(folder: string): StoreOfRun {
  const place = join(folder, "store");
  return { place, env: {}, records: () => readdirSync(join(place, "records")) };
}

function bucketStore(s3: S3Server, seed: number): StoreOfRun {
  const records = `seed${seed}/records/`;
  return {
    place: `s3://${S3_BUCKET}/seed${seed}`,
    env: s3.env,
    records: () => [...new Set(s3.keys(records).map((key) => key.split("/")[2] ?? ""))],
  };
}

class StoredRun {
  readonly wrong: string[] = [];
  kills = 0;
  readonly #plan: StoredPlan;
  readonly #folder: string;
  readonly #store: StoreOfRun;
  readonly #children: Children;
  readonly #history: History;
  readonly #random: Random;
  #port = 0;
  #relay: Child | undefined;
  #limits: string[] = [];
  #code = "";
  /** The sender has sent something of the share with this code. */
  #isTaken = false;
  /** Shares that their sender has forgotten; the relay may have them, unfinished. */
  #abandoned = 0;
  /** Files of records once it was stored. */
  #files = 0;
  /** Bytes that the relay said are durable. */
  #acknowledged = 0;

  constructor(
    seed: number,
    folder: string,
    store: StoreOfRun,
    children: Children,
    history: History,
  ) {
    this.#plan = planStored(seed);
    this.#random = new Random(`stored port ${seed}`);
    this.#folder = folder;
    this.#store = store;
    this.#children = children;
    this.#history = history;
  }

  async play(): Promise<void> {
    const { bytes } = this.#plan;
    await Bun.write(this.#source, this.#random.bytes(Math.min(bytes, 4096)));
    await growTo(this.#source, bytes);
    this.#port = await freePort(this.#random);
    await this.#startRelay();
    await this.#upload();
    await this.#serve();
    await this.#end();
    await this.#relay?.kill();
  }

  get #source(): string {
    return join(this.#folder, "source.bin");
  }

  get #records(): readonly string[] {
    return this.#store.records();
  }

  /** Ends with a stored share, however often its sender and the relay are killed. */
  async #upload(): Promise<void> {
    const { downloads } = this;
    const words = ["send", "--store", "--expires", "1d", ...downloads, this.#source];
    const seen = (event: ClientEvent): void => {
      if (event.event === "code" && event.code !== this.#code) {
        // Of a share that no relay had taken, as far as its sender knew, nothing is kept.
        if (this.#isTaken) this.wrong.push("another code came");
        if (this.#code !== "") this.#abandoned++;
        this.#code = event.code;
      }
      if (event.event === "progress") this.#isTaken = true;
      if (event.event !== "storing") return;
      if (event.bytes < this.#acknowledged) {
        this.wrong.push(`${event.bytes} bytes are durable, and ${this.#acknowledged} were before`);
      }
      this.#acknowledged = event.bytes;
    };
    const ended = await this.#untilDone("sender", words, this.#plan.upload, seen);
    if (ended !== EXIT.done) this.wrong.push(`the sender ended with ${ended}`);
    this.#files = this.#records.length;
    if (this.#files < 1 || this.#files > 1 + this.#abandoned) {
      this.wrong.push(`${this.#files} files of records`);
    }
  }

  get downloads(): string[] {
    const { end, receivers } = this.#plan;
    return end === "exhaust" ? ["--downloads", String(receivers)] : [];
  }

  /** Receivers without their sender. */
  async #serve(): Promise<void> {
    const names = Array.from({ length: this.#plan.receivers }, (_, index) => `receiver ${index}`);
    await Promise.all(
      names.map(async (name, index) => {
        const out = join(this.#folder, name);
        const words = ["recv", "--yes", "--out", out];
        // The kills of the relay are for all: they come with those of the first receiver.
        const kills = index === 0 ? this.#plan.serving : [];
        const faults: string[] = [];
        const ended = await this.#untilDone(name, words, kills, (event) => {
          if (event.event === "error") faults.push(event.code);
        });
        // Killed with its file in its place, it may have had the last download.
        const mayBeLast = this.#plan.end === "exhaust" && faults.at(-1) === "exhausted";
        if (ended !== EXIT.done && !mayBeLast) this.wrong.push(`${name} ended with ${ended}`);
        else if (!(await isSame(this.#source, join(out, "source.bin"))))
          this.wrong.push(`${name} has a wrong copy`);
      }),
    );
  }

  /** It is over, on disk too, and receivers hear why. */
  async #end(): Promise<void> {
    const { end, ending } = this.#plan;
    if (end === "revoke") {
      await this.#revoke(ending);
    } else if (end === "expire") {
      await this.#relay?.kill();
      this.#limits = ["--store-life", String(SHORT_LIFE)];
      await this.#startRelay();
      await this.#untilDone("sender", ["send", "--store", this.#source], ending);
    } else {
      await this.#killAsPlanned(ending, () => undefined, new AbortController().signal);
    }
    await withinMs(
      GONE_MS,
      "the records of a share that is over are gone",
      until(() => this.#records.length < this.#files),
    );
    const reason = { revoke: "revoked", expire: "stored-expired", exhaust: "exhausted" }[end];
    const faults: string[] = [];
    const late = ["recv", "--yes", "--out", join(this.#folder, "late")];
    const ended = await this.#untilDone("late", late, [], (event) => {
      if (event.event === "error") faults.push(event.code);
    });
    if (ended !== EXIT.failed || faults.at(-1) !== reason) {
      this.wrong.push(`a late receiver ended with ${ended}, ${faults.at(-1)} and not ${reason}`);
    }
  }

  /** A command that ends so is run again by its user. */
  async #revoke(kills: readonly Kill[]): Promise<void> {
    const faults: string[] = [];
    let coming = kills;
    for (let run = 0; run < RUNS; run++) {
      const ended = await this.#untilDone("sender", ["revoke", this.#code], coming, (event) => {
        if (event.event === "error") faults.push(event.code);
      });
      if (ended === EXIT.done) return;
      if (!BUSY.has(faults.at(-1) ?? "")) {
        this.wrong.push(`revoke ended with ${ended} and ${faults.at(-1)}`);
        return;
      }
      coming = [];
    }
    throw new RangeError(`revoke was run ${RUNS} times`);
  }

  /** Runs a command again and again until it ends by itself. @returns its exit code */
  async #untilDone(
    who: string,
    words: readonly string[],
    kills: readonly Kill[],
    seen: (event: ClientEvent) => void = () => undefined,
  ): Promise<number> {
    let child = this.#startClient(who, words, seen);
    const over = new AbortController();
    let awayMs = 0;
    const killing = this.#killAsPlanned(
      kills,
      (kill) => {
        awayMs = kill.awayMs;
        return child.kill();
      },
      over.signal,
    );
    try {
      for (let run = 0; run < RUNS; run++) {
        const ended = await child.ended;
        if (ended !== undefined) return ended;
        await sleep(awayMs);
        child = this.#startClient(who, words, seen);
      }
      throw new RangeError(`${who} was run ${RUNS} times`);
    } finally {
      over.abort();
      await killing;
    }
  }

  async #killAsPlanned(
    kills: readonly Kill[],
    killClient: (kill: Kill) => Promise<void> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    for (const kill of kills) {
      await sleep(kill.afterMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      this.kills++;
      if (kill.target === "client") {
        await killClient(kill);
        continue;
      }
      await this.#relay?.kill();
      await sleep(kill.awayMs);
      await this.#startRelay();
    }
  }

  async #startRelay(): Promise<void> {
    const where = ["--host", "127.0.0.1", "--port", String(this.#port), "--admin", "off"];
    const listens = Promise.withResolvers<void>();
    const child = this.#children.start({
      who: "relay",
      command: [
        process.execPath,
        MAIN,
        "relay",
        ...where,
        "--store",
        this.#store.place,
        ...this.#limits,
        "--json",
      ],
      env: this.#store.env,
      seen: (line) => {
        this.#history.add({ what: "said", who: "relay", line });
        listens.resolve();
      },
    });
    this.#relay = child;
    void child.ended.then(() => listens.reject(new Error("the relay ended at its start")));
    await listens.promise;
  }

  #startClient(who: string, words: readonly string[], seen: (event: ClientEvent) => void): Child {
    const state = join(this.#folder, `state of ${who}`);
    mkdirSync(state, { recursive: true });
    const patience =
      words[0] === "revoke" ? [] : ["--connect-timeout", String(CONNECT_TIMEOUT_SECONDS)];
    const relay = words[0] === "revoke" ? [] : ["--relay", `ws://127.0.0.1:${this.#port}`];
    return this.#children.start({
      who,
      command: [process.execPath, MAIN, ...words, ...relay, ...patience, "--json"],
      env: { XDG_STATE_HOME: state, ...(words[0] === "recv" && { FILESHARE_CODE: this.#code }) },
      seen: (line) => {
        const event = line as ClientEvent;
        this.#history.add({ what: "event", who, event });
        seen(event);
      },
    });
  }
}

/** Repeats its content up to so many bytes. */
async function growTo(path: string, bytes: number): Promise<void> {
  const seed = new Uint8Array(await Bun.file(path).arrayBuffer());
  const content = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) content[at] = (seed[at % seed.length] ?? 0) ^ (at >> 12);
  await Bun.write(path, content);
}

async function isSame(one: string, other: string): Promise<boolean> {
  if (!existsSync(other)) return false;
  const [a, b] = await Promise.all([Bun.file(one).bytes(), Bun.file(other).bytes()]);
  return Buffer.compare(a, b) === 0;
}
