import { toHex, VERDICTS_PER_SHARE, type DismissReason } from "../../protocol/mod.ts";

/** What a sender said of a receiver. */
export interface Verdict {
  readonly receiver: Uint8Array;
  /** Undefined: it is admitted. */
  readonly dismissed: DismissReason | undefined;
}

/**
 * What a sender said of its receivers, newest last; kept at its home and at each worker that has
 * receivers. What is forgotten, here or with a worker, the sender says again on its next line.
 */
export class Verdicts {
  readonly #byReceiver = new Map<string, Verdict>();
  readonly #most: number;

  constructor(most: number = VERDICTS_PER_SHARE) {
    this.#most = most;
  }

  get list(): Verdict[] {
    return [...this.#byReceiver.values()];
  }

  get size(): number {
    return this.#byReceiver.size;
  }

  /** @param key the receiver's id in hex */
  of(key: string): Verdict | undefined {
    return this.#byReceiver.get(key);
  }

  /** A receiver that was dismissed stays so. */
  add(verdict: Verdict): void {
    const key = toHex(verdict.receiver);
    if (this.#byReceiver.get(key)?.dismissed !== undefined) return;
    this.#byReceiver.delete(key);
    this.#byReceiver.set(key, verdict);
    if (this.#byReceiver.size <= this.#most) return;
    for (const oldest of this.#byReceiver.keys()) {
      this.#byReceiver.delete(oldest);
      break;
    }
  }

  clear(): void {
    this.#byReceiver.clear();
  }
}
