/**
 * A share at its home, the worker with its sender: the sender's socket, the origin and its log,
 * which stay while the sender is away and go when it comes to another worker. Serves the fan-outs
 * of all workers, its own and others', and speaks to them through `HomeFanouts`. `LocalShare` owns it
 * and hands it the messages of all fan-outs.
 */
import type { FaultError, Frame, Message } from "../../protocol/mod.ts";

import { SETTLE_MS, type LiveLimits } from "../limits/limits.ts";
import { Handover, type Awaited } from "./handover.ts";
import type { Traffic } from "./lanes.ts";
import { BlockLog, type RecordReader } from "../log/block-log.ts";
import type { HandoverState, PeerMessage } from "./messages.ts";
import type { RecordRun } from "../store/record-store.ts";
import type { StoredState } from "../store/stored-share.ts";
import { hasAccepted, hasAgreed } from "./fanout-receiver.ts";
import { HomeFanouts, type HomeFanoutsOptions } from "./home-fanouts.ts";
import { HomeStore, type HomeStoreOptions } from "./home-store.ts";
import { Origin } from "./origin.ts";
import type { CreditBudget } from "./sender-credit.ts";
import { SenderSilence } from "./sender-silence.ts";
import type { SocketId } from "./outlet.ts";
import { WHOLE_WEIGHT, type BlockPool } from "../log/block-pool.ts";
import { LogTrimmer } from "./log-trimming.ts";
import { HEAD_START_AGREED_BYTES, HEAD_START_WEIGHT_PART } from "./head-start.ts";
import type { Admission } from "./admissions.ts";

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

export interface HomeOptions extends HomeStoreOptions, Omit<HomeFanoutsOptions, "credit"> {
  readonly pool: BlockPool;
  readonly now: () => number;
  readonly limits: LiveLimits;
  /** Instead of PASS_BYTES_PER_SECOND. */
  readonly passBytesPerSecond: number | undefined;
  /** Of all senders of the worker. */
  readonly budget: CreditBudget;
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
  readonly #fanouts: HomeFanouts;
  #trimming: LogTrimmer;
  #quietSince: number | undefined;
  /** Frames of the sender that came here, wanted or not. */
  readonly came: Traffic = { frames: 0, bytes: 0 };
  /** Of origins that are no more. */
  #wantedAgain = 0;
  #joined = false;
  #accepted = false;
  readonly #silence: SenderSilence;
  readonly #store: HomeStore;

  constructor(options: HomeOptions) {
    this.#options = options;
    const { worker, pool, fanout, toPeer, kept } = options;
    const credit = (): number | undefined => this.origin?.credit;
    this.#fanouts = new HomeFanouts({ worker, fanout, toPeer, kept, credit });
    this.#handover = new Handover(pool, toPeer);
    this.#trimming = new LogTrimmer(pool);
    this.#silence = new SenderSilence(options.limits, options.over);
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
    if (!isSoonReadAgain || !this.#fanouts.areHere) return;
    const receiver = fanout.lone;
    if (receiver !== undefined) outlet.paceBy?.(receiver);
  }

  /** The only receiver that ever came to this worker has the records before this one. */
  acknowledged(before: number): void {
    // The store copies from the log what it had no room for.
    if (this.#store.isBehind) return;
    if (this.#fanouts.areHere) this.origin?.acknowledged(before);
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
    this.#fanouts.decide(admission);
  }

  /** The sender took a receipt: its receiver may be on any worker. */
  receipted(receiver: Uint8Array): void {
    this.origin?.receipted(receiver);
    // Receivers of a stored share hear it when the book has it.
    if (!this.#store.isStored) this.#fanouts.confirmed(receiver);
  }

  /** A message of the fan-out of a worker, this one's too. */
  handle(message: FanoutMessage, from: number): void {
    switch (message.t) {
      case "need":
        this.#fanouts.serve(from);
        this.#weighLog();
        this.origin?.need(message.needs, from);
        return;
      case "report":
        this.#fanouts.serve(from);
        if (!this.#joined) this.#options.joined();
        this.#joined = true;
        if (message.entries.some(hasAccepted)) this.#accept();
        this.origin?.report(message.entries, from);
        if (message.entries.some(hasAgreed)) this.origin?.goOnAhead();
        return;
      case "receipt":
        this.#fanouts.serve(from);
        this.#accept();
        if (message.wasSent) this.#store.noteReceipt(message.receipt, message.wasServed);
        this.origin?.receipt(message.receipt);
        return;
      case "watermark":
        if (message.next !== undefined) this.#fanouts.serve(from);
        this.origin?.hold(from, message.next);
        return;
      case "came":
        this.#fanouts.came(from, message.receiver, message.next, this.origin?.keptFor ?? []);
        return;
      case "listens":
        this.#fanouts.listens(from, this.origin?.firstKept);
        return;
      case "detached":
        this.#fanouts.detached(from);
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
    this.#fanouts.detached(worker);
    this.origin?.workerLost(worker, this.#options.now());
    for (const awaited of this.#handover.workerLost(worker)) this.#resumeFrom(awaited, undefined);
  }

  weigh(weight: number): void {
    this.#weight = weight;
    this.#weighLog();
  }

  #weighLog(): void {
    const isAhead = !this.#fanouts.areAttached && this.origin?.hasHeadStart === true;
    const part = isAhead ? HEAD_START_WEIGHT_PART : 1;
    this.#log?.weigh(Math.max(1, Math.floor(this.#weight * part)));
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
    if (before !== undefined) this.#fanouts.heldUp(before);
    this.#fanouts.tellFirst(this.origin.firstKept);
    const attached = this.#fanouts.areAttached;
    this.#tellSender(now);
    const isServed = socket !== undefined || this.needsNoSender;
    const abandoned = !isServed && !this.#accepted;
    const isAhead =
      socket !== undefined &&
      this.origin.hasHeadStart &&
      this.#log.size <= Math.ceil(HEAD_START_AGREED_BYTES / this.#options.pool.blockBytes);
    this.#weighLog();
    this.#trimming.tick(this.#log, this.origin, { attached, abandoned, isAhead }, now);
    // Clients of other doors have limits of their own there.
    if (this.ownerSocket === undefined || this.ownerSocket < 0) return;
    this.#silence.tick(this.origin, () => this.#store.has(0), now);
  }

  /** A download counts: its receiver heard of it at its own worker. */
  counted(receiver: Uint8Array): void {
    this.origin?.receipted(receiver);
  }

  #accept(): void {
    if (!this.#accepted) this.#options.accepted();
    this.#accepted = true;
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
    const { pool, offer, fanout, now, limits, budget } = this.#options;
    const fanouts = this.#fanouts;
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
          return fanouts.areHere && fanout.pass(index, frame, keep, now());
        },
        available: (index, memory) => fanouts.available(log, index, now(), memory),
        gone: (to, before) => fanouts.gone(to, before),
        full: (to, receiver) => fanouts.full(to, receiver),
        ahead: (records) => fanouts.ahead(records),
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
      this.#handover.passThrough(from, successor, state, Origin.frameBytes(this.#options.offer));
      return;
    }
    if (state !== undefined && this.#log !== undefined) {
      this.#log.adopt(state.blocks, from, state.firstKept);
      this.#options.toPeer(from, { t: "adopted" });
      this.origin?.resumeFrom(state, this.#options.now());
    }
    if (this.#senderFirst !== undefined) this.senderBack(this.#senderFirst);
  }

  #dropOrigin(): void {
    this.#log?.destroy();
    this.#log = undefined;
    this.#wantedAgain += this.origin?.wantedAgain ?? 0;
    // Its credit is others' from now on.
    this.origin?.senderLost();
    this.origin = undefined;
    this.#fanouts.clear();
  }
}
