/**
 * One share on one worker: its receivers here, and what is at its home, if this is it. Joins the
 * two when they are on one worker and speaks to the other worker when they are not. The hub owns
 * one for each share.
 */
import type { Totals } from "./totals.ts";
import { shareFault, type Message, type ShareFault } from "../../protocol/mod.ts";

import type { LiveLimits } from "../limits/limits.ts";
import { EdgeReceivers } from "./edge-receivers.ts";
import { Fanout, type Upstream, type WordToEdges } from "./fanout.ts";
import { HomeShare, type FanoutMessage } from "./home-share.ts";
import type { FromHome } from "./home-store.ts";
import {
  isSenderHere,
  storedOf,
  type PeerEnvelope,
  type PeerMessage,
  type SenderPresence,
  type ShareRecord,
  type ToDirectory,
  type ToStoreBook,
} from "./messages.ts";
import type { OpenRecords, RecordRun } from "../store/record-store.ts";
import type { StoredState } from "../store/stored-share.ts";
import { Origin } from "./origin.ts";
import type { CreditBudget } from "./sender-credit.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import type { RecordReader } from "../log/block-log.ts";
import { WHOLE_WEIGHT, type BlockPool } from "../log/block-pool.ts";
import { ReplicaLog } from "../log/replica.ts";

/** The book hears so often that receivers finish a share with no download left. ms */
const FINISHING_EVERY_MS = 60_000;

/** To the book of stored shares, from a worker with receivers. */
type FromFanout =
  | Pick<Extract<ToStoreBook, { t: "begun" }>, "t" | "receiver" | "address" | "isOver">
  | Pick<Extract<ToStoreBook, { t: "finishing" }>, "t">;

/** Other relays with a control line at this worker; see `Edges`. */
export interface ShareEdges {
  hear(record: ShareRecord): boolean;
  hears(line: SocketId, record: ShareRecord): boolean;
  announce(share: LocalShare): void;
  /** Its store has other facts. */
  storedState(share: LocalShare): void;
  tell(share: LocalShare, message: Message): void;
  word(share: LocalShare, word: WordToEdges): void;
  /** @param line of the relay that has the receiver */
  full(share: LocalShare, line: SocketId, receiver: Uint8Array): void;
}

export interface ShareOptions {
  readonly worker: number;
  readonly pool: BlockPool;
  readonly outlet: Outlet;
  readonly toDirectory: (message: ToDirectory) => void;
  /** Undefined: the relay stores no shares. */
  readonly toStoreBook?: ((message: ToStoreBook) => void) | undefined;
  readonly openRecords?: OpenRecords | undefined;
  /** Undefined: the relay is in no cluster. */
  readonly edges?: ShareEdges | undefined;
  /** Of all senders of the worker. */
  readonly budget: CreditBudget;
  /** Instead of STALL_TIMEOUT_MS. */
  readonly stallMs?: number | undefined;
  /** Instead of PASS_BYTES_PER_SECOND. */
  readonly passBytesPerSecond?: number | undefined;
}

export class LocalShare {
  readonly fanout: Fanout;
  readonly home: HomeShare;
  readonly edgeReceivers: EdgeReceivers;
  record: ShareRecord;
  readonly isReadAgain: boolean;
  /** Of a share that can't be read again: the first record still to be had, as the home said last. */
  first: number | undefined;
  readonly #options: ShareOptions;
  /** The worker with the log; it stays so while its sender is away. */
  #homeWorker: number | undefined;
  readonly #replica: ReplicaLog;
  /** When receivers were told last whether its sender is here. ms */
  presenceAt = -Infinity;
  readonly #now: () => number;
  #wasAttached = false;
  #finishingAt = -Infinity;

  constructor(record: ShareRecord, options: ShareOptions, limits: LiveLimits, now: () => number) {
    const { offer, owner } = record;
    const { worker, pool, outlet, stallMs, passBytesPerSecond, budget } = options;
    this.record = record;
    this.#options = options;
    this.#now = now;
    this.#homeWorker = owner;
    this.#replica = new ReplicaLog(pool, Origin.frameBytes(offer));
    const isReadAgain = offer.seekable || storedOf(record) !== undefined;
    this.isReadAgain = isReadAgain;
    const edgeReceivers = new EdgeReceivers({
      report: (entries) => this.#toHome({ t: "report", entries }),
      receipt: (receipt) =>
        // Its own relay says whether it is a download.
        this.#toHome({ t: "receipt", receipt, wasSent: false, wasServed: false }),
      full: (line, receiver) => options.edges?.full(this, line, receiver),
      mostReceivers: () => limits.now["receivers-per-share"],
    });
    this.edgeReceivers = edgeReceivers;
    const upstream: Upstream = {
      need: (needs) => this.#toHome({ t: "need", needs }),
      report: (given) => {
        const entries = edgeReceivers.reportedHere(given);
        if (entries.length > 0) this.#toHome({ t: "report", entries });
      },
      toEdges: (word) => this.#toEdges(word),
      acknowledged: (before) => this.home.acknowledged(before),
      receipt: (receipt, wasSent, wasServed) =>
        this.#toHome({ t: "receipt", receipt, wasSent, wasServed }),
      begun: (receiver, address, isOver) => {
        if (storedOf(this.record)?.downloadsLeft === undefined) return;
        this.#sendBook({ t: "begun", receiver, address, isOver });
      },
      watermark: (next) => this.#toHome({ t: "watermark", next }),
      came: (receiver, next) => this.#toHome({ t: "came", receiver, next }),
    };
    const fanout = new Fanout(offer, this.#replica, outlet, upstream, stallMs, limits, isReadAgain);
    this.fanout = fanout;
    const toPeer = (to: number, message: PeerMessage): void => this.#toPeer(to, message);
    this.home = new HomeShare({
      worker,
      pool,
      outlet,
      offer,
      fanout,
      toPeer,
      now,
      limits,
      budget,
      passBytesPerSecond,
      isReadAgain,
      openRecords: options.openRecords,
      remoteStored: () => this.record.remoteStored,
      toStoreBook: (message) => this.#sendBook(message),
      kept: (first) => this.#kept(first),
      joined: () => this.#sendDirectory({ t: "joined" }),
      accepted: () => this.#sendDirectory({ t: "accepted" }),
      over: ({ code, detail = "" }) =>
        this.#sendDirectory({ t: "close", fault: shareFault(code), detail }),
    });
  }

  /**
   * The directory says who owns the share now.
   * @param socket the sender's, when that is this worker
   * @param previousHome another worker that has the log until now
   */
  opened(
    record: ShareRecord,
    socket: SocketId | undefined,
    previousHome?: number,
    durable?: readonly RecordRun[],
  ): void {
    const wasLimited = this.#isLimited;
    this.record = record;
    this.#noteLimit(wasLimited);
    this.fanout.admits(record.offer.admit === true);
    const { owner, stored } = record;
    if (owner === undefined) return;
    this.#homeWorker = owner;
    this.edgeReceivers.keep((line) => this.#options.edges?.hears(line, record) === true);
    const isHome = owner === this.#options.worker;
    if (isHome) this.home.storeIn(stored, durable);
    if (socket !== undefined) {
      const isRemote = record.remote !== undefined;
      this.#sourceChanged(this.home.senderCame(socket, previousHome, isRemote));
      return;
    }
    if (isHome && stored !== undefined) {
      this.#sourceChanged(this.home.serve());
      return;
    }
    this.home.senderMoved(owner);
    this.#sourceChanged(this.#replica);
  }

  #sourceChanged(log: RecordReader): void {
    this.fanout.sourceChanged(log);
    this.listen();
    this.edgeReceivers.resend();
  }

  /** Relays with a control line here hear of the share from now on. */
  listen(): void {
    if (this.#isHeard) this.#toHome({ t: "listens" });
  }

  /** By other relays. */
  get #isHeard(): boolean {
    return this.#options.edges?.hear(this.record) === true;
  }

  #toEdges(word: WordToEdges): void {
    const { edges } = this.#options;
    if (word.t === "full") this.edgeReceivers.refused(word.receiver);
    else if (this.#isHeard) edges?.word(this, word);
    if (word.t === "confirmed") this.edgeReceivers.confirmed(word.receiver);
  }

  #kept(first: number): void {
    if (first === this.first) return;
    this.first = first;
    this.#options.edges?.announce(this);
  }

  /** The book says more of the store. @param durable how many records survive a crash */
  storedState(stored: StoredState, durable: number): void {
    const wasLimited = this.#isLimited;
    this.record = { ...this.record, stored };
    this.#noteLimit(wasLimited);
    if (this.#isHome) this.home.storedState(stored, durable);
    if (stored.downloadsLeft === 0) this.fanout.exhaust(stored.begun);
    this.#options.edges?.storedState(this);
  }

  /** A download counts: its receiver may be here. */
  counted(receiver: Uint8Array): void {
    this.home.counted(receiver);
    this.fanout.confirmed(receiver);
  }

  /** Traffic of the share at this worker. */
  get totals(): Totals {
    return {
      framesIn: this.home.came.frames,
      bytesIn: this.home.came.bytes,
      framesOut: this.fanout.sent.frames,
      bytesOut: this.fanout.sent.bytes,
      wantedAgain: this.home.wantedAgain,
      bytesRead: this.home.bytesRead,
    };
  }

  /** @param isGiven another relay stores it now */
  orphaned(epoch: number, isGiven = false): void {
    if (epoch !== this.record.epoch) return;
    this.record = { ...this.record, owner: undefined };
    if (isGiven) {
      this.record = { ...this.record, stored: undefined };
      this.home.storeIn(undefined);
    }
    this.sendPresence();
  }

  /** The relay with its sender or its store said so. */
  presence({ epoch, senderHere, stored }: SenderPresence): void {
    if (epoch !== this.record.epoch) return;
    const wasLimited = this.#isLimited;
    const { isSenderAway = false, remoteStored } = this.record;
    this.record = { ...this.record, isSenderAway: !senderHere, remoteStored: stored };
    if (isSenderAway === senderHere) this.sendPresence();
    this.#noteLimit(wasLimited);
    if (stored?.downloadsLeft === 0) this.fanout.exhaust(stored.begun);
    // The relay whose sender is back may have given the share away meanwhile, and forgotten the receivers here.
    const isBack = isSenderAway && senderHere;
    // From now on receipts are downloads.
    if (isBack || (remoteStored === undefined && stored !== undefined)) {
      this.fanout.resend();
      this.edgeReceivers.resend();
    }
    this.#options.edges?.storedState(this);
  }

  workerLost(worker: number): void {
    this.home.workerLost(worker);
    if (this.#homeWorker === worker) this.#homeWorker = undefined;
  }

  peer({ from, epoch, message }: PeerEnvelope, now: number): void {
    // Handed-over state must not get lost, wherever the sender is by now.
    if (message.t === "handover") {
      this.home.handoverArrived(from, message.state);
      return;
    }
    if (message.t === "adopted") {
      this.home.adopted(from);
      return;
    }
    if (epoch !== this.record.epoch) return;
    switch (message.t) {
      case "available":
        if (this.#isHome) return;
        this.#replica.learn(message.index, message.place);
        this.fanout.available(message.index, now);
        return;
      case "confirmed":
        this.fanout.confirmed(message.receiver);
        return;
      case "admissions":
        if (!this.#isHome) this.fanout.decide(message.list);
        return;
      case "gone":
        this.fanout.gone(message.before);
        return;
      case "kept":
        if (!this.#isHome) this.#kept(message.first);
        return;
      case "full":
        this.fanout.refuse(message.receiver);
        return;
      case "ahead":
        if (!this.#isHome) this.fanout.readAhead(message.records);
        return;
      case "held-up":
        this.fanout.heldUp(message.before);
        return;
      case "came":
        if (this.#isHome) this.home.handle(message, from);
        else this.fanout.cameElsewhere(message.receiver, message.next);
        return;
      default:
        this.home.handle(message, from);
    }
  }

  /** How many shares its channel has: together they have the part of the log that one alone would have. */
  inChannelOf(shares: number): void {
    const weight = Math.max(1, Math.floor(WHOLE_WEIGHT / shares));
    this.home.weigh(weight);
    this.#replica.weigh(weight);
  }

  tick(now: number): void {
    this.fanout.tick(now);
    if (this.#isHome) this.home.tick(now);
    else this.#sendDetached();
    this.#tellFinishing(now);
  }

  get #isLimited(): boolean {
    return storedOf(this.record)?.downloadsLeft !== undefined;
  }

  #noteLimit(wasLimited: boolean): void {
    if (!wasLimited && this.#isLimited) this.fanout.tellBegun();
  }

  #tellFinishing(now: number): void {
    const stored = storedOf(this.record);
    if (stored?.downloadsLeft !== 0 || now - this.#finishingAt < FINISHING_EVERY_MS) return;
    this.#finishingAt = now;
    if (this.fanout.isAnyHere(stored.begun)) this.#sendBook({ t: "finishing" });
  }

  sendPresence(): void {
    const { senderPresence } = this;
    this.presenceAt = this.#now();
    this.fanout.publish(senderPresence);
    this.#options.edges?.tell(this, senderPresence);
  }

  get senderPresence(): Message {
    const { record } = this;
    return { t: "presence", share: record.offer.share, senderHere: isSenderHere(record) };
  }

  destroy(): void {
    this.home.destroy();
    this.fanout.destroy();
    this.edgeReceivers.clear();
  }

  get #isHome(): boolean {
    return this.home.origin !== undefined;
  }

  /** The origin need not tell us of records while nobody here wants them. */
  #sendDetached(): void {
    const attached = this.fanout.attached > 0 || this.#isHeard;
    if (this.#wasAttached && !attached) this.#toHome({ t: "detached" });
    this.#wasAttached = attached;
  }

  #toHome(message: FanoutMessage): void {
    const { worker } = this.#options;
    if (this.#isHome) this.home.handle(message, worker);
    else if (this.#homeWorker !== undefined && this.#homeWorker !== worker) {
      this.#toPeer(this.#homeWorker, message);
    }
  }

  #sendDirectory(
    what: { t: "joined" | "accepted" } | { t: "close"; fault: ShareFault; detail: string },
  ): void {
    const { worker, toDirectory } = this.#options;
    const { key, epoch } = this.record;
    toDirectory({ worker, key, epoch, ...what });
  }

  #sendBook(message: FromHome | FromFanout): void {
    const { worker, toStoreBook } = this.#options;
    const { key, epoch } = this.record;
    if (message.t === "durable" || message.t === "store-failed")
      toStoreBook?.({ worker, key, epoch, ...message });
    else toStoreBook?.({ worker, key, ...message });
  }

  #toPeer(to: number, message: PeerMessage): void {
    const { worker, toDirectory } = this.#options;
    const { key, epoch } = this.record;
    toDirectory({ t: "peer", from: worker, to, key, epoch, message });
  }
}
