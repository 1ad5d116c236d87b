import { WANT_QUEUE_RECORDS } from "./limits.ts";
import { FaultError } from "./faults.ts";

interface Range {
  first: number;
  count: number;
}

/** Record indexes to be served in the order they were asked for, kept as runs. */
export class RecordRanges {
  readonly #runs: Range[] = [];
  #size = 0;

  /** The index to serve next. */
  get first(): number | undefined {
    return this.#runs[0]?.first;
  }

  /** The first in the queue before `end`. */
  firstBelow(end: number): number | undefined {
    return this.#runs.find(({ first }) => first < end)?.first;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Asks for `count` records from `first` on.
   * @throws FaultError `bad-message` when more than WANT_QUEUE_RECORDS would wait
   */
  add(first: number, count: number): void {
    if (this.#size + count > WANT_QUEUE_RECORDS) {
      throw new FaultError("bad-message", "more records wanted than a queue holds");
    }
    this.#size += count;
    const last = this.#runs.at(-1);
    if (last !== undefined && last.first + last.count === first) last.count += count;
    else this.#runs.push({ first, count });
  }

  /** A record from `first` or `firstBelow` was served; any other was asked for on an older line. */
  take(index: number): void {
    const at = this.#runs.findIndex(({ first }) => first === index);
    const run = this.#runs[at];
    if (run === undefined) return;
    this.#size--;
    run.first++;
    run.count--;
    if (run.count === 0) this.#runs.splice(at, 1);
  }
}
