/**
 * Counts the downloads of stored shares, and knows where they are limited which receivers may finish after the last one.
 * A receipt counts if the relay gave its receiver a record: the rest may have come from elsewhere, and the relay cannot
 * check its MAC. `StoreBook` owns it.
 *
 *   record given --begun--> may finish --download--> counted once
 */
import { RECEIPTS_PER_MESSAGE, toHex, type StoredReceipt } from "../../protocol/mod.ts";

import { hasCounted, withCounted } from "./counted-receivers.ts";
import { isExhausted, isWhole, receiptAt, type Kept } from "./kept-share.ts";
import type { ShareShelf } from "./share-shelf.ts";

/** A share without downloads left waits so long for receivers that had begun, while none is there. ms */
export const BEGUN_ABSENT_MS = 10 * 60 * 1000;
/** And so long for those that are there: the largest share by default takes them 1.6 Mbit/s. ms */
export const FINISH_MS = 24 * 60 * 60 * 1000;
/**
 * After a crash of the relay or of a worker the book can't know which receivers had just begun: so long each receipt
 * counts. ms
 */
export const CRASH_MS = 60 * 60 * 1000;

type Receipt = Omit<StoredReceipt, "at">;

export class Downloads {
  readonly #shelf: ShareShelf;
  /** Since the relay began. */
  counted = 0;
  #crashedAt: number;

  /** @param now a relay may have crashed before */
  constructor(shelf: ShareShelf, now: number) {
    this.#shelf = shelf;
    this.#crashedAt = now;
  }

  crashed(now: number): void {
    this.#crashedAt = now;
  }

  begun(key: string, receiver: string, address: string | undefined, now: number): void {
    const one = this.#shelf.get(key);
    if (one?.share.downloadsMost === undefined || isExhausted(one)) return;
    if (one.begun.add(receiver, address)) this.#shelf.unsaved.progress(key, now);
  }

  /** A reader by HTTP, which had begun, is gone and does not come back. */
  readerGone(key: string, receiver: string, now: number): void {
    const one = this.#shelf.get(key);
    if (one?.begun.delete(receiver) !== true) return;
    this.#shelf.unsaved.progress(key, now);
    this.settle(one, now);
  }

  /** Receivers that had begun are there, and no download is left. */
  finishing(key: string, now: number): void {
    const finishing = this.#shelf.get(key)?.finishing;
    if (finishing !== undefined) finishing.seenAt = now;
  }

  /** @param wasServed whether the receiver was given a record at its worker */
  download(key: string, receipt: Receipt, wasServed: boolean, now: number): void {
    const one = this.#shelf.get(key);
    if (one === undefined) return;
    const { unsaved } = this.#shelf;
    const id = toHex(receipt.receiver);
    const hadBegun = one.begun.delete(id);
    // It has the share, from here or not, and has nothing more to say.
    unsaved.counted({ t: "counted", key, receiver: new Uint8Array(receipt.receiver) });
    const isOurs = wasServed || hadBegun || now - this.#crashedAt < CRASH_MS;
    const isNew = !hasCounted(one.share.counted, id);
    const isLimited = one.share.downloadsMost !== undefined;
    if (isNew && (isOurs || !isLimited)) this.#count(one, receipt, id, now);
    else if (!hadBegun) return;
    unsaved.share(key);
    if (isLimited) unsaved.state(key);
    this.settle(one, now);
  }

  #count(one: Kept, receipt: Receipt, id: string, now: number): void {
    const { receipts, counted, downloads } = one.share;
    this.counted++;
    one.share = {
      ...one.share,
      downloads: downloads + 1,
      receipts: [...receipts, receiptAt(receipt, now)].slice(-RECEIPTS_PER_MESSAGE),
      counted: withCounted(counted, id),
    };
  }

  /** A share that was received as often as it may goes with the last receiver that had begun. */
  settle(one: Kept, now: number): void {
    if (isWhole(one) && isExhausted(one) && one.begun.size === 0) {
      this.#shelf.over(one, "exhausted", now);
    }
  }

  /** @returns whether no download is left, and those that had begun had their time */
  isOver(one: Kept, now: number): boolean {
    one.finishing = isExhausted(one) ? (one.finishing ?? { since: now, seenAt: now }) : undefined;
    if (one.finishing === undefined) return false;
    const { since, seenAt } = one.finishing;
    return now - seenAt >= BEGUN_ABSENT_MS || now - since >= FINISH_MS;
  }
}
