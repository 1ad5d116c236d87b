/**
 * Memory for frames on their way to a store and from it. All stored shares of a worker have one, so that slow disks and
 * many shares together take a bounded part of its memory.
 */

/** For all stored shares of a worker: 64 of the largest frames each way. bytes */
export const STORE_WORKER_BYTES = 128 * 1024 ** 2;
/** Kept while nothing moves: warm memory for the next frames. bytes */
export const STORE_IDLE_BYTES = 16 * 1024 ** 2;

export class RecordBuffers {
  readonly #most: number;
  readonly #idle = new Map<number, Uint8Array[]>();
  #idleBytes = 0;
  #used = 0;
  /** Told once when a buffer came back. */
  #waiting: (() => void)[] = [];

  constructor(most = STORE_WORKER_BYTES) {
    this.#most = most;
  }

  /** @returns undefined: all is in use; `whenFree` tells when to try again */
  take(bytes: number): Uint8Array | undefined {
    if (this.#used > 0 && this.#used + bytes > this.#most) return undefined;
    this.#used += bytes;
    const idle = this.#idle.get(bytes)?.pop();
    if (idle === undefined) return new Uint8Array(new ArrayBuffer(bytes));
    this.#idleBytes -= bytes;
    return idle;
  }

  give(buffer: Uint8Array): void {
    this.#used -= buffer.length;
    this.#keep(buffer);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tell of waiting) tell();
  }

  whenFree(tell: () => void): void {
    this.#waiting.push(tell);
  }

  #keep(buffer: Uint8Array): void {
    const { length } = buffer;
    if (this.#idleBytes + length > STORE_IDLE_BYTES) {
      const isOther = !this.#idle.has(length);
      if (!isOther) return;
      // Shares with frames of another size are over, or have their turn later.
      this.#idle.clear();
      this.#idleBytes = 0;
    }
    const idle = this.#idle.get(length);
    if (idle === undefined) this.#idle.set(length, [buffer]);
    else idle.push(buffer);
    this.#idleBytes += length;
  }
}
