/**
 * The store's side of a share at its home. It reads the records that the store has in place of the sender, hands the
 * sender's records to the store, and says which of them the sender shall give for the store alone:
 *
 *   Origin --want--> HomeShare --serve--> StoreDesk --read--> RecordStore --frame--> Origin
 *                        |                                        ^
 *                        +--the rest--> sender --frame--> Origin --take
 *
 * The store is the party of the least priority at the origin, so a slow one slows no receiver: a record that it has no
 * room for is copied from the log later, or asked for again. A share that can't be read again goes through the store in
 * its order, and the store paces its sender; receivers read behind that. `HomeShare` owns a desk for each stored share.
 */
import {
  CREDIT_RECORDS,
  decodeFrame,
  FaultError,
  isOfShare,
  isOpen,
  type Offer,
} from "../../protocol/mod.ts";

import { RecordSet } from "../store/record-set.ts";
import type { OpenRecords, RecordRun, RecordStore } from "../store/record-store.ts";
import type { StoredState } from "../store/stored-share.ts";

/**
 * With so many records of a stream written and not durable, the desk hurries the store. The sender of a stream keeps
 * CREDIT_RECORDS, so the other half is on its way meanwhile. records
 */
const HURRY_RECORDS = CREDIT_RECORDS / 2;

/** An origin's side of a desk. */
export interface OriginStore {
  /** Records are asked of the sender in their order, for the store alone; receivers get what has come. */
  readonly isOrdered: boolean;
  /** The sender is asked for nothing: what came is made durable. */
  readonly isSettling: boolean;
  /** The number of records, once it is known; Infinity before. */
  readonly end: number;
  has(index: number): boolean;
  /** A record that the sender was asked for is here. @returns false: the store has no room for it now */
  take(index: number, last: boolean, frame: Uint8Array): boolean;
  /** The next record that the store lacks and that is not on its way; undefined: it takes none now. */
  next(isOnItsWay: (index: number) => boolean): number | undefined;
  /** Records that were on their way will not come. */
  lost(): void;
}

export interface DeskOutput {
  /** A record of the store, as its sender sent it; valid during the call alone. */
  frame(frame: Uint8Array): void;
  /** `next` may have another answer by now. */
  more(): void;
  /** @param records how many the share has; undefined: not known yet */
  durable(runs: readonly RecordRun[], records: number | undefined): void;
  /** The store of this share is of no more use. */
  failed(fault: FaultError): void;
}

export class StoreDesk implements OriginStore {
  readonly isOrdered: boolean;
  readonly place: string;
  readonly #offer: Offer;
  readonly #output: DeskOutput;
  readonly #store: RecordStore;
  readonly #durable: RecordSet;
  /** The relay knows after a crash that it has the records before this one. */
  #savedBefore: number;
  /** Undefined: the share is open, and its last record did not come yet. */
  #records: number | undefined;
  /** The store has all records before it. */
  #base = 0;
  /** The store has all records before it, or they are on their way. */
  #scan = 0;
  /** The store has no room. */
  #isFull = false;
  /** It refused no record from here on. */
  #refusedTo = 0;
  /** Records that the store took and a crash would lose: as many as a store takes before it makes some durable. */
  readonly #unsettled = new Set<number>();
  #isSettling = false;

  constructor(
    offer: Offer,
    { place, records, durableBefore }: Pick<StoredState, "place" | "records" | "durableBefore">,
    frameBytes: number,
    durable: readonly RecordRun[],
    openRecords: OpenRecords,
    output: DeskOutput,
  ) {
    this.isOrdered = !offer.seekable;
    this.place = place;
    this.#offer = offer;
    this.#output = output;
    this.#records = isOpen(offer) ? records : offer.records;
    this.#durable = new RecordSet(durable);
    this.#base = this.#durable.firstLacking();
    this.#savedBefore = durableBefore;
    const shape = { place, frameBytes, records: this.#records, durable };
    this.#store = openRecords(shape, {
      room: () => {
        this.#isFull = false;
        this.lost();
        output.more();
      },
      durable: (runs) => this.#noteDurable(runs),
      failed: (fault) => output.failed(fault),
    });
  }

  get end(): number {
    return this.#records ?? Infinity;
  }

  /** How many records survive a crash. */
  get durable(): number {
    return this.#durable.size;
  }

  get isSettling(): boolean {
    return this.#isSettling;
  }

  /** Whether all that the store took is durable. */
  get isSettled(): boolean {
    return this.#unsettled.size === 0;
  }

  has(index: number): boolean {
    return this.#store.has(index);
  }

  /** Whether the store has every record of the share. */
  get hasAll(): boolean {
    this.#advance();
    return this.#base >= this.end;
  }

  take(index: number, last: boolean, frame: Uint8Array): boolean {
    if (last) this.#records ??= index + 1;
    if (this.#store.has(index)) return true;
    const taken = this.#store.write(index, frame);
    if (!taken) {
      this.#isFull = true;
      this.#refusedTo = Math.max(this.#refusedTo, index + 1);
    }
    const isHere = taken && this.#store.has(index);
    if (isHere) this.#unsettled.add(index);
    this.#hurry();
    return isHere;
  }

  /** Makes durable what came, and has the sender asked for no more until `goOn`. */
  settle(): void {
    this.#isSettling = true;
    this.#hurry();
  }

  goOn(): void {
    if (!this.#isSettling) return;
    this.#isSettling = false;
    this.#output.more();
  }

  next(isOnItsWay: (index: number) => boolean): number | undefined {
    if (this.#isFull) return undefined;
    const end = Math.min(this.end, this.#mayAskTo);
    this.#advance();
    while (this.#scan < end) {
      if (!this.#store.has(this.#scan) && !isOnItsWay(this.#scan)) return this.#scan;
      this.#scan++;
    }
    return undefined;
  }

  /** The book saved more. */
  saved({ durableBefore }: StoredState): void {
    if (durableBefore <= this.#savedBefore) return;
    this.#savedBefore = durableBefore;
    if (this.isOrdered) this.#output.more();
  }

  lost(): void {
    this.#scan = this.#base;
  }

  /** Whether a record came that the store did not take, and may still copy from the log. */
  get isBehind(): boolean {
    return this.#base < this.#refusedTo;
  }

  /** @returns the records that are to be had from the sender alone */
  serve({ first, count }: RecordRun): RecordRun[] {
    const others: RecordRun[] = [];
    for (let index = first; index < Math.min(first + count, this.end); index++) {
      if (this.#store.has(index)) {
        this.#read(index);
        continue;
      }
      const run = others.at(-1);
      if (run !== undefined && run.first + run.count === index) run.count++;
      else others.push({ first: index, count: 1 });
    }
    return others;
  }

  close(): void {
    this.#store.close();
  }

  #read(index: number): void {
    this.#store.read(index, (frame) => {
      if (frame instanceof FaultError) this.#output.failed(frame);
      else if (this.#isRight(index, frame)) this.#output.frame(frame);
      else this.#output.failed(new FaultError("store-failed", "it gave another record"));
    });
  }

  #isRight(index: number, bytes: Uint8Array): boolean {
    try {
      const frame = decodeFrame(bytes);
      return frame.index === index && isOfShare(frame.tag, this.#offer.share);
    } catch {
      return false;
    }
  }

  #noteDurable(runs: readonly RecordRun[]): void {
    for (const { first, count } of runs) {
      this.#durable.add(first, count);
      for (let index = first; index < first + count; index++) this.#unsettled.delete(index);
    }
    this.#output.durable(runs, this.#records);
    this.#hurry();
  }

  /** More than the sender keeps could get lost with this relay. */
  get #mayAskTo(): number {
    return this.isOrdered ? this.#savedBefore + CREDIT_RECORDS : Infinity;
  }

  #advance(): void {
    while (this.#base < this.end && this.#store.has(this.#base)) this.#base++;
    this.#scan = Math.max(this.#scan, this.#base);
  }

  /** Has the store make durable what it has, when no more comes or when the sender waits for it. */
  #hurry(): void {
    if (this.#isSettling && !this.isSettled) this.#store.flush();
    this.#advance();
    const durable = this.#durable.firstLacking();
    if (durable >= this.#base) return;
    const waits = this.isOrdered && this.#base - durable >= HURRY_RECORDS;
    if (waits || this.#base >= this.end) this.#store.flush();
  }
}
