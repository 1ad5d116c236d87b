import { RELAY_LIMIT_NAMES, type RelayLimitName } from "./operator-limits.ts";

/** Of the main thread; workers have the rows after it. */
const MAIN_ROW = 0;

/** How often each limit was gone over, in memory that all threads share. */
export function createRefusalCounters(workers: number): SharedArrayBuffer {
  const counts = (workers + 1) * RELAY_LIMIT_NAMES.length;
  return new SharedArrayBuffer(counts * BigInt64Array.BYTES_PER_ELEMENT);
}

/** One thread's hand on it. A worker that comes after one that crashed counts on in its row. */
export class RefusalCounters {
  readonly #counts: BigInt64Array;
  readonly #row: number;

  /** @param worker undefined: the main thread */
  constructor(buffer: SharedArrayBuffer, worker?: number) {
    this.#counts = new BigInt64Array(buffer);
    this.#row = worker === undefined ? MAIN_ROW : worker + 1;
  }

  /** Counts a client that this limit refused or cut off, or that had to wait where it has no fault. */
  count(name: RelayLimitName): void {
    const column = RELAY_LIMIT_NAMES.indexOf(name);
    Atomics.add(this.#counts, this.#row * RELAY_LIMIT_NAMES.length + column, 1n);
  }
}

/** By limit, over all threads since the relay was started. */
export function refusalCounts(buffer: SharedArrayBuffer): Record<RelayLimitName, number> {
  const counts = new BigInt64Array(buffer);
  const columns = RELAY_LIMIT_NAMES.length;
  const sums = RELAY_LIMIT_NAMES.map((name, column) => {
    let sum = 0n;
    for (let at = column; at < counts.length; at += columns) sum += Atomics.load(counts, at);
    return [name, Number(sum)] as const;
  });
  return Object.fromEntries(sums) as Record<RelayLimitName, number>;
}
