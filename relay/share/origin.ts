/**
 * A share at the worker that holds its sender: the requests to the sender, and the log.
 *
 * `want` is credit and re-read in one. Fan-outs say which records each of their parties will read
 * soon; what the log lacks is queued for that party and asked for in its turn, at most
 * the sender's credit at a time and only when the log has a place for each. So the sender is paced by
 * the fastest receiver, and a record that fell out of the log is read again when a receiver needs
 * it. For a share that can't be read again see `PacedOrigin`: its records come in their order, for
 * every receiver. `HomeShare` owns it.
 */
import {
  CREDIT_MOST_RECORDS,
  CREDIT_RECORDS,
  FRAME_HEADER_BYTES,
  FaultError,
  decodeFrame,
  isOpen,
  type Frame,
  type Message,
  type Offer,
  type ReceiverEntry,
} from "../../protocol/mod.ts";
import { SenderCredit, type CreditBudget } from "./sender-credit.ts";

import type { Kept, RecordLog, RecordPlace } from "../log/block-log.ts";
import { AskedRecords } from "./asked-records.ts";
import { HEAD_START_SILENT_MS, HeadStart } from "./head-start.ts";
import type { HandoverState, PartyNeed, Receipt } from "./messages.ts";
import type { RecordRun } from "../store/record-store.ts";
import { NEWCOMER_CREDIT_RECORDS, RequestQueue } from "./request-queue.ts";
import { PacedOrigin } from "./paced-origin.ts";
import { PASS_BYTES_PER_SECOND, ReadAgain } from "./read-again.ts";
import { ReceiverReports } from "./receiver-reports.ts";
import type { OriginStore } from "./store-desk.ts";

/**
 * Records asked beside the credit of a sender that holds back all that fills it: one that surely
 * comes, and the next new one.
 */
export const CREDIT_BESIDE_RECORDS = 2;
/** How long a client of the lobby that speaks no fileshare may hold up others of a stream. */
const HELD_UP_MS = 2000;
/** Records copied from the log to the store in one turn: clients of live shares wait meanwhile. */
const COPIES = 16;

export interface OriginOutput {
  /** To the sender; called only while it is attached. */
  toSender(message: Message): void;
  /**
   * A record is here and not in the log: gives it to the only receiver that ever came.
   * @param keep puts it in the log all the same
   * @returns whether the receiver took it
   */
  pass?(index: number, frame: Uint8Array, keep: () => RecordPlace | undefined): boolean;
  /** A record is in the log now, for every receiver that needs it. */
  available(index: number, memory?: Uint8Array): void;
  /** To a worker that needs some of them: records before this one can't be had any more. */
  gone(worker: number, before: number): void;
  /** To the worker of a receiver: the share has as many as it may have. */
  full(worker: number, receiver: Uint8Array): void;
  /** The sender may be asked for so many at once: receivers may name as many. */
  ahead(records: number): void;
  mostReceivers(): number;
  now(): number;
  /** The frame of a record in the log, copied. */
  logged?(index: number): Uint8Array | undefined;
}

/** Ciphertext of one data byte: the byte, the delimiter, the tag. */
const LEAST_CIPHERTEXT = 18;

export class Origin {
  readonly offer: Offer;
  readonly #log: RecordLog;
  readonly #output: OriginOutput;
  /** The record to ask for next found no room, and nothing is on its way that would move anything. */
  #isFull = false;
  #fullSince: number | undefined;
  /** Undefined: the share can be read again. */
  readonly #paced: PacedOrigin | undefined;
  #senderHere = false;
  /** Whether it is known which record comes first; always, if it can be read again. */
  #begun: boolean;
  /** Asked for before and lost: comes first. With whether it was for a proven party. */
  readonly #again = new Map<number, boolean>();
  readonly #requests = new RequestQueue();
  readonly #outstanding = new AskedRecords();
  readonly #credit: SenderCredit;
  #headStart: HeadStart | undefined;
  readonly #readAgain: ReadAgain;
  readonly #reports: ReceiverReports;
  /** Undefined: nothing of the share is stored. */
  #store: OriginStore | undefined;
  /** Asked of the sender for the store alone, and not here yet. */
  readonly #forStore = new Set<number>();
  /** The end of what receivers that take records need; -Infinity: none ever did. */
  #neededTo = -Infinity;
  #arrived = 0;

  constructor(
    offer: Offer,
    log: RecordLog,
    output: OriginOutput,
    budget: CreditBudget,
    passBytesPerSecond = PASS_BYTES_PER_SECOND,
    isReadAgain = offer.seekable,
  ) {
    this.#readAgain = new ReadAgain(isReadAgain ? passBytesPerSecond : Infinity);
    this.offer = offer;
    this.#log = log;
    this.#output = output;
    this.#paced = isReadAgain ? undefined : new PacedOrigin(log);
    this.#begun = isReadAgain;
    // The sender of a share that can't be read again keeps CREDIT_RECORDS, and no more.
    const most = offer.seekable ? CREDIT_MOST_RECORDS : CREDIT_RECORDS;
    this.#credit = new SenderCredit(budget, most, (records) => output.ahead(records));
    this.#reports = new ReceiverReports(offer.share, {
      toSender: (message) => output.toSender(message),
      full: (worker, receiver) => output.full(worker, receiver),
      mostReceivers: () => output.mostReceivers(),
    });
  }

  get log(): RecordLog {
    return this.#log;
  }

  /** Records that came and were wanted, on whatever line; a log that is handed over brings none. */
  get arrived(): number {
    return this.#arrived;
  }

  /** Records asked of the sender, and queued to be asked, once for each party that needs them. */
  get pending(): { outstanding: number; queued: number } {
    const queued = this.#again.size + this.#requests.size;
    return { outstanding: this.#outstanding.size, queued };
  }

  /** Whether a receiver waits for a record of the sender. */
  get isAwaited(): boolean {
    return this.#outstanding.size > this.#ahead;
  }

  /** Whether its first records may wait in the log for receivers to come. */
  get hasHeadStart(): boolean {
    return this.#headStart !== undefined;
  }

  /** Records on their way that no receiver needs. */
  get #ahead(): number {
    return this.#headStart?.awaited ?? 0;
  }

  /** Records that the sender may be asked for at once, as far as its path says. */
  get credit(): number {
    return this.#credit.records;
  }

  /** Whether the sender is asked for the first record of all. */
  get wantsFirst(): boolean {
    return this.#outstanding.has(0);
  }

  /** Whether a receiver takes records, or proved to have all and the sender did not answer yet. */
  get busy(): boolean {
    return this.#reports.busy;
  }

  /** Workers whose receivers need something that must be kept for them. */
  get keptFor(): number[] {
    return this.#paced?.watermarks.map(([worker]) => worker).filter((worker) => worker >= 0) ?? [];
  }

  /** Whether something must be kept for receivers, here or not. */
  get keeps(): boolean {
    return (this.#paced?.watermarks.length ?? 0) > 0;
  }

  /** The share is stored from now on, or not any more. */
  storeIn(store: OriginStore | undefined): void {
    this.#store = store;
    if (store === undefined) this.#forStore.clear();
    // It names what it lacks, in its order.
    for (const index of this.#again.keys())
      if (this.#comesInOrder(index)) this.#again.delete(index);
    this.#ask();
  }

  /** The store may take more by now. */
  askMore(): void {
    this.#ask();
  }

  /** Parties of a worker will read these soon. Records that are here already are announced again. */
  need(needs: readonly PartyNeed[], worker: number): void {
    const here = new Set<number>();
    let gone = false;
    for (const need of needs) {
      if (need.proven) this.#neededTo = Math.max(this.#neededTo, need.end);
      const lacking: number[] = [];
      for (const { first, count } of need.runs) {
        const end = Math.min(first + count, this.#store?.end ?? Infinity, this.offer.records);
        for (let index = first; index < end; index++) {
          if (this.#log.has(index)) here.add(index);
          else if (this.#paced !== undefined) {
            gone ||= this.#begun && index < this.#paced.gone;
            this.#paced.need({ ...need, end: index + 1 });
          } else if (this.#outstanding.has(index)) {
            this.#headStart?.needed(index);
            this.#forStore.delete(index);
          } else if (!this.#comesInOrder(index)) {
            this.#readAgain.needed(index);
            lacking.push(index);
          }
        }
      }
      if (this.#paced === undefined) this.#requests.need(worker, need, lacking);
    }
    for (const index of here) this.#output.available(index);
    if (gone && this.#paced !== undefined) this.#output.gone(worker, this.#paced.gone);
    this.#ask();
  }

  /**
   * The sender is far: its first records may come before a receiver asks. One that admits receivers sends nothing
   * before, and one that can't read again is paced by its receivers.
   */
  beginAhead(): void {
    if (this.#paced !== undefined || this.offer.admit === true) return;
    this.#headStart ??= new HeadStart(this.offer);
    this.#ask();
  }

  /** A receiver agreed, and has acknowledged nothing yet. */
  goOnAhead(): void {
    if (this.#headStart === undefined) return;
    this.#headStart.agreed();
    this.#ask();
  }

  needsNothing(worker: number): void {
    this.#requests.forget(worker);
  }

  /** The least record that receivers of a worker need; undefined: they need none. */
  hold(worker: number, next: number | undefined): void {
    if (this.#paced === undefined) return;
    if (!this.#paced.hold(worker, next) && this.#begun) this.#output.gone(worker, this.#paced.gone);
    this.#ask();
  }

  /** Begins with nothing in the log; `first`: the first record that the sender can give. */
  begin(first: number, now: number): void {
    if (this.#paced === undefined || this.#begun) return;
    this.#paced.begin(first, now);
    this.#started();
  }

  /** Goes on with what the origin at another worker left. */
  resumeFrom(state: HandoverState, now: number): void {
    if (this.#paced === undefined || this.#begun) return;
    this.#paced.resumeFrom(state, now);
    for (const index of state.missing) this.#again.set(index, true);
    this.#started();
    const { first, end } = this.#paced.awaited;
    for (let index = first; index < end; index++) {
      if (this.#log.has(index)) this.#output.available(index);
    }
  }

  /** Ends this origin. @returns the state for the one at another worker, without the blocks of the log */
  leave(): Omit<HandoverState, "blocks"> | undefined {
    if (this.#paced === undefined || !this.#begun) return undefined;
    this.senderLost();
    const { asked, needed, watermarks, gone } = this.#paced;
    return { asked, needed, watermarks, firstKept: gone, missing: [...this.#again.keys()] };
  }

  #started(): void {
    this.#begun = true;
    this.#sendGone();
    this.#ask();
  }

  #sendGone(): void {
    if (this.#paced === undefined) return;
    const { gone } = this.#paced;
    for (const worker of this.keptFor) this.#output.gone(worker, gone);
  }

  /**
   * A frame from the sender. The relay drops a frame that it did not ask for, or that is here already.
   * @param isStored it comes from the store
   * @throws FaultError `bad-message` when its size, index or last flag can't be of this share,
   * `log-full` when there is no room for it
   */
  frame(frame: Frame, bytes: Uint8Array, isStored = false): void {
    const { index, last, ciphertext } = frame;
    const { records, recordSize } = this.offer;
    // The end of an open share is where its sender says.
    const isLast = isOpen(this.offer) ? last : index === records - 1;
    const fits = isLast
      ? ciphertext.length >= LEAST_CIPHERTEXT && ciphertext.length <= recordSize
      : ciphertext.length === recordSize;
    if (index >= records || last !== isLast || !fits) {
      throw new FaultError("bad-message", `record ${index} is not of this share`);
    }
    const now = this.#output.now();
    const asked = this.#outstanding.came(index, now);
    if (asked === undefined) return;
    this.#headStart?.came(index);
    this.#arrived++;
    // The store tells nothing of the path to the sender.
    if (!isStored) this.#credit.came(asked.at, now);
    this.#readAgain.came(bytes.length, now);
    const isForStore = this.#forStore.delete(index);
    const isTaken = isStored || this.#store?.take(index, last, bytes) !== false;
    if (isLast && this.#paced === undefined) this.#endAt(index + 1);
    if (isForStore && isTaken && !this.#isSoonNeeded(index)) {
      this.#log.release(index);
      this.#ask();
      return;
    }
    // The store copies from the log what it has no room for now.
    if (isTaken && this.#passes(index, bytes)) {
      this.#ask();
      return;
    }
    const kept = this.#log.put(index, bytes);
    // A record that was not kept did not come.
    if (kept !== "kept" && this.#paced !== undefined) this.#again.set(index, true);
    if (kept === "full") throw new FaultError("log-full");
    if (kept === "kept") this.#output.available(index, bytes);
    this.#ask();
  }

  /** Whether receivers will need it before the log lets go of it; else they get it from the store. */
  #isSoonNeeded(index: number): boolean {
    return index < this.#neededTo + Math.floor(this.#log.capacity / 2);
  }

  /** Records from this one on were asked for before it was known that there are none. */
  #endAt(end: number): void {
    for (const index of this.#outstanding.dropFrom(end)) this.#log.release(index);
    for (const index of this.#again.keys()) if (index >= end) this.#again.delete(index);
  }

  /**
   * Gives a record past the log to a receiver that is alone, when the sender is so fast that reading the record
   * again for a later receiver takes it little time.
   * @throws FaultError `log-full`
   */
  #passes(index: number, bytes: Uint8Array): boolean {
    if (!this.isSoonReadAgain) return false;
    let kept: Kept | undefined;
    const keep = (): RecordPlace | undefined => {
      kept = this.#log.put(index, bytes);
      return this.#log.open(index);
    };
    if (this.#output.pass?.(index, bytes, keep) !== true) return false;
    if (kept === undefined) this.#log.release(index);
    else this.#log.drop(index);
    this.#readAgain.passed(index);
    if (kept === "full") throw new FaultError("log-full");
    return true;
  }

  /**
   * A receiver that is alone has the records before this one. Their blocks go back, so that the next records come into
   * the same warm ones and not into the next of the whole log.
   */
  acknowledged(before: number): void {
    const first = this.#readAgain.dropBefore(before);
    if (first !== undefined) this.#log.dropAll(first, before);
  }

  /** Whether the sender would give all again in little time. */
  get isSoonReadAgain(): boolean {
    return this.#readAgain.isSoon;
  }

  /** Records that the sender was asked for a second time. */
  get wantedAgain(): number {
    return this.#outstanding.again;
  }

  report(entries: readonly ReceiverEntry[], worker: number): void {
    this.#reports.report(entries, worker);
  }

  /** A worker died, so its receivers are gone. */
  workerLost(worker: number, now: number): void {
    this.#requests.forget(worker);
    this.#paced?.workerLost(worker, now);
    this.#reports.workerLost(worker);
  }

  receipt(receipt: Receipt): void {
    if (this.#reports.receipt(receipt) && this.#senderHere) this.#reports.sendReceipt(receipt);
  }

  receipted(receiver: Uint8Array): void {
    this.#reports.receipted(receiver);
  }

  /** The sender's line broke: what it was asked will not come. */
  senderLost(): void {
    this.#senderHere = false;
    this.#outstanding.lineLost();
    this.#credit.reset();
    this.#forgetAsked();
  }

  /** One of the sender's connections broke: all that did not come is asked for again. */
  askAgain(): void {
    if (!this.#senderHere) return;
    this.#forgetAsked();
    this.#ask();
  }

  /** Records on their way may not come. The relay asks for them again, before all others. */
  #forgetAsked(): void {
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

  /**
   * The sender is here, on a new line; nothing is said to it before.
   * @param first the first record that it can give
   */
  senderBack(first = 0): void {
    this.#senderHere = true;
    this.#paced?.senderHas(first);
    const lost = [...this.#again.keys()].filter((index) => index < first);
    for (const index of lost) {
      this.#again.delete(index);
      this.#paced?.lose(index + 1);
    }
    if (lost.length > 0) this.#sendGone();
    this.#reports.sendReceipts();
    this.#ask();
  }

  /** Forgets receivers that did not come back in time. */
  expire(now: number): void {
    this.#paced?.tick(now);
  }

  /** Tells the sender of its receivers, and asks for what had no place in the log before. */
  tick(): void {
    if (!this.#senderHere) return;
    if (this.#outstanding.size === 0) this.#store?.lost();
    this.#reports.send();
    this.#leaveAhead(this.#output.now());
    this.#ask();
    this.#askBeforeHeldBack();
  }

  /**
   * Records that a receiver waits for have had no room for HELD_UP_MS because other receivers are far behind:
   * told once each time.
   * @returns the record before which the others stand
   */
  heldUp(now: number): number | undefined {
    const before = this.#isFull ? this.#paced?.laggards : undefined;
    if (before === undefined) {
      this.#fullSince = undefined;
      return undefined;
    }
    this.#fullSince ??= now;
    if (now - this.#fullSince < HELD_UP_MS) return undefined;
    this.#fullSince = undefined;
    return before;
  }

  /** Bytes of every frame of a share but the last. */
  static frameBytes(offer: Offer): number {
    return FRAME_HEADER_BYTES + offer.recordSize;
  }

  #ask(): void {
    if (!this.#senderHere || !this.#begun) return;
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
      // One that was asked for on a connection that broke may still come by another.
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
    // One that wants nothing takes no part of the log from others.
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

  readonly #isOnItsWay = (index: number): boolean => {
    return this.#outstanding.has(index) || this.#again.has(index);
  };

  readonly #isLacking = (index: number): boolean => {
    return !this.#log.has(index) && !this.#outstanding.has(index) && !this.#comesInOrder(index);
  };

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
    this.#output.toSender({ t: "want", share: this.offer.share, ...run });
  }
}
