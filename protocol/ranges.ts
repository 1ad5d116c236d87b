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

  /** Indexes in the queue. */
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

  /** The head of the queue was served; anything else is ignored, it was asked on an older line. */
  take(index: number): void {
    const head = this.#runs[0];
    if (head?.first !== index) return;
    this.#size--;
    head.first++;
    head.count--;
    if (head.count === 0) this.#runs.shift();
  }
}
