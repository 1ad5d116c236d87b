import { NEED_AGAIN_MS, READ_AHEAD_RECORDS } from "../protocol/mod.ts";

import type { RecordReader } from "./log.ts";
import type { RecordRun } from "./messages.ts";

/**
 * The records that receivers of one fan-out will read soon and the log lacks: each is asked for once,
 * and again when it did not come for NEED_AGAIN_MS and somebody still waits.
 */
export class Needs {
  readonly #records: number;
  readonly #ask: (runs: RecordRun[]) => void;
  /** Asked for and not here yet, with the time of asking. */
  readonly #asked = new Map<number, number>();
  /** To be asked for at the next flush. */
  readonly #fresh: number[] = [];

  constructor(records: number, ask: (runs: RecordRun[]) => void) {
    this.#records = records;
    this.#ask = ask;
  }

  /** Somebody reads from `from` on. */
  readAhead(from: number, log: RecordReader, now: number): void {
    // A quarter of the log: others read elsewhere, and what comes too early is gone when needed.
    const ahead = Math.max(1, Math.min(READ_AHEAD_RECORDS, Math.floor(log.capacity / 4)));
    const end = Math.min(from + ahead, this.#records);
    for (let index = from; index < end; index++) {
      if (this.#asked.has(index) || log.has(index)) continue;
      this.#asked.set(index, now);
      this.#fresh.push(index);
    }
  }

  came(index: number): void {
    this.#asked.delete(index);
  }

  /** What was asked long ago may be asked again. */
  expire(now: number): void {
    for (const [index, since] of this.#asked) {
      if (now - since >= NEED_AGAIN_MS) this.#asked.delete(index);
    }
  }

  /** Whoever was asked knows nothing of it any more. */
  clear(): void {
    this.#asked.clear();
  }

  /** Asks for all that is new, in runs. */
  flush(): void {
    if (this.#fresh.length === 0) return;
    const runs: RecordRun[] = [];
    for (const index of this.#fresh) {
      const last = runs.at(-1);
      if (last !== undefined && last.first + last.count === index) last.count++;
      else runs.push({ first: index, count: 1 });
    }
    this.#fresh.length = 0;
    this.#ask(runs);
  }
}
