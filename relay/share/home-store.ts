/**
 * The store of a share at its home: opens and closes the desk, and says to the sender and to the book of stored shares
 * what happens there. `HomeShare` owns it, also where nothing is stored.
 */
import { FaultError, decodeFrame, type Message, type Offer } from "../../protocol/mod.ts";
import { SETTLE_MS } from "../limits/limits.ts";
import type { OpenRecords, RecordRun } from "../store/record-store.ts";
import type { StoredFacts, StoredState } from "../store/stored-share.ts";

import type { Receipt, ToStoreBook } from "./messages.ts";
import { Origin } from "./origin.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import { StoreDesk } from "./store-desk.ts";

/** A sender hears how much is durable at most so often. ms */
const STORING_MS = 1000;
const SECOND_MS = 1000;
/** Of one share at once: its sender leaves once, and comes at another worker. items */
const SETTLED_CALLS = 8;

/** To the book of stored shares. */
export type FromHome =
  | Pick<Extract<ToStoreBook, { t: "durable" }>, "t" | "runs" | "records">
  | Pick<Extract<ToStoreBook, { t: "store-failed" }>, "t" | "fault" | "detail">
  | Pick<Extract<ToStoreBook, { t: "download" }>, "t" | "receipt" | "wasServed">;

export interface HomeStoreOptions {
  readonly offer: Offer;
  /** Whether records can be had again, from the sender or from the store. */
  readonly isReadAgain: boolean;
  /** Undefined: the relay stores no shares. */
  readonly openRecords: OpenRecords | undefined;
  /** The relay that has the share stores it. */
  readonly remoteStored: () => StoredFacts | undefined;
  readonly toStoreBook: (message: FromHome) => void;
  readonly outlet: Outlet;
  /** The share shall end, because its store gives nothing. */
  readonly over: (why: FaultError) => void;
}

/** The home, as its store calls it. */
export interface StoreHome {
  origin(): Origin | undefined;
  /** The origin, a new one where there was none. */
  makeOrigin(): Origin;
  failSender(fault: "store-full" | "store-failed", detail: string): void;
}

export class HomeStore {
  readonly #options: HomeStoreOptions;
  readonly #home: StoreHome;
  /** Undefined: nothing of the share is stored here. */
  #desk: StoreDesk | undefined;
  #stored: StoredState | undefined;
  /** Durable records, and what the sender at its present socket heard of them. */
  #durable = 0;
  #told = 0;
  #toldAt = -Infinity;
  /** When the sender may be asked again, however far the store is; undefined: it may. */
  #settlesUntil: number | undefined;
  readonly #whenSettled: (() => void)[] = [];

  /** Bytes of frames that it gave. */
  bytesRead = 0;

  constructor(options: HomeStoreOptions, home: StoreHome) {
    this.#options = options;
    this.#home = home;
  }

  /** Whether the share is in the book. */
  get isStored(): boolean {
    return this.#stored !== undefined;
  }

  /** Whether there is a desk: it takes and gives records. */
  get isOpen(): boolean {
    return this.#desk !== undefined;
  }

  get isSettling(): boolean {
    return this.#desk?.isSettling === true;
  }

  /** Whether it gives every record. */
  get isWhole(): boolean {
    return this.#stored?.isWhole === true && this.#desk !== undefined;
  }

  /** See `StoreDesk.isBehind`. */
  get isBehind(): boolean {
    return this.#desk?.isBehind === true;
  }

  has(index: number): boolean {
    return this.#desk?.has(index) === true;
  }

  /** At another socket, where it heard nothing yet. */
  senderCame(): void {
    this.#told = 0;
    this.goOn();
  }

  /**
   * Makes durable what came, for SETTLE_MS at most; meanwhile the sender is asked for nothing.
   * @param done called once, maybe at once
   * @returns whether all of it is durable
   */
  settle(now: number, done?: () => void): boolean {
    if (this.#desk !== undefined && !this.isWhole) {
      this.#settlesUntil ??= now + SETTLE_MS;
      this.#desk.settle();
      if (!this.#desk.isSettled) {
        if (done !== undefined && this.#whenSettled.length < SETTLED_CALLS) {
          this.#whenSettled.push(done);
        }
        return false;
      }
    }
    done?.();
    return true;
  }

  tick(now: number): void {
    if (this.#settlesUntil !== undefined && now >= this.#settlesUntil) this.goOn();
  }

  /** The sender may be asked again. */
  goOn(): void {
    this.#settlesUntil = undefined;
    this.#settled();
    this.#desk?.goOn();
  }

  #settled(): void {
    for (const done of this.#whenSettled.splice(0)) done();
  }

  /**
   * This worker is the home of the share.
   * @param given undefined: nothing of it is stored, or not any more
   * @param durable records that its store has; unless given, all of a share that is whole
   */
  storeIn(given: StoredState | undefined, durable?: readonly RecordRun[]): void {
    const { offer, openRecords, isReadAgain } = this.#options;
    // Receivers of a stream that was offered without the store wait for its sender, and pace it.
    const stored = isReadAgain ? given : undefined;
    this.#stored = stored;
    if (this.#desk?.place === stored?.place) return;
    this.close();
    if (stored === undefined || openRecords === undefined) return;
    this.#open(stored, durable ?? allOf(stored, offer), openRecords);
  }

  #open(stored: StoredState, durable: readonly RecordRun[], openRecords: OpenRecords): void {
    const { offer, toStoreBook } = this.#options;
    this.#durable = durable.reduce((sum, { count }) => sum + count, 0);
    const frameBytes = Origin.frameBytes(offer);
    this.#desk = new StoreDesk(offer, stored, frameBytes, durable, openRecords, {
      frame: (frame) => this.#gave(frame),
      more: () => this.#home.origin()?.askMore(),
      durable: (runs, records) => {
        toStoreBook({ t: "durable", runs, records });
        if (this.#desk?.isSettled === true) this.#settled();
      },
      failed: (fault) => this.#failed(fault),
    });
    this.#home.makeOrigin().storeIn(this.#desk);
  }

  /** The book says more. @param durable how many records survive a crash */
  storedState(stored: StoredState, durable: number): void {
    this.#stored = stored;
    this.#durable = durable;
    this.#desk?.saved(stored);
    if (stored.isWhole) this.goOn();
    if (stored.isWhole && this.#desk?.hasAll === false) this.#openAnew(stored);
  }

  /** Records of the home before became durable late, and the desk did not know of it. */
  #openAnew(stored: StoredState): void {
    this.close();
    this.storeIn(stored);
    this.#home.origin()?.askAgain();
  }

  close(): void {
    this.#home.origin()?.storeIn(undefined);
    this.#desk?.close();
    this.#desk = undefined;
    this.#settled();
  }

  /** News that the sender at this socket does not have yet. */
  tellSender(socket: SocketId, now: number): void {
    const { outlet, offer } = this.#options;
    const { share } = offer;
    if (this.#stored === undefined) return;
    const { isWhole, until, downloadsLeft: downloads } = this.#stored;
    if (isWhole && this.#told !== Infinity) {
      this.#told = Infinity;
      const left = downloads === undefined ? {} : { downloads };
      outlet.send(socket, { t: "stored", share, until: Math.floor(until / SECOND_MS), ...left });
    } else if (this.#durable > this.#told && now - this.#toldAt >= STORING_MS) {
      this.#told = this.#durable;
      this.#toldAt = now;
      outlet.send(socket, { t: "storing", share, records: this.#durable });
    }
  }

  /** Gives the records of a `want` that are stored. @returns messages for the sender, without them */
  serve(message: Message): Message[] {
    if (this.#desk === undefined || message.t !== "want") return [message];
    const { t, share } = message;
    return this.#desk.serve(message).map(({ first, count }) => ({ t, share, first, count }));
  }

  #gave(bytes: Uint8Array): void {
    this.bytesRead += bytes.length;
    try {
      this.#home.origin()?.frame(decodeFrame(bytes), bytes, true);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      // The log's disk is full: receivers ask again.
      if (error.code !== "log-full") this.#failed(new FaultError("store-failed", error.message));
    }
  }

  /** A share that is not whole goes on with its sender, which hears of it and may come again. */
  #failed({ code, detail = "" }: FaultError): void {
    const { toStoreBook, over } = this.#options;
    const fault = code === "store-full" ? code : "store-failed";
    toStoreBook({ t: "store-failed", fault, detail });
    this.close();
    if (this.#stored?.isWhole === true) over(new FaultError(fault, detail));
    else this.#home.failSender(fault, detail);
  }

  /** A receiver to which all was sent says that it has all. */
  noteReceipt(receipt: Receipt, wasServed: boolean): void {
    const stored = this.#stored ?? this.#options.remoteStored();
    if (stored === undefined) return;
    const records = stored.records ?? this.#desk?.end ?? this.#options.offer.records;
    if (receipt.records !== records) return;
    this.#options.toStoreBook({ t: "download", receipt, wasServed });
  }
}

function allOf({ isWhole, records }: StoredState, offer: Offer): RecordRun[] {
  return isWhole ? [{ first: 0, count: records ?? offer.records }] : [];
}
