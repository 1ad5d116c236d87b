/** Entries whose names cannot be sent: all are found in one go, and said or left out together. */
import { FaultError } from "../protocol/faults.ts";
import { UNSENDABLE_TOLD } from "../protocol/limits.ts";
import type { Skipped } from "./skipped.ts";

export class Unsendable {
  readonly #skipped: Skipped | undefined;
  readonly #told: string[] = [];
  #count = 0;

  /** @param skipped where they go if they are to be left out */
  constructor(skipped: Skipped | undefined) {
    this.#skipped = skipped;
  }

  /** @returns the name, or undefined when it cannot be sent */
  try<T>(local: string, name: () => T): T | undefined {
    try {
      return name();
    } catch (error) {
      if (!(error instanceof FaultError) || error.code !== "unsendable-name") throw error;
      this.add(local, error.detail ?? local);
      return undefined;
    }
  }

  add(local: string, detail: string): undefined {
    this.#skipped?.add(local, "unsafe");
    this.#count++;
    if (this.#told.length < UNSENDABLE_TOLD) this.#told.push(detail);
  }

  /**
   * After the search.
   * @param found whether anything is left to send
   * @throws FaultError "unsendable-name" with all of them
   */
  check(found: boolean): void {
    if (this.#count === 0 || (this.#skipped !== undefined && found)) return;
    const more = this.#count - this.#told.length;
    const all = more > 0 ? [...this.#told, `and ${more} more`] : this.#told;
    const count = this.#count === 1 ? "" : `${this.#count} names: `;
    throw new FaultError("unsendable-name", count + all.join("; "));
  }
}
