import { ADMISSIONS_PER_SHARE, BoundedMap, toHex, type DismissReason } from "../../protocol/mod.ts";

/** A sender's decision about a receiver. */
export interface Admission {
  readonly receiver: Uint8Array;
  /** Undefined: it is admitted. */
  readonly dismissed: DismissReason | undefined;
}

/**
 * A sender's decisions about its receivers, newest last; kept at its home and at each worker that has
 * receivers. The sender repeats a forgotten decision on its next line.
 */
export class Admissions {
  readonly #byReceiver: BoundedMap<string, Admission>;

  constructor(most: number = ADMISSIONS_PER_SHARE) {
    this.#byReceiver = new BoundedMap(most);
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
    this.#byReceiver.set(key, admission);
  }

  clear(): void {
    this.#byReceiver.clear();
  }
}
