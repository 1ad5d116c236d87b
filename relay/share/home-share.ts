/**
 * A share at its home, the worker with its sender: the sender's socket, the origin and its log,
 * which stay while the sender is away and go when it comes to another worker. Serves the fan-outs
 * of all workers, its own and others'. `LocalShare` owns it and hands it the messages of all
 * fan-outs.
 */
import { CREDIT_RECORDS, type FaultError, type Frame, type Message } from "../../protocol/mod.ts";

import { SETTLE_MS, type LiveLimits } from "../limits/limits.ts";
import { StallTimer } from "../limits/stall-timer.ts";
import type { Fanout } from "./fanout.ts";
import { Handover, type Awaited } from "./handover.ts";
import type { Traffic } from "./lanes.ts";
import { BlockLog, type RecordReader } from "../log/block-log.ts";
import type { HandoverState, PeerMessage } from "./messages.ts";
import type { RecordRun } from "../store/record-store.ts";
import type { StoredState } from "../store/stored-share.ts";
import { hasAccepted, hasAgreed } from "./fanout-receiver.ts";
import { HomeStore, type HomeStoreOptions } from "./home-store.ts";
import { Origin } from "./origin.ts";
import type { CreditBudget } from "./sender-credit.ts";
import type { SocketId } from "./outlet.ts";
import { WHOLE_WEIGHT, type BlockPool } from "../log/block-pool.ts";
import { LogTrimmer } from "./log-trimming.ts";
import { HEAD_START_AGREED_BYTES, HEAD_START_WEIGHT_PART } from "./head-start.ts";
import { Admissions, type Admission } from "./admissions.ts";

/** Unsent bytes to a sender; above them no reports of its receivers are added. */
export const SENDER_QUEUE_BYTES = 1024 ** 2;
/**
 * When no receiver took a share for so long, a draining relay tells its clients to come back later;
 * its sender may end it before.
 */
const DRAIN_QUIET_MS = 1000;

/** Messages of fan-outs to the home. */
export type FanoutMessage = Extract<
  PeerMessage,
  { t: "need" | "report" | "receipt" | "watermark" | "came" | "detached" | "listens" }
>;

export interface HomeOptions extends HomeStoreOptions {
  readonly worker: number;
  readonly pool: BlockPool;
  readonly fanout: Fanout;
  readonly toPeer: (to: number, message: PeerMessage) => void;
  readonly now: () => number;
  readonly limits: LiveLimits;
  /** Instead of PASS_BYTES_PER_SECOND. */
  readonly passBytesPerSecond: number | undefined;
  /** Of all senders of the worker. */
  readonly budget: CreditBudget;
  /** Of a share that can't be read again, once another relay listens at this worker: see `PeerMessage`. */
  readonly kept: (first: number) => void;
  /** The first receiver came. */
  readonly joined: () => void;
  /** The first receiver took more than a look: it agreed, and has a record, or it has all. */
  readonly accepted: () => void;
  /** The share shall end, because its sender sends nothing, or its store gives nothing. */
  readonly over: (why: FaultError) => void;
}

export class HomeShare {
  ownerSocket: SocketId | undefined;
  /** Undefined: another worker is home, or none. */
  origin: Origin | undefined;
  #log: BlockLog | undefined;
  readonly #handover: Handover;
  /** The first record that the sender has, once it may be asked. */
  #senderFirst: number | undefined;
  #isRemote = false;
  #weight = WHOLE_WEIGHT;
  readonly #options: HomeOptions;
  /** Other workers with receivers of this share. */
  readonly #remote = new Set<number>();
  /** Workers at which other relays listen, this one too, and the first record that they were told. */
  readonly #listening = new Set<number>();
  #firstTold: number | undefined;
  #trimming: LogTrimmer;
  #quietSince: number | undefined;
  readonly #admissions = new Admissions();
  /** Frames of the sender that came here, wanted or not. */
  readonly came: Traffic = { frames: 0, bytes: 0 };
  /** Of origins that are no more. */
  #wantedAgain = 0;
  #joined = false;
  #accepted = false;
  #silence = new StallTimer();
  readonly #store: HomeStore;
  constructor(options: HomeOptions) {
    this.#options = options;
    this.#handover = new Handover(options.pool, options.toPeer);
    this.#trimming = new LogTrimmer(options.pool);
    this.#store = new HomeStore(options, {
      origin: () => this.origin,
      makeOrigin: () => (this.origin ??= this.#createOrigin()),
      failSender: (fault, detail) => {
        if (this.ownerSocket !== undefined) options.outlet.fail(this.ownerSocket, fault, detail);
      },
    });
  }

  /** A frame of the sender is here. @throws FaultError as `Origin.frame` */
  frame(origin: Origin, frame: Frame, bytes: Uint8Array): void {
    this.came.frames++;
    this.came.bytes += bytes.length;
    // The store gives it, as it came first: no receiver gets another one, whatever its sender says later.
    if (this.#store.has(frame.index)) return;
    origin.frame(frame, bytes);
    this.#pace(origin);
  }

  /** Where the log is of no use, a sender that is faster than the only receiver waits rather than fill it. */
  #pace({ isSoonReadAgain }: Origin): void {
    const { fanout, outlet } = this.#options;
    if (!isSoonReadAgain || this.#remote.size > 0) return;
    const receiver = fanout.lone;
    if (receiver !== undefined) outlet.paceBy?.(receiver);
  }

  /** The only receiver that ever came to this worker has the records before this one. */
  acknowledged(before: number): void {
    // The store copies from the log what it had no room for.
    if (this.#store.isBehind) return;
    if (this.#remote.size === 0) this.origin?.acknowledged(before);
  }

  /** Bytes of frames that the store gave. */
  get bytesRead(): number {
    return this.#store.bytesRead;
  }

  /** Records that the sender was asked for a second time. */
  get wantedAgain(): number {
    return this.#wantedAgain + (this.origin?.wantedAgain ?? 0);
  }

  get blocks(): number {
    return this.#log?.size ?? 0;
  }

  /**
   * The share is this sender's now. The relay asks it for nothing before it is accepted.
   * @param previousHome another worker that has the log until now
   * @param isRemote it is at another relay of the cluster
   * @returns where its records can be read from now on
   */
  senderCame(socket: SocketId, previousHome: number | undefined, isRemote = false): RecordReader {
    this.ownerSocket = socket;
    this.#isRemote = isRemote;
    this.#senderFirst = undefined;
    // Its line before may look whole from here: what was asked there will not come.
    this.origin?.senderLost();
    this.#store.senderCame();
    if (previousHome !== undefined && !this.#options.isReadAgain)
      this.#handover.awaits(previousHome);
    this.origin ??= this.#createOrigin();
    return this.origin.log;
  }

  /** The sender was accepted, and may be asked from now on. @param first the first record that it has */
  senderBack(first: number): void {
    this.#senderFirst = first;
    if (this.#handover.isAwaited) return;
    this.origin?.begin(first, this.#options.now());
    this.origin?.senderBack(first, this.#isRemote);
    this.#tellSender(this.#options.now());
  }

  #tellSender(now: number): void {
    if (this.ownerSocket === undefined || this.#senderFirst === undefined) return;
    this.#store.tellSender(this.ownerSocket, now);
  }

  /** The share is served from the store, without its sender. @returns as `senderCame` */
  serve(): RecordReader {
    this.ownerSocket = undefined;
    this.origin ??= this.#createOrigin();
    this.origin.senderBack();
    return this.origin.log;
  }

  /** See `HomeStore.storeIn`. */
  storeIn(given: StoredState | undefined, durable?: readonly RecordRun[]): void {
    this.#store.storeIn(given, durable);
  }

  /** The book says more of the store. @param durable how many records survive a crash */
  storedState(stored: StoredState, durable: number): void {
    this.#store.storedState(stored, durable);
    // Its sender left before that was known.
    if (this.needsNoSender && this.ownerSocket === undefined) this.serve();
    this.#tellSender(this.#options.now());
  }

  /** All of it is stored: the share needs its sender no more. */
  get needsNoSender(): boolean {
    return this.#store.isWhole;
  }

  /** The sender leaves or the relay ends: see `HomeStore.settle`. */
  settle(now: number, done?: () => void): boolean {
    return this.#store.settle(now, done);
  }

  /** Likewise, and what is on its way from the sender comes before. */
  settlesAll(now: number): boolean {
    return this.settle(now) && (!this.#store.isSettling || this.origin?.pending.outstanding === 0);
  }

  /** The sender, which is not needed, is gone. */
  senderLeft(): void {
    this.senderLost();
    this.serve();
  }

  /** The sender, which was accepted, is far. */
  beginAhead(): void {
    // The store takes the first records, and gives them to a receiver that comes.
    if (this.#store.isOpen) return;
    this.origin?.beginAhead();
    this.#weighLog();
  }

  /** The sender's line broke; the log stays. */
  senderLost(): void {
    this.ownerSocket = undefined;
    this.#senderFirst = undefined;
    this.origin?.senderLost();
  }

  /** Another worker has the sender now: it gets what can't be read again. */
  senderMoved(to: number): void {
    this.ownerSocket = undefined;
    this.#senderFirst = undefined;
    if (!this.#options.isReadAgain && this.origin !== undefined && this.#log !== undefined) {
      if (this.#handover.isAwaited) {
        this.#handover.passOnTo(to);
      } else {
        const left = this.origin.leave();
        const state = left && { ...left, blocks: this.#log.handOver() };
        this.#handover.give(to, state);
      }
    }
    this.#store.close();
    this.#dropOrigin();
  }

  /** The sender admitted a receiver, or dismissed it: it may be on any worker. */
  decide(admission: Admission): void {
    const { fanout, toPeer } = this.#options;
    this.#admissions.add(admission);
    const list = [admission];
    fanout.decide(list);
    for (const worker of this.#remote) toPeer(worker, { t: "admissions", list });
  }

  /** The sender took a receipt: its receiver may be on any worker. */
  receipted(receiver: Uint8Array): void {
    const { fanout, toPeer } = this.#options;
    this.origin?.receipted(receiver);
    // Receivers of a stored share hear it when the book has it.
    if (this.#store.isStored) return;
    fanout.confirmed(receiver);
    for (const worker of this.#remote) toPeer(worker, { t: "confirmed", receiver });
  }

  /** A message of the fan-out of a worker, this one's too. */
  handle(message: FanoutMessage, from: number): void {
    switch (message.t) {
      case "need":
        this.#serve(from);
        this.#weighLog();
        this.origin?.need(message.needs, from);
        return;
      case "report":
        this.#serve(from);
        if (!this.#joined) this.#options.joined();
        this.#joined = true;
        if (message.entries.some(hasAccepted)) this.#accept();
        this.origin?.report(message.entries, from);
        if (message.entries.some(hasAgreed)) this.origin?.goOnAhead();
        return;
      case "receipt":
        this.#serve(from);
        this.#accept();
        if (message.wasSent) this.#store.noteReceipt(message.receipt, message.wasServed);
        this.origin?.receipt(message.receipt);
        return;
      case "watermark":
        if (message.next !== undefined) this.#serve(from);
        this.origin?.hold(from, message.next);
        return;
      case "came":
        this.#sendCame(from, message.receiver, message.next);
        return;
      case "listens":
        this.#serve(from);
        this.#listening.add(from);
        if (this.origin?.firstKept !== undefined) this.#sendKept(from, this.origin.firstKept);
        return;
      case "detached":
        this.#remote.delete(from);
        this.#listening.delete(from);
        this.origin?.needsNothing(from);
        return;
    }
  }

  /** The rest of the share at a worker came; undefined: it has nothing. */
  handoverArrived(from: number, state: HandoverState | undefined): void {
    const awaited = this.#handover.came(from);
    if (awaited !== undefined) this.#resumeFrom(awaited, state);
  }

  /** The blocks that were handed over are another worker's now. */
  adopted(by: number): void {
    this.#handover.adopted(by);
  }

  workerLost(worker: number): void {
    this.#remote.delete(worker);
    this.#listening.delete(worker);
    this.origin?.workerLost(worker, this.#options.now());
    for (const awaited of this.#handover.workerLost(worker)) this.#resumeFrom(awaited, undefined);
  }

  weigh(weight: number): void {
    this.#weight = weight;
    this.#weighLog();
  }

  #weighLog(): void {
    const isAhead = !this.#isAttached && this.origin?.hasHeadStart === true;
    const part = isAhead ? HEAD_START_WEIGHT_PART : 1;
    this.#log?.weigh(Math.max(1, Math.floor(this.#weight * part)));
  }

  get #isAttached(): boolean {
    return this.#options.fanout.attached > 0 || this.#remote.size > 0;
  }

  tick(now: number): void {
    this.#store.tick(now);
    if (this.origin === undefined || this.#log === undefined) return;
    const { outlet } = this.#options;
    const socket = this.ownerSocket;
    this.origin.expire(now);
    if (socket === undefined ? this.needsNoSender : outlet.buffered(socket) < SENDER_QUEUE_BYTES) {
      this.origin.tick();
    }
    const before = this.origin.heldUp(now);
    if (before !== undefined) this.#sendHeldUp(before);
    this.#tellFirst(this.origin);
    const attached = this.#isAttached;
    this.#tellSender(now);
    const isServed = socket !== undefined || this.needsNoSender;
    const abandoned = !isServed && !this.#accepted;
    const isAhead =
      socket !== undefined &&
      this.origin.hasHeadStart &&
      this.#log.size <= Math.ceil(HEAD_START_AGREED_BYTES / this.#options.pool.blockBytes);
    this.#weighLog();
    this.#trimming.tick(this.#log, this.origin, { attached, abandoned, isAhead }, now);
    this.#endIfSilent(this.origin, now);
  }

  #tellFirst({ firstKept }: Origin): void {
    if (firstKept === undefined || firstKept === this.#firstTold) return;
    this.#firstTold = firstKept;
    for (const worker of this.#listening) this.#sendKept(worker, firstKept);
  }

  #sendKept(to: number, first: number): void {
    const { worker, kept, toPeer } = this.#options;
    if (to === worker) kept(first);
    else toPeer(to, { t: "kept", first });
  }

  /** A sender that is asked and sends nothing. Clients of other doors have limits of their own there. */
  #endIfSilent({ isAwaited, arrived, wantsFirst, offer }: Origin, now: number): void {
    const { limits, over } = this.#options;
    if (this.ownerSocket === undefined || this.ownerSocket < 0) return;
    const waited = this.#silence.stalledFor(isAwaited ? arrived : undefined, now);
    // The first record holds the manifest: a sender gives it before any receiver agrees.
    const name = wantsFirst ? "start-timeout" : "record-timeout";
    // A store that is away is waited for, and ends the share itself.
    if (wantsFirst && this.#store.has(0)) return;
    // Bytes of a pipe may take their time after that.
    if (!(wantsFirst || offer.seekable) || waited < limits.now[name]) return;
    this.#silence = new StallTimer();
    over(limits.over(name));
  }

  /** A download counts: its receiver heard of it at its own worker. */
  counted(receiver: Uint8Array): void {
    this.origin?.receipted(receiver);
  }

  #accept(): void {
    if (!this.#accepted) this.#options.accepted();
    this.#accepted = true;
  }

  #sendHeldUp(before: number): void {
    const { fanout, toPeer } = this.#options;
    fanout.heldUp(before);
    for (const worker of this.#remote) toPeer(worker, { t: "held-up", before });
  }

  /**
   * Whether its sender can go on at another relay without a loss. One that can't read again is asked for no more until
   * its receivers have all that it can't give there.
   */
  letsSenderGo(): boolean {
    return this.origin === undefined || this.origin.letsSenderGo();
  }

  /** Whether no receiver took anything of this share for DRAIN_QUIET_MS; known only at home. */
  isQuiet(now: number): boolean {
    if (this.origin === undefined || this.origin.busy) {
      if (this.#quietSince !== undefined) this.#store.goOn();
      this.#quietSince = undefined;
      return false;
    }
    this.#quietSince ??= now;
    const quietMs = now - this.#quietSince;
    const isSettled = this.settlesAll(now) || quietMs >= SETTLE_MS;
    return isSettled && quietMs >= DRAIN_QUIET_MS;
  }

  destroy(): void {
    this.#handover.destroy();
    this.#store.close();
    this.#dropOrigin();
  }

  #createOrigin(): Origin {
    const { worker, pool, offer, fanout, toPeer, now, limits, budget } = this.#options;
    const { isReadAgain, passBytesPerSecond } = this.#options;
    const log = new BlockLog(pool, Origin.frameBytes(offer), !isReadAgain);
    log.weigh(this.#weight);
    this.#log = log;
    this.#trimming = new LogTrimmer(pool);
    return new Origin(
      offer,
      log,
      {
        toSender: (message) => this.#toSender(message),
        pass: (index, frame, keep) => {
          return this.#remote.size === 0 && fanout.pass(index, frame, keep, now());
        },
        available: (index, memory) => {
          fanout.available(index, now(), memory);
          if (this.#remote.size === 0) return;
          const place = log.open(index);
          if (place === undefined) return;
          for (const other of this.#remote) toPeer(other, { t: "available", index, place });
          log.close(place);
        },
        gone: (to, before) => {
          if (to === worker) fanout.gone(before);
          else toPeer(to, { t: "gone", before });
        },
        full: (to, receiver) => {
          if (to === worker) fanout.refuse(receiver);
          else toPeer(to, { t: "full", receiver });
        },
        ahead: (records) => {
          fanout.readAhead(records);
          for (const other of this.#remote) toPeer(other, { t: "ahead", records });
        },
        mostReceivers: () => limits.now["receivers-per-share"],
        now,
        logged: (index) => this.#logged(log, index),
      },
      budget,
      passBytesPerSecond,
      isReadAgain,
    );
  }

  #toSender(message: Message): void {
    const { outlet } = this.#options;
    for (const each of this.#store.serve(message)) {
      if (this.ownerSocket !== undefined) outlet.send(this.ownerSocket, each);
    }
  }

  #logged(log: BlockLog, index: number): Uint8Array | undefined {
    const place = log.open(index);
    if (place === undefined) return undefined;
    const frame = new Uint8Array(place.length);
    this.#options.pool.read(place.block, place.offset, frame);
    log.close(place);
    return frame;
  }

  /** The rest from the worker before is here; undefined: nothing. */
  #resumeFrom({ from, successor }: Awaited, state: HandoverState | undefined): void {
    if (successor !== undefined) {
      this.#handover.give(successor, state && this.#passThrough(from, state));
      return;
    }
    if (state !== undefined && this.#log !== undefined) {
      this.#log.adopt(state.blocks, from, state.firstKept);
      this.#options.toPeer(from, { t: "adopted" });
      this.origin?.resumeFrom(state, this.#options.now());
    }
    if (this.#senderFirst !== undefined) this.senderBack(this.#senderFirst);
  }

  /** Only what is ours can be given on. */
  #passThrough(from: number, state: HandoverState): HandoverState {
    const { pool, offer, toPeer } = this.#options;
    const log = new BlockLog(pool, Origin.frameBytes(offer), true);
    log.adopt(state.blocks, from, state.firstKept);
    toPeer(from, { t: "adopted" });
    const blocks = log.handOver();
    return { ...state, firstKept: log.firstKept, blocks };
  }

  /** Another worker hears of new records from now on. */
  #serve(worker: number): void {
    if (worker === this.#options.worker || this.#remote.has(worker)) return;
    this.#remote.add(worker);
    const records = this.origin?.credit ?? CREDIT_RECORDS;
    if (records > CREDIT_RECORDS) this.#options.toPeer(worker, { t: "ahead", records });
    if (this.#admissions.size === 0) return;
    this.#options.toPeer(worker, { t: "admissions", list: this.#admissions.list });
  }

  /** The receiver's line to any other worker is broken, whether that is seen there or not. */
  #sendCame(where: number, receiver: Uint8Array, next: number): void {
    const { worker, fanout, toPeer } = this.#options;
    for (const other of this.origin?.keptFor ?? []) {
      if (other === where) continue;
      if (other === worker) fanout.cameElsewhere(receiver, next);
      else toPeer(other, { t: "came", receiver, next });
    }
  }

  #dropOrigin(): void {
    this.#log?.destroy();
    this.#log = undefined;
    this.#wantedAgain += this.origin?.wantedAgain ?? 0;
    // Its credit is others' from now on.
    this.origin?.senderLost();
    this.origin = undefined;
    this.#remote.clear();
    this.#listening.clear();
    this.#firstTold = undefined;
    this.#admissions.clear();
  }
}
