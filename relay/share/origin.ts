/**
 * A share at the worker that holds its sender: the records that come, and the log.
 *
 * `want` is credit and re-read in one. Fan-outs say which records each of their parties will read
 * soon; `SenderWants` queues what the log lacks for that party, and asks the sender for it in its turn. So the sender is
 * paced by the fastest receiver, and a record that fell out of the log is read again when a receiver needs
 * it. For a share that can't be read again see `PacedOrigin`: its records come in their order, for
 * every receiver. `HomeShare` owns it.
 */
import {
  FRAME_HEADER_BYTES,
  FaultError,
  isOpen,
  type Frame,
  type Offer,
  type ReceiverEntry,
} from "../../protocol/mod.ts";
import type { CreditBudget } from "./sender-credit.ts";

import type { Kept, RecordLog, RecordPlace } from "../log/block-log.ts";
import type { HandoverState, PartyNeed, Receipt } from "./messages.ts";
import { PacedOrigin } from "./paced-origin.ts";
import { PASS_BYTES_PER_SECOND, ReadAgain } from "./read-again.ts";
import { ReceiverReports } from "./receiver-reports.ts";
import { SenderWants, type WantsOutput } from "./sender-wants.ts";
import type { OriginStore } from "./store-desk.ts";

export interface OriginOutput extends WantsOutput {
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
  mostReceivers(): number;
}

/** Ciphertext of one data byte: the byte, the delimiter, the tag. */
const LEAST_CIPHERTEXT = 18;

export class Origin {
  readonly offer: Offer;
  readonly #log: RecordLog;
  readonly #output: OriginOutput;
  /** Undefined: the share can be read again. */
  readonly #paced: PacedOrigin | undefined;
  readonly #wants: SenderWants;
  readonly #readAgain: ReadAgain;
  readonly #reports: ReceiverReports;
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
    this.#wants = new SenderWants(offer, log, output, budget, this.#paced);
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
    return this.#wants.pending;
  }

  /** Whether a receiver waits for a record of the sender. */
  get isAwaited(): boolean {
    return this.#wants.isAwaited;
  }

  /** Whether its first records may wait in the log for receivers to come. */
  get hasHeadStart(): boolean {
    return this.#wants.hasHeadStart;
  }

  /** Records that the sender may be asked for at once, as far as its path says. */
  get credit(): number {
    return this.#wants.credit;
  }

  /** Whether the sender is asked for the first record of all. */
  get wantsFirst(): boolean {
    return this.#wants.wantsFirst;
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
    this.#wants.storeIn(store);
    this.#wants.ask();
  }

  /** The first record that can still be had; undefined: all can, or it is not known yet. */
  get firstKept(): number | undefined {
    return this.#paced?.begun === true ? this.#paced.gone : undefined;
  }

  /** The store may take more by now. */
  askMore(): void {
    this.#wants.ask();
  }

  /** Parties of a worker will read these soon. Records that are here already are announced again. */
  need(needs: readonly PartyNeed[], worker: number): void {
    const here = new Set<number>();
    let gone = false;
    for (const need of needs) {
      if (need.proven) this.#neededTo = Math.max(this.#neededTo, need.end);
      const lacking: number[] = [];
      for (const { first, count } of need.runs) {
        const end = Math.min(first + count, this.#wants.end);
        for (let index = first; index < end; index++) {
          if (this.#log.has(index)) here.add(index);
          else if (this.#paced !== undefined) {
            gone ||= this.#paced.begun && index < this.#paced.gone;
            this.#paced.need({ ...need, end: index + 1 });
          } else if (this.#wants.needed(index)) {
            this.#readAgain.needed(index);
            lacking.push(index);
          }
        }
      }
      if (this.#paced === undefined) this.#wants.queue(worker, need, lacking);
    }
    for (const index of here) this.#output.available(index);
    if (gone && this.#paced !== undefined) this.#output.gone(worker, this.#paced.gone);
    this.#wants.ask();
  }

  /**
   * The sender is far: its first records may come before a receiver asks. One that admits receivers sends nothing
   * before, and one that can't read again is paced by its receivers.
   */
  beginAhead(): void {
    if (this.#paced !== undefined || this.offer.admit === true) return;
    this.#wants.beginAhead();
    this.#wants.ask();
  }

  /** A receiver agreed, and has acknowledged nothing yet. */
  goOnAhead(): void {
    if (this.#wants.agreed()) this.#wants.ask();
  }

  /** See `PacedOrigin.letsSenderGo`. */
  letsSenderGo(): boolean {
    return this.#paced === undefined || this.#paced.letsSenderGo();
  }

  needsNothing(worker: number): void {
    this.#wants.forget(worker);
  }

  /** The least record that receivers of a worker need; undefined: they need none. */
  hold(worker: number, next: number | undefined): void {
    if (this.#paced === undefined) return;
    const isHere = this.#paced.hold(worker, next);
    if (!isHere && this.#paced.begun) this.#output.gone(worker, this.#paced.gone);
    this.#wants.ask();
  }

  /** Begins with nothing in the log; `first`: the first record that the sender can give. */
  begin(first: number, now: number): void {
    if (this.#paced === undefined || this.#paced.begun) return;
    this.#paced.begin(first, now);
    this.#sendGone();
    this.#wants.ask();
  }

  /** Goes on with what the origin at another worker left. */
  resumeFrom(state: HandoverState, now: number): void {
    if (this.#paced === undefined || this.#paced.begun) return;
    this.#paced.resumeFrom(state, now);
    for (const index of state.missing) this.#wants.miss(index);
    this.#sendGone();
    this.#wants.ask();
    const { first, end } = this.#paced.awaited;
    for (let index = first; index < end; index++) {
      if (this.#log.has(index)) this.#output.available(index);
    }
  }

  /** Ends this origin. @returns the state for the one at another worker, without the blocks of the log */
  leave(): Omit<HandoverState, "blocks"> | undefined {
    if (this.#paced === undefined || !this.#paced.begun) return undefined;
    this.senderLost();
    const { asked, needed, watermarks, gone } = this.#paced;
    return { asked, needed, watermarks, firstKept: gone, missing: this.#wants.missing };
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
    if (!this.#wants.came(index, isStored, now)) return;
    this.#arrived++;
    this.#readAgain.came(bytes.length, now);
    const isForStore = this.#wants.cameForStore(index);
    const isTaken = isStored || this.#wants.giveStore(index, last, bytes);
    if (isLast && this.#paced === undefined) this.#wants.endAt(index + 1);
    if (isForStore && isTaken && !this.#isSoonNeeded(index)) {
      this.#log.release(index);
      this.#wants.ask();
      return;
    }
    // The store copies from the log what it has no room for now.
    if (isTaken && this.#passes(index, bytes)) {
      this.#wants.ask();
      return;
    }
    const kept = this.#log.put(index, bytes);
    // A record that was not kept did not come.
    if (kept !== "kept" && this.#paced !== undefined) this.#wants.miss(index);
    if (kept === "full") throw new FaultError("log-full");
    if (kept === "kept") this.#output.available(index, bytes);
    this.#wants.ask();
  }

  /** Whether receivers will need it before the log lets go of it; else they get it from the store. */
  #isSoonNeeded(index: number): boolean {
    return index < this.#neededTo + Math.floor(this.#log.capacity / 2);
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
    return this.#wants.wantedAgain;
  }

  report(entries: readonly ReceiverEntry[], worker: number): void {
    this.#reports.report(entries, worker);
  }

  /** A worker died, so its receivers are gone. */
  workerLost(worker: number, now: number): void {
    this.#wants.forget(worker);
    this.#paced?.workerLost(worker, now);
    this.#reports.workerLost(worker);
  }

  receipt(receipt: Receipt): void {
    const isKept = this.#reports.receipt(receipt);
    if (isKept && this.#wants.isSenderHere) this.#reports.sendReceipt(receipt);
  }

  /** The relay with the sender has as many receivers as it may have, without this one. */
  refuse(receiver: Uint8Array): void {
    this.#reports.refuse(receiver);
  }

  receipted(receiver: Uint8Array): void {
    this.#reports.receipted(receiver);
  }

  /** The sender's line broke: what it was asked will not come. */
  senderLost(): void {
    this.#wants.senderLost();
  }

  /** One of the sender's connections broke: all that did not come is asked for again. */
  askAgain(): void {
    if (!this.#wants.isSenderHere) return;
    this.#wants.forgetAsked();
    this.#wants.ask();
  }

  /**
   * The sender is here, on a new line; nothing is said to it before.
   * @param first the first record that it can give
   * @param isRemote it is at another relay
   */
  senderBack(first = 0, isRemote = false): void {
    this.#readAgain.isRemote = isRemote;
    this.#wants.senderBack();
    const isAhead = this.#paced?.senderHas(first, isRemote) === true;
    if (this.#wants.loseBefore(first) || isAhead) this.#sendGone();
    this.#reports.sendReceipts();
    this.#wants.ask();
  }

  /** Forgets receivers that did not come back in time. */
  expire(now: number): void {
    this.#paced?.tick(now);
  }

  /** Tells the sender of its receivers, and asks for what had no place in the log before. */
  tick(): void {
    if (!this.#wants.isSenderHere) return;
    this.#reports.send();
    this.#wants.tick();
  }

  /** As `PacedOrigin.heldUp`. */
  heldUp(now: number): number | undefined {
    return this.#paced?.heldUp(this.#wants.isFull, now);
  }

  /** Bytes of every frame of a share but the last. */
  static frameBytes(offer: Offer): number {
    return FRAME_HEADER_BYTES + offer.recordSize;
  }
}
