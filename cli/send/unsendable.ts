/**
 * Entries of folders that cannot be sent, for their names or as they cannot be read: all are found in
 * one go, and said or left out together.
 */
import { FaultError } from "../../protocol/wire/faults.ts";

import { errorCode } from "../system/system-error.ts";
import type { Skipped } from "./skipped.ts";

/**
 * Names that cannot be sent and files that cannot be read that a sender lists; it counts the rest.
 */
export const UNSENDABLE_TOLD = 20;
/** A sender stops its search at so many files without an end: each takes up to UNSIZED_MS. */
const ENDLESS_FILES = 20;

/** The process lacks something: any other entry would fail next, and none of them is to blame. */
const LACKS: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/** The first UNSENDABLE_TOLD of one kind. */
class Told {
  count = 0;
  readonly #noun: string;
  readonly #first: string[] = [];

  constructor(noun: string) {
    this.#noun = noun;
  }

  add(detail: string): void {
    this.count++;
    if (this.#first.length < UNSENDABLE_TOLD) this.#first.push(detail);
  }

  get text(): string {
    const more = this.count - this.#first.length;
    const all = more > 0 ? [...this.#first, `and ${more} more`] : this.#first;
    return (this.count === 1 ? "" : `${this.count} ${this.#noun}: `) + all.join("; ");
  }
}

export class Unsendable {
  readonly #skipped: Skipped | undefined;
  readonly #names = new Told("names");
  readonly #unread = new Told("files and folders");
  #endless = 0;

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
    this.#names.add(detail);
  }

  /**
   * Of an entry that was opened or read. @param error thrown again unless it is about that entry
   * @param isStuck the read of it goes on for ever, so the search cannot
   */
  addUnread(local: string, error: unknown, isStuck: boolean): undefined {
    if (!(error instanceof FaultError)) throw error;
    const { code, detail = local, cause } = error;
    const isEndless = code === "endless-file";
    if (!isEndless && code !== "unreadable-file") throw error;
    if (LACKS.has(errorCode(cause))) throw error;
    const isOnlyReason = detail.startsWith(`${local} (`) && detail.endsWith(")");
    const reason = isOnlyReason ? detail.slice(local.length + 2, -1) : detail;
    this.#skipped?.add(local, isEndless ? "endless" : "unreadable", reason);
    this.#unread.add(detail);
    if (isEndless) this.#endless++;
    if (isStuck || this.#endless >= ENDLESS_FILES) throw this.#fault();
  }

  /**
   * After the search.
   * @param found whether anything is left to send
   * @throws FaultError "unsendable-name", "unreadable-file" or "endless-file" with all of them
   */
  check(found: boolean): void {
    if (this.#names.count + this.#unread.count === 0) return;
    if (this.#skipped === undefined || !found) throw this.#fault();
  }

  #fault(): FaultError {
    const [names, unread] = [this.#names, this.#unread];
    if (unread.count === 0) return new FaultError("unsendable-name", names.text);
    const code = unread.count === this.#endless ? "endless-file" : "unreadable-file";
    const besides = names.count === 0 ? "" : `; besides, ${names.text}`;
    return new FaultError(code, unread.text + besides);
  }
}
