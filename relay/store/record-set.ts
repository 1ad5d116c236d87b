import type { RecordRun } from "./record-store.ts";

/**
 * Records of one share, as runs. A sender that sends in order makes one run, and each receiver that reads elsewhere one
 * more; only a hostile one makes many, each of which costs memory here and a row at the book. items
 */
export const RUNS_MOST = 1024;

/** Indexes of records, kept as sorted runs that do not touch each other. */
export class RecordSet {
  readonly #runs: RecordRun[] = [];
  #size = 0;

  constructor(runs: Iterable<RecordRun> = []) {
    for (const { first, count } of runs) this.add(first, count);
  }

  /** How many records it has. */
  get size(): number {
    return this.#size;
  }

  /** Copies of the runs, in order. */
  get runs(): RecordRun[] {
    return this.#runs.map((run) => ({ ...run }));
  }

  has(index: number): boolean {
    return index < endOf(this.#runs[this.#after(index) - 1]);
  }

  /** The least record from `from` on that it lacks. */
  firstLacking(from = 0): number {
    return Math.max(from, endOf(this.#runs[this.#after(from) - 1]));
  }

  /** Whether one more record leaves it within RUNS_MOST. */
  hasRoomFor(index: number): boolean {
    if (this.#runs.length < RUNS_MOST) return true;
    const at = this.#after(index);
    return index <= endOf(this.#runs[at - 1]) || this.#runs[at]?.first === index + 1;
  }

  add(first: number, count = 1): void {
    let from = first;
    let end = first + count;
    let at = this.#after(first);
    const before = this.#runs[at - 1];
    if (before !== undefined && endOf(before) >= first) {
      from = before.first;
      end = Math.max(end, endOf(before));
      at--;
    }
    let replaced = 0;
    for (let run = this.#runs[at]; run !== undefined && run.first <= end;) {
      end = Math.max(end, endOf(run));
      this.#size -= run.count;
      replaced++;
      run = this.#runs[at + replaced];
    }
    this.#size += end - from;
    this.#runs.splice(at, replaced, { first: from, count: end - from });
  }

  clear(): void {
    this.#runs.length = 0;
    this.#size = 0;
  }

  /** The place of the first run that begins after this record. */
  #after(index: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { first = Infinity } = this.#runs[middle] ?? {};
      if (first <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function endOf(run: RecordRun | undefined): number {
  return run === undefined ? 0 : run.first + run.count;
}
