/**
 * The records that a sender is asked for: those on their way, and the one that comes next.
 *
 * The relay asks in this order, at most the sender's credit at a time and only for records that have a place in the log:
 *
 *   lost on their way > needed by receivers, in turns > needed by the store > the head start of a far share
 *
 * A share that can't be read again has `PacedOrigin` in place of the turns. `Origin` owns the wants, tells them of
 * needs and of records that came, and has them ask.
 */
import {
  CREDIT_MOST_RECORDS,
  CREDIT_RECORDS,
  decodeFrame,
  type Message,
  type Offer,
} from "../../protocol/mod.ts";
import { SenderCredit, type CreditBudget } from "./sender-credit.ts";
import type { RecordLog } from "../log/block-log.ts";
import type { RecordRun } from "../store/record-store.ts";
import { AskedRecords } from "./asked-records.ts";
import { HEAD_START_SILENT_MS, HeadStart } from "./head-start.ts";
import type { PartyNeed } from "./messages.ts";
import type { PacedOrigin } from "./paced-origin.ts";
import { NEWCOMER_CREDIT_RECORDS, RequestQueue } from "./request-queue.ts";
import type { OriginStore } from "./store-desk.ts";

/** Beside the credit of a sender that holds back all of it: one record that surely comes, and the next new one. */
export const CREDIT_BESIDE_RECORDS = 2;
/** Records copied from the log to the store in one turn: clients of live shares wait meanwhile. */
const COPIES = 16;

export interface WantsOutput {
  /** To the sender; called only while it is attached. */
  toSender(message: Message): void;
  /** The sender may be asked for so many at once: receivers may name as many. */
  ahead(records: number): void;
  now(): number;
  /** The frame of a record in the log, copied. */
  logged?(index: number): Uint8Array | undefined;
}

export class SenderWants {
  readonly #offer: Offer;
  readonly #log: RecordLog;
  readonly #output: WantsOutput;
  /** Undefined: the share can be read again. */
  readonly #paced: PacedOrigin | undefined;
  #senderHere = false;
  /** The record to ask for next found no room, and nothing is on its way that would move anything. */
  #isFull = false;
  /** Asked for before and lost: comes first. With whether it was for a proven party. */
  readonly #again = new Map<number, boolean>();
  readonly #requests = new RequestQueue();
  readonly #outstanding = new AskedRecords();
  readonly #credit: SenderCredit;
  #headStart: HeadStart | undefined;
  /** Undefined: nothing of the share is stored. */
  #store: OriginStore | undefined;
  /** Asked of the sender for the store alone, and not here yet. */
  readonly #forStore = new Set<number>();

  constructor(
    offer: Offer,
    log: RecordLog,
    output: WantsOutput,
    budget: CreditBudget,
    paced: PacedOrigin | undefined,
  ) {
    this.#offer = offer;
    this.#log = log;
    this.#output = output;
    this.#paced = paced;
    // The sender of a share that can't be read again keeps CREDIT_RECORDS, and no more.
    const most = offer.seekable ? CREDIT_MOST_RECORDS : CREDIT_RECORDS;
    this.#credit = new SenderCredit(budget, most, (records) => output.ahead(records));
  }

  get isSenderHere(): boolean {
    return this.#senderHere;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get pending(): { outstanding: number; queued: number } {
    const queued = this.#again.size + this.#requests.size;
    return { outstanding: this.#outstanding.size, queued };
  }

  /** Whether a receiver waits for a record of the sender. */
  get isAwaited(): boolean {
    return this.#outstanding.size > this.#ahead;
  }

  get hasHeadStart(): boolean {
    return this.#headStart !== undefined;
  }

  /** Records on their way that no receiver needs. */
  get #ahead(): number {
    return this.#headStart?.awaited ?? 0;
  }

  get credit(): number {
    return this.#credit.records;
  }

  /** Whether the sender is asked for the first record of all. */
  get wantsFirst(): boolean {
    return this.#outstanding.has(0);
  }

  /** Records that the sender was asked for a second time. */
  get wantedAgain(): number {
    return this.#outstanding.again;
  }

  /** Records that were lost on their way, and are asked for first. */
  get missing(): number[] {
    return [...this.#again.keys()];
  }

  /** The end of the records that can be asked for, as far as it is known. */
  get end(): number {
    return Math.min(this.#store?.end ?? Infinity, this.#offer.records);
  }

  storeIn(store: OriginStore | undefined): void {
    this.#store = store;
    if (store === undefined) this.#forStore.clear();
    // It names what it lacks, in its order.
    for (const index of this.#again.keys())
      if (this.#comesInOrder(index)) this.#again.delete(index);
  }

  /** The sender's first records may come before a receiver asks for them. */
  beginAhead(): void {
    this.#headStart ??= new HeadStart(this.#offer);
  }

  /** A receiver agreed to take the share. @returns whether there is a head start */
  agreed(): boolean {
    this.#headStart?.agreed();
    return this.#headStart !== undefined;
  }

  /** A receiver needs a record that is not in the log. @returns whether it must be queued for that receiver */
  needed(index: number): boolean {
    if (!this.#outstanding.has(index)) return !this.#comesInOrder(index);
    this.#headStart?.needed(index);
    this.#forStore.delete(index);
    return false;
  }

  /** @param lacking those of them for which `needed` said so */
  queue(worker: number, need: PartyNeed, lacking: readonly number[]): void {
    this.#requests.need(worker, need, lacking);
  }

  /** A worker died, or has no receivers any more. */
  forget(worker: number): void {
    this.#requests.forget(worker);
  }

  /** A record came, and is nowhere: it is asked for again. */
  miss(index: number): void {
    this.#again.set(index, true);
  }

  /** A record came. @returns whether it was asked for */
  came(index: number, isStored: boolean, now: number): boolean {
    const asked = this.#outstanding.came(index, now);
    if (asked === undefined) return false;
    this.#headStart?.came(index);
    // The store tells nothing of the path to the sender.
    if (!isStored) this.#credit.came(asked.at, now);
    return true;
  }

  /** Whether a record that came was asked for the store alone. */
  cameForStore(index: number): boolean {
    return this.#forStore.delete(index);
  }

  /** Hands a record to the store. @returns false: the store has no room for it now */
  giveStore(index: number, last: boolean, frame: Uint8Array): boolean {
    return this.#store?.take(index, last, frame) !== false;
  }

  /** Records from this one on were asked for before it was known that there are none. */
  endAt(end: number): void {
    for (const index of this.#outstanding.dropFrom(end)) this.#log.release(index);
    for (const index of this.#again.keys()) if (index >= end) this.#again.delete(index);
  }

  /** The sender's line broke: what it was asked will not come. */
  senderLost(): void {
    this.#senderHere = false;
    this.#outstanding.lineLost();
    this.#credit.reset();
    this.forgetAsked();
  }

  /** The sender is here, on a new line. */
  senderBack(): void {
    this.#senderHere = true;
  }

  /** The sender gives no record before this one. @returns whether some of them were missing */
  loseBefore(first: number): boolean {
    const lost = this.missing.filter((index) => index < first);
    for (const index of lost) {
      this.#again.delete(index);
      this.#paced?.lose(index + 1);
    }
    return lost.length > 0;
  }

  /** Records on their way may not come. The relay asks for them again, before all others. */
  forgetAsked(): void {
    const again = [...this.#again];
    const isOrdered = this.#paced !== undefined || this.#store?.isOrdered === true;
    for (const [index, proven] of this.#outstanding.forget().toReversed()) {
      this.#log.release(index);
      // The store names what it lacks again.
      if (this.#forStore.delete(index) || this.#comesInOrder(index)) continue;
      if (this.#headStart?.lost(index) !== true) again.unshift([index, proven]);
    }
    this.#store?.lost();
    this.#again.clear();
    if (isOrdered) again.sort(([one], [other]) => one - other);
    for (const [index, proven] of again) this.#again.set(index, proven);
  }

  /** Asks for what had no place in the log before. */
  tick(): void {
    if (this.#outstanding.size === 0) this.#store?.lost();
    this.#leaveAhead(this.#output.now());
    this.ask();
    this.#askBeforeHeldBack();
  }

  /** Asks the sender for what it may be asked for now. */
  ask(): void {
    if (!this.#senderHere || this.#paced?.begun === false) return;
    if (this.#store?.isSettling === true) return;
    let run: RecordRun | undefined;
    this.#isFull = false;
    // Half of the log is for what has come: a record must not go at once for the next one's place.
    const half = Math.floor(this.#log.capacity / 2);
    const credit = Math.max(1, Math.min(this.#credit.records, half));
    const now = this.#output.now();
    while (this.#outstanding.size < credit) {
      const index = this.#next(credit, now);
      if (index === undefined) break;
      if (this.#log.has(index) || index < (this.#paced?.gone ?? 0)) {
        this.#take(index);
        continue;
      }
      if (!this.#log.reserve(index)) {
        this.#isFull = this.#outstanding.size === 0;
        break;
      }
      const isAgain = this.#again.has(index);
      if (this.#store?.has(index) === true) {
        this.#outstanding.addRead(index, this.#take(index), now);
      } else {
        this.#outstanding.add(index, this.#take(index), isAgain, now);
      }
      this.#headStart?.skip(index);
      run = this.#extended(run, index);
    }
    this.#want(run);
    if (this.#store === undefined) this.#askAhead(credit, now);
    else this.#askForStore(this.#store, credit, now);
  }

  /** With the credit that no receiver needs, as `#askAhead`; from the log what is there. */
  #askForStore(store: OriginStore, credit: number, now: number): void {
    let run: RecordRun | undefined;
    let copies = 0;
    const most = store.isOrdered ? credit : Math.max(1, credit - NEWCOMER_CREDIT_RECORDS);
    while (this.#outstanding.size < most) {
      const index = store.next(this.#isOnItsWay);
      if (index === undefined) break;
      const logged = this.#log.has(index) ? this.#output.logged?.(index) : undefined;
      if (logged !== undefined) {
        if (copies === COPIES || !store.take(index, decodeFrame(logged).last, logged)) break;
        copies++;
        continue;
      }
      if (!this.#log.reserve(index)) break;
      // Of a share in order receivers wait for what comes, and name it only when it is here.
      if (!store.isOrdered) this.#forStore.add(index);
      this.#outstanding.add(index, false, this.#outstanding.hadEver(index), now);
      run = this.#extended(run, index);
    }
    this.#want(run);
  }

  /** With the credit that no receiver needs; the next one to come finds some left. */
  #askAhead(credit: number, now: number): void {
    const headStart = this.#headStart;
    if (headStart === undefined || headStart.isOver) return;
    if (!this.#log.hasRoomToSpare) {
      headStart.giveUp();
      return;
    }
    let run: RecordRun | undefined;
    while (this.#outstanding.size < credit - NEWCOMER_CREDIT_RECORDS) {
      const index = headStart.next(this.#isLacking, this.#log.capacity);
      if (index === undefined || !this.#log.reserve(index)) break;
      headStart.asked(index);
      // A record that was asked for on a connection that broke may still come by another.
      this.#outstanding.add(index, false, this.#outstanding.hadEver(index), now);
      run = this.#extended(run, index);
    }
    this.#want(run);
  }

  /** Gives back places for a head start that does not come: others may need them. */
  #leaveAhead(now: number): void {
    const headStart = this.#headStart;
    if (headStart === undefined || headStart.awaited === 0) return;
    const { crowded, roomy } = HEAD_START_SILENT_MS;
    if (!this.#outstanding.isStill(now, this.#log.hasRoomToSpare ? roomy : crowded)) return;
    for (const index of headStart.giveUpAwaited()) {
      this.#outstanding.drop(index);
      this.#log.release(index);
    }
    // A head start that wants nothing takes no part of the log from others.
    if (this.#log.size === 0) this.#log.shrinkTo(0);
  }

  /** Asks for a run that does not go on with this record. @returns the run with it */
  #extended(run: RecordRun | undefined, index: number): RecordRun {
    if (run !== undefined && run.first + run.count === index) {
      run.count++;
      return run;
    }
    this.#want(run);
    return { first: index, count: 1 };
  }

  /**
   * A sender may hold back all records from some on: it answers the first ones alone before its receivers
   * are together. Then the whole credit may wait for them, and a new receiver gets none of the first
   * ones and cannot agree. So records that surely come are asked for beside the credit: at most two records more, one that surely comes and the one after the furthest.
   */
  #askBeforeHeldBack(): void {
    const now = this.#output.now();
    const { size, furthest } = this.#outstanding;
    if (this.#paced !== undefined || size >= this.#credit.records + CREDIT_BESIDE_RECORDS) return;
    if (!this.#outstanding.isHeldBack(now)) return;
    const found = this.#requests.before(furthest + 2, this.#isLacking);
    if (found === undefined || !this.#log.reserve(found.index)) return;
    const { index } = found;
    this.#again.delete(index);
    this.#outstanding.add(index, this.#requests.take(found), false, now);
    this.#want({ first: index, count: 1 });
  }

  #next(credit: number, now: number): number | undefined {
    for (const index of this.#again.keys())
      return this.#paced?.isNeeded(index) === false ? undefined : index;
    if (this.#paced !== undefined) return this.#paced.next;
    const { size, proven } = this.#outstanding;
    const newcomers = size - this.#ahead - this.#forStore.size - proven;
    return this.#requests.next(this.#isLacking, { proven, newcomers, credit }, now);
  }

  readonly #isOnItsWay = (index: number): boolean =>
    this.#outstanding.has(index) || this.#again.has(index);

  readonly #isLacking = (index: number): boolean =>
    !this.#log.has(index) && !this.#outstanding.has(index) && !this.#comesInOrder(index);

  /** The sender gives it for the store alone, after those before it: it can't be read again. */
  #comesInOrder(index: number): boolean {
    return this.#store?.isOrdered === true && !this.#store.has(index);
  }

  /** @returns whether it is for a proven party */
  #take(index: number): boolean {
    const again = this.#again.get(index);
    if (again !== undefined) {
      this.#again.delete(index);
      return again;
    }
    if (this.#paced === undefined) return this.#requests.taken();
    this.#paced.advance();
    return true;
  }

  #want(run: RecordRun | undefined): void {
    if (run === undefined) return;
    this.#output.toSender({ t: "want", share: this.#offer.share, ...run });
  }
}
