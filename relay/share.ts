import { DRAIN_QUIET_MS, LOG_IDLE_MS, SENDER_QUEUE_BYTES, type Message } from "../protocol/mod.ts";

import { Fanout, type Upstream } from "./fanout.ts";
import { Handover, type Awaited } from "./handover.ts";
import { BlockLog } from "./log.ts";
import type { Estate, PeerEnvelope, PeerMessage, ShareRecord, ToDirectory } from "./messages.ts";
import { Origin } from "./origin.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import { WHOLE_WEIGHT, type BlockPool } from "./pool.ts";
import { ReplicaLog } from "./replica.ts";

export interface ShareOptions {
  readonly worker: number;
  readonly pool: BlockPool;
  readonly outlet: Outlet;
  readonly toDirectory: (message: ToDirectory) => void;
  /** Instead of STALL_TIMEOUT_MS. */
  readonly stallMs?: number | undefined;
}

/**
 * One share on one worker: its receivers here, and, where the sender is, its origin and log. Joins
 * the two when they are on one worker and speaks to the other worker when they are not.
 */
export class LocalShare {
  readonly fanout: Fanout;
  record: ShareRecord;
  /** The sender's socket, when it is here. */
  ownerSocket: SocketId | undefined;
  origin: Origin | undefined;
  /** The log of `origin`. */
  #log: BlockLog | undefined;
  readonly #handover: Handover;
  /** The first record that the sender has, once it may be asked. */
  #senderFirst: number | undefined;
  #weight = WHOLE_WEIGHT;
  readonly #options: ShareOptions;
  readonly #now: () => number;
  /** The worker with the log; it stays so while its sender is away. */
  #home: number | undefined;
  #replica: ReplicaLog;
  /** Workers with receivers of this share, where the origin is here. */
  readonly #remote = new Set<number>();
  #idleSince: number | undefined;
  #logUses = 0;
  #logUsedAt = 0;
  #wasAttached = false;
  #quietSince: number | undefined;

  constructor(record: ShareRecord, options: ShareOptions, now: () => number) {
    this.record = record;
    this.#options = options;
    this.#now = now;
    this.#home = record.owner;
    this.#replica = new ReplicaLog(options.pool, Origin.frameBytes(record.offer));
    const upstream: Upstream = {
      need: (runs) => {
        if (this.origin !== undefined) this.origin.need(runs, options.worker);
        else this.#toHome({ t: "need", runs });
      },
      report: (entries) => {
        if (this.origin !== undefined) this.origin.report(entries, options.worker);
        else this.#toHome({ t: "report", entries });
      },
      receipt: (receipt) => {
        if (this.origin !== undefined) this.origin.receipt(receipt);
        else this.#toHome({ t: "receipt", receipt });
      },
      floor: (next) => {
        if (this.origin !== undefined) this.origin.hold(options.worker, next);
        else this.#toHome({ t: "floor", next });
      },
      came: (receiver, next) => {
        if (this.origin !== undefined) this.#tellOthers(options.worker, receiver, next);
        else this.#toHome({ t: "came", receiver, next });
      },
    };
    const { stallMs } = options;
    this.fanout = new Fanout(record.offer, this.#replica, options.outlet, upstream, stallMs);
    this.#handover = new Handover(options.pool, (to, message) => this.#toPeer(to, message));
  }

  /**
   * The directory says who owns the share now.
   * @param socket the sender's, when that is this worker
   * @param heirOf another worker that has the log until now
   */
  opened(record: ShareRecord, socket: SocketId | undefined, heirOf?: number): void {
    this.record = record;
    this.ownerSocket = socket;
    this.#senderFirst = undefined;
    if (record.owner !== undefined) this.#home = record.owner;
    if (socket !== undefined) {
      // Its line before may look whole from here: what was asked there will not come.
      this.origin?.senderLost();
      if (heirOf !== undefined && !record.offer.seekable) this.#handover.awaits(heirOf);
      this.origin ??= this.#createOrigin();
      this.fanout.sourceChanged(this.origin.log);
      return;
    }
    if (record.owner === undefined) return;
    this.#leaveOrigin(record.owner);
    this.fanout.sourceChanged(this.#replica);
  }

  /** The sender was accepted, and may be asked from now on. @param first the first record that it has */
  senderBack(first: number): void {
    this.#senderFirst = first;
    if (this.#handover.isAwaited) return;
    this.origin?.begin(first, this.#now());
    this.origin?.senderBack(first);
  }

  /** The sender's line broke; the log stays. */
  senderLost(): void {
    this.ownerSocket = undefined;
    this.#senderFirst = undefined;
    this.origin?.senderLost();
  }

  orphaned(epoch: number): void {
    if (epoch !== this.record.epoch) return;
    this.record = { ...this.record, owner: undefined };
    this.tellPresence(false);
  }

  workerLost(worker: number): void {
    this.#remote.delete(worker);
    this.origin?.workerLost(worker, this.#now());
    if (this.#home === worker) this.#home = undefined;
    for (const awaited of this.#handover.workerLost(worker)) this.#inherit(awaited, undefined);
  }

  /** The sender took a receipt: its receiver may be on any worker. */
  receipted(receiver: Uint8Array): void {
    this.origin?.receipted(receiver);
    this.fanout.confirmed(receiver);
    for (const worker of this.#remote) this.#toPeer(worker, { t: "confirmed", receiver });
  }

  receiverGone(socket: SocketId): void {
    this.fanout.closed(socket);
  }

  peer({ from, epoch, message }: PeerEnvelope, now: number): void {
    // What was handed over must not get lost, whoever has the sender by now.
    if (message.t === "estate") {
      const awaited = this.#handover.came(from);
      if (awaited !== undefined) this.#inherit(awaited, message.estate);
      return;
    }
    if (message.t === "adopted") {
      this.#handover.adopted(from);
      return;
    }
    if (epoch !== this.record.epoch) return;
    switch (message.t) {
      case "available":
        if (this.origin !== undefined) return;
        this.#replica.learn(message.index, message.place);
        this.fanout.available(message.index, now);
        return;
      case "confirmed":
        this.fanout.confirmed(message.receiver);
        return;
      case "detached":
        this.#remote.delete(from);
        return;
      case "need":
        this.#remote.add(from);
        this.origin?.need(message.runs, from);
        return;
      case "report":
        this.#remote.add(from);
        this.origin?.report(message.entries, from);
        return;
      case "receipt":
        this.#remote.add(from);
        this.origin?.receipt(message.receipt);
        return;
      case "floor":
        if (message.next !== undefined) this.#remote.add(from);
        this.origin?.hold(from, message.next);
        return;
      case "gone":
        this.fanout.gone(message.before);
        return;
      case "came":
        if (this.origin === undefined) this.fanout.cameElsewhere(message.receiver, message.next);
        else this.#tellOthers(from, message.receiver, message.next);
        return;
    }
  }

  /** How many shares its channel has: together they have the part of the log that one alone would have. */
  inChannelOf(shares: number): void {
    this.#weight = Math.max(1, Math.floor(WHOLE_WEIGHT / shares));
    this.#log?.weigh(this.#weight);
    this.#replica.weigh(this.#weight);
  }

  tick(now: number): void {
    this.fanout.tick(now);
    if (this.origin === undefined) {
      this.#tellWhenDetached();
      return;
    }
    const { outlet } = this.#options;
    const socket = this.ownerSocket;
    this.origin.expire(now);
    if (socket !== undefined && outlet.buffered(socket) < SENDER_QUEUE_BYTES) this.origin.tick();
    this.#trimLog(this.origin, now);
  }

  /** Whether nobody takes this share, and did not for DRAIN_QUIET_MS; known only where its sender is. */
  isQuiet(now: number): boolean {
    if (this.origin === undefined || this.origin.busy) {
      this.#quietSince = undefined;
      return false;
    }
    this.#quietSince ??= now;
    return now - this.#quietSince >= DRAIN_QUIET_MS;
  }

  /** The origin need not tell us of records while nobody here wants them. */
  #tellWhenDetached(): void {
    const attached = this.fanout.attached > 0;
    if (this.#wasAttached && !attached) this.#toHome({ t: "detached" });
    this.#wasAttached = attached;
  }

  tellPresence(senderHere: boolean): void {
    const { share } = this.record.offer;
    for (const socket of this.fanout.sockets) {
      this.#options.outlet.send(socket, { t: "presence", share, senderHere });
    }
  }

  destroy(): void {
    this.#handover.destroy();
    this.#dropOrigin();
    this.fanout.destroy();
  }

  /**
   * Room that nobody uses now goes back; a later receiver has the records read again. Where they
   * can't be, they stay as long as nobody else is short of room. What is kept for receivers who take
   * nothing goes back when another share has nothing at all.
   */
  #trimLog(origin: Origin, now: number): void {
    const log = this.#log;
    if (log === undefined) return;
    if (this.fanout.attached > 0 || this.#remote.size > 0 || origin.keeps) {
      this.#idleSince = undefined;
      const unused = !origin.keeps && this.#isUnused(log, now);
      log.shrinkTo(unused && this.#options.pool.takeStarved() ? 0 : log.fairShare);
      return;
    }
    this.#idleSince ??= now;
    if (now - this.#idleSince < LOG_IDLE_MS) return;
    if (origin.offer.seekable || this.#options.pool.isShort) log.shrinkTo(0);
  }

  /** Whether nobody read or wrote there for LOG_IDLE_MS: those who are attached take nothing. */
  #isUnused(log: BlockLog, now: number): boolean {
    if (log.uses !== this.#logUses) {
      this.#logUses = log.uses;
      this.#logUsedAt = now;
    }
    return log.size > 0 && now - this.#logUsedAt >= LOG_IDLE_MS;
  }

  #createOrigin(): Origin {
    const { offer } = this.record;
    const log = new BlockLog(this.#options.pool, Origin.frameBytes(offer), !offer.seekable);
    log.weigh(this.#weight);
    this.#log = log;
    return new Origin(offer, log, {
      toSender: (message: Message) => {
        if (this.ownerSocket !== undefined) this.#options.outlet.send(this.ownerSocket, message);
      },
      available: (index) => {
        this.fanout.available(index, this.#now());
        if (this.#remote.size === 0) return;
        const place = log.open(index);
        if (place === undefined) return;
        for (const worker of this.#remote) this.#toPeer(worker, { t: "available", index, place });
        log.close(place);
      },
      gone: (worker, before) => {
        if (worker === this.#options.worker) this.fanout.gone(before);
        else this.#toPeer(worker, { t: "gone", before });
      },
    });
  }

  /** Another worker has the sender now: it gets what can't be read again. */
  #leaveOrigin(to: number): void {
    if (!this.record.offer.seekable && this.origin !== undefined && this.#log !== undefined) {
      if (this.#handover.isAwaited) {
        this.#handover.passOnTo(to);
      } else {
        const left = this.origin.leave();
        const estate = left && { ...left, blocks: this.#log.handOver() };
        this.#handover.give(to, estate);
      }
    }
    this.#dropOrigin();
  }

  /** What the worker before leaves is here; undefined: nothing. */
  #inherit({ from, heir }: Awaited, estate: Estate | undefined): void {
    if (heir !== undefined) {
      this.#handover.give(heir, estate && this.#passThrough(from, estate));
      return;
    }
    if (estate !== undefined && this.#log !== undefined) {
      this.#log.adopt(estate.blocks, from, estate.firstKept);
      this.#toPeer(from, { t: "adopted" });
      this.origin?.inherit(estate, this.#now());
    }
    if (this.#senderFirst !== undefined) this.senderBack(this.#senderFirst);
  }

  /** Only what is ours can be given on. */
  #passThrough(from: number, estate: Estate): Estate {
    const log = new BlockLog(this.#options.pool, Origin.frameBytes(this.record.offer), true);
    log.adopt(estate.blocks, from, estate.firstKept);
    this.#toPeer(from, { t: "adopted" });
    const blocks = log.handOver();
    return { ...estate, firstKept: log.firstKept, blocks };
  }

  /** The receiver's line to any other worker is broken, whether that is seen there or not. */
  #tellOthers(where: number, receiver: Uint8Array, next: number): void {
    const { worker } = this.#options;
    for (const other of this.origin?.keptFor ?? []) {
      if (other === where) continue;
      if (other === worker) this.fanout.cameElsewhere(receiver, next);
      else this.#toPeer(other, { t: "came", receiver, next });
    }
  }

  #dropOrigin(): void {
    this.#log?.destroy();
    this.#log = undefined;
    this.origin = undefined;
    this.#remote.clear();
  }

  #toHome(message: PeerMessage): void {
    if (this.#home !== undefined && this.#home !== this.#options.worker) {
      this.#toPeer(this.#home, message);
    }
  }

  #toPeer(to: number, message: PeerMessage): void {
    const { worker, toDirectory } = this.#options;
    const { key, epoch } = this.record;
    toDirectory({ t: "peer", from: worker, to, key, epoch, message });
  }
}
