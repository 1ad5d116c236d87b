import { NEED_AGAIN_MS } from "./read-ahead.ts";

/** A record that was asked of the sender and is not here yet. */
export interface Asked {
  /** Whether it is for a proven party. */
  readonly proven: boolean;
  /** Undefined: it was asked for before, and either answer may come, so its time tells nothing of the path. ms */
  readonly at: number | undefined;
}

/** The records that a sender is asked for on its line. `Origin` bounds them by the sender's credit. */
export class AskedRecords {
  readonly #records = new Map<number, Asked>();
  /** Of these, those for proven parties. */
  #proven = 0;
  /** The furthest record that came on this line of the sender; -1: none did. */
  #furthest = -1;
  /** When a record last came of those asked for, or was asked for while none was. */
  #movedAt = 0;
  /** Records before it were asked for. */
  #end = 0;
  /** Records asked for that were asked for before. */
  again = 0;

  get size(): number {
    return this.#records.size;
  }

  get proven(): number {
    return this.#proven;
  }

  get furthest(): number {
    return this.#furthest;
  }

  has(index: number): boolean {
    return this.#records.has(index);
  }

  /** Whether it was asked for at some time, on whatever line. */
  hadEver(index: number): boolean {
    return index < this.#end;
  }

  /** @param isAgain as `Asked.at` */
  add(index: number, proven: boolean, isAgain: boolean, now: number): void {
    if (this.#records.size === 0) this.#movedAt = now;
    this.#records.set(index, { proven, at: isAgain ? undefined : now });
    if (proven) this.#proven++;
    if (this.hadEver(index)) this.again++;
    else this.#end = index + 1;
  }

  /** It is read in the store, and the sender is not asked. */
  addRead(index: number, proven: boolean, now: number): void {
    if (this.#records.size === 0) this.#movedAt = now;
    this.#records.set(index, { proven, at: undefined });
    if (proven) this.#proven++;
  }

  /** A record came. @returns undefined: it was not asked for */
  came(index: number, now: number): Asked | undefined {
    const asked = this.#records.get(index);
    if (asked === undefined) return undefined;
    this.#records.delete(index);
    if (asked.proven) this.#proven--;
    this.#furthest = Math.max(this.#furthest, index);
    this.#movedAt = now;
    return asked;
  }

  /** No record comes, and those on their way lie behind all that came: the sender may hold them back. */
  isHeldBack(now: number): boolean {
    if (this.#records.size === 0 || now - this.#movedAt < NEED_AGAIN_MS) return false;
    for (const index of this.#records.keys()) if (index <= this.#furthest) return false;
    return true;
  }

  /** No record came for so long, though some were asked for. */
  isStill(now: number, ms: number): boolean {
    return this.#records.size > 0 && now - this.#movedAt >= ms;
  }

  /** It is no more waited for. */
  drop(index: number): void {
    if (this.#records.get(index)?.proven === true) this.#proven--;
    this.#records.delete(index);
  }

  /** The share has no records from this one on. @returns those that are no more waited for */
  dropFrom(end: number): number[] {
    const beyond = [...this.#records.keys()].filter((index) => index >= end);
    for (const index of beyond) this.drop(index);
    return beyond;
  }

  /** None of them may come any more. @returns them, each with whether it was for a proven party */
  forget(): (readonly [index: number, proven: boolean])[] {
    const all = Array.from(this.#records, ([index, { proven }]) => [index, proven] as const);
    this.#records.clear();
    this.#proven = 0;
    return all;
  }

  /** No record came on the sender's next line yet. */
  lineLost(): void {
    this.#furthest = -1;
  }
}
