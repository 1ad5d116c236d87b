import { ArrivalRate } from "./arrival-rate.ts";

/**
 * A sender at least so fast is read again rather than logged for receivers that may come: it gives 1 GiB again
 * within 16 s, and the log would be much of the relay's work for one receiver. bytes/s
 */
export const PASS_BYTES_PER_SECOND = 64 * 1024 ** 2;

/** The record before it stays in the log: a receiver that only looks needs no more. */
const FIRST_DROPPED = 1;

/**
 * Whether the log may let go of records that a later receiver could need, because their sender is fast and gives them
 * again in little time. It does so once: from the first record that a receiver needed again, the log keeps all.
 */
export class ReadAgain {
  readonly #leastBytesPerSecond: number;
  readonly #rate = new ArrivalRate();
  /** Records from FIRST_DROPPED on and before this one went back. */
  #dropped = FIRST_DROPPED;
  /** Records before it went past the log, or some of them. */
  #passed = 0;
  #wasNeeded = false;
  /** The sender is at another relay: the line between them carries each record once. */
  isRemote = false;

  /** @param leastBytesPerSecond Infinity: the share can't be read again */
  constructor(leastBytesPerSecond: number) {
    this.#leastBytesPerSecond = leastBytesPerSecond;
  }

  /** Whether the sender would give all again in little time. */
  get isSoon(): boolean {
    return (
      !this.isRemote && !this.#wasNeeded && this.#rate.bytesPerSecond >= this.#leastBytesPerSecond
    );
  }

  came(bytes: number, now: number): void {
    this.#rate.note(bytes, now);
  }

  passed(index: number): void {
    this.#passed = index + 1;
  }

  /** Lets go of all records before this one. @returns the first that goes; undefined: none does */
  dropBefore(before: number): number | undefined {
    if (!this.isSoon || before <= this.#dropped) return undefined;
    const first = this.#dropped;
    this.#dropped = before;
    return first;
  }

  /** A receiver needs a record that is not in the log. */
  needed(index: number): void {
    this.#wasNeeded ||= index < this.#passed || (index >= FIRST_DROPPED && index < this.#dropped);
  }
}
