/**
 * The first records of a far share, which the relay asks for before a receiver does. So a receiver that comes gets
 * them at once from the log, and the connections of its sender are fast by then. A sender with several connections is
 * far, or was told to use them; near ones need no head start. `Origin` owns one for each sender that has it.
 *
 *   asked (by `next`) --came--> in the log
 *                     --needed--> a receiver waits for it: it counts as asked for that receiver
 *                     --lost--> asked again on the next line
 *                     --its sender is silent, and the log has little room--> asked when a receiver needs it
 */
import type { Offer } from "../../protocol/mod.ts";

/**
 * A sender uploads so much at most for receivers that may never come. Twice a receiver's first window: one that came
 * takes this before records can come because of its acknowledgements. bytes
 */
export const HEAD_START_BYTES = 32 * 1024 ** 2;
/**
 * The same once a receiver agreed. Its connections take some ten round trips to get fast, and the first
 * acknowledgement comes after them; those of the sender are fast already. bytes
 */
export const HEAD_START_AGREED_BYTES = 64 * 1024 ** 2;

/**
 * A sender that answers nothing for so long keeps no places of the log for its answers: sooner when others lack room, and
 * as late as a receiver would give it up otherwise. Senders may hold records back by right, so it costs them nothing else. ms
 */
export const HEAD_START_SILENT_MS = { crowded: 30_000, roomy: 120_000 };

/** The weight of a log that no receiver reads, as a part of its own: others that are read need theirs. */
export const HEAD_START_WEIGHT_PART = 1 / 32;

export class HeadStart {
  readonly #recordSize: number;
  /** Of the share. */
  readonly #records: number;
  #end: number;
  #next = 0;
  #isGivenUp = false;
  /** Asked for, not here, and not needed by a receiver. */
  readonly #awaited = new Set<number>();

  constructor({ records, recordSize }: Pick<Offer, "records" | "recordSize">) {
    this.#recordSize = recordSize;
    this.#records = records;
    this.#end = this.#within(HEAD_START_BYTES);
  }

  #within(bytes: number): number {
    return Math.min(this.#records, Math.floor(bytes / this.#recordSize));
  }

  /** A receiver agreed to take the share. */
  agreed(): void {
    this.#end = this.#within(HEAD_START_AGREED_BYTES);
  }

  /** Records on their way that no receiver needs. */
  get awaited(): number {
    return this.#awaited.size;
  }

  get isOver(): boolean {
    return this.#isGivenUp || this.#next >= this.#end;
  }

  /** The log has no room to spare: what did not come by now comes when a receiver needs it. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** The same, and nothing is awaited any more. @returns what was */
  giveUpAwaited(): number[] {
    this.giveUp();
    const awaited = [...this.#awaited];
    this.#awaited.clear();
    return awaited;
  }

  /** The record to ask for next, which `asked` follows. @param end of those that the log has room for */
  next(isLacking: (index: number) => boolean, end: number): number | undefined {
    while (this.#next < Math.min(this.#end, end)) {
      if (isLacking(this.#next)) return this.#next;
      this.#next++;
    }
    return undefined;
  }

  asked(index: number): void {
    this.#awaited.add(index);
    this.#next = index + 1;
  }

  /** A receiver had it asked for: it may be gone by the time that the head start would come to it. */
  skip(index: number): void {
    if (index < this.#end) this.#next = Math.max(this.#next, index + 1);
  }

  came(index: number): void {
    this.#awaited.delete(index);
  }

  needed(index: number): void {
    this.#awaited.delete(index);
  }

  /** The record may not come any more. @returns whether no receiver needs it */
  lost(index: number): boolean {
    if (!this.#awaited.delete(index)) return false;
    this.#next = Math.min(this.#next, index);
    return true;
  }
}
