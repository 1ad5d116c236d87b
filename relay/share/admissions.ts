import { toHex, ADMISSIONS_PER_SHARE, type DismissReason } from "../../protocol/mod.ts";

/** What a sender said of a receiver. */
export interface Admission {
  readonly receiver: Uint8Array;
  /** Undefined: it is admitted. */
  readonly dismissed: DismissReason | undefined;
}

/**
 * What a sender said of its receivers, newest last; kept at its home and at each worker that has
 * receivers. What is forgotten, here or with a worker, the sender says again on its next line.
 */
export class Admissions {
  readonly #byReceiver = new Map<string, Admission>();
  readonly #most: number;

  constructor(most: number = ADMISSIONS_PER_SHARE) {
    this.#most = most;
  }

  get list(): Admission[] {
    return [...this.#byReceiver.values()];
  }

  get size(): number {
    return this.#byReceiver.size;
  }

  /** @param key the receiver's id in hex */
  of(key: string): Admission | undefined {
    return this.#byReceiver.get(key);
  }

  /** A receiver that was dismissed stays so. */
  add(admission: Admission): void {
    const key = toHex(admission.receiver);
    if (this.#byReceiver.get(key)?.dismissed !== undefined) return;
    this.#byReceiver.delete(key);
    this.#byReceiver.set(key, admission);
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
