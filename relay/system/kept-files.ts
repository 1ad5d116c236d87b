import { FaultError } from "../../protocol/mod.ts";

import { fingerprintOf } from "./file-text.ts";

export type FilesPoll =
  | { readonly found: "same" }
  | { readonly found: "changed" }
  | { readonly found: "trouble"; readonly why: string };

/**
 * The value that files of the operator hold. They may change at any time: be overwritten, renamed, or be
 * links that lead elsewhere. Invalid files change nothing.
 */
export class KeptFiles<Value> {
  readonly #paths: readonly string[];
  readonly #isSame: (one: Value, other: Value) => boolean;
  #value: Value;
  /** Of the files when they were read last. */
  #seen: string;
  /** They were wrong, and the operator was not told yet: their replacement may be under way. */
  #isSuspect = false;

  /** @throws what `read` throws */
  constructor(
    paths: readonly string[],
    read: () => Value,
    isSame: (one: Value, other: Value) => boolean,
  ) {
    this.#paths = paths;
    this.#isSame = isSame;
    this.#seen = this.#fingerprint();
    this.#value = read();
  }

  get value(): Value {
    return this.#value;
  }

  /**
   * Looks whether they hold something else. Of files that are wrong it tells once.
   * @param insists the operator asked: a fault is told at once, and again
   * @param read throws FaultError for files that are wrong
   */
  poll(insists: boolean, read: () => Value): FilesPoll {
    const fingerprint = this.#fingerprint();
    const haveChanged = fingerprint !== this.#seen;
    if (!haveChanged && !insists && !this.#isSuspect) return { found: "same" };
    this.#seen = fingerprint;
    let value: Value;
    try {
      value = read();
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      const wait = !insists && (haveChanged || !this.#isSuspect);
      this.#isSuspect = wait;
      return wait ? { found: "same" } : { found: "trouble", why: error.detail ?? error.code };
    }
    this.#isSuspect = false;
    const isSame = this.#isSame(value, this.#value);
    this.#value = value;
    return { found: isSame ? "same" : "changed" };
  }

  #fingerprint(): string {
    return this.#paths.map(fingerprintOf).join(", ");
  }
}
