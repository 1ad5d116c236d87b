import type { FromStoreBook } from "../share/messages.ts";
import type { MayWrite } from "../store/s3-bucket.ts";

/**
 * The time for which this worker may write records to a bucket that other relays of the cluster use too. The main thread
 * says it after each heartbeat. After a lapse it first tells the worker which shares other relays have taken: otherwise an
 * older part from this relay could replace a fuller one of the next owner.
 */
export class WorkerFence implements MayWrite {
  readonly waits = true;
  #steadyUntil = 0;
  #wallUntil = 0;

  /** A message that waited while the relay stood still finds the wall clock ahead. */
  told({ left, until }: Extract<FromStoreBook, { t: "may-write" }>): void {
    this.#steadyUntil = performance.now() + left;
    this.#wallUntil = until;
  }

  get left(): number {
    const left = Math.min(this.#steadyUntil - performance.now(), this.#wallUntil - Date.now());
    return Math.max(0, left);
  }
}
