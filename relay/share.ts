import { DRAIN_QUIET_MS, LOG_IDLE_MS, SENDER_QUEUE_BYTES, type Message } from "../protocol/mod.ts";

import { Fanout, type Upstream } from "./fanout.ts";
import { BlockLog, ReplicaLog } from "./log.ts";
import type { PeerEnvelope, PeerMessage, ShareRecord, ToDirectory } from "./messages.ts";
import { Origin } from "./origin.ts";
import type { Outlet, SocketId } from "./outlet.ts";
import type { BlockPool } from "./pool.ts";

export interface ShareOptions {
  readonly worker: number;
  readonly pool: BlockPool;
  readonly outlet: Outlet;
  readonly toDirectory: (message: ToDirectory) => void;
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
  readonly #options: ShareOptions;
  readonly #now: () => number;
  /** The worker with the log; it stays so while its sender is away. */
  #home: number | undefined;
  #replica: ReplicaLog;
  /** Workers with receivers of this share, where the origin is here. */
  readonly #remote = new Set<number>();
  #idleSince: number | undefined;
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
        if (this.origin !== undefined) this.origin.need(runs);
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
    };
    this.fanout = new Fanout(record.offer, this.#replica, options.outlet, upstream);
  }

  /** The directory says who owns the share now. `socket`: the sender's, when that is this worker. */
  opened(record: ShareRecord, socket: SocketId | undefined): void {
    this.record = record;
    this.ownerSocket = socket;
    if (record.owner !== undefined) this.#home = record.owner;
    if (socket !== undefined) {
      // Its line before may look whole from here: what was asked there will not come.
      this.origin?.senderLost();
      this.origin ??= this.#createOrigin();
      this.fanout.sourceChanged(this.origin.log);
      return;
    }
    if (record.owner === undefined) return;
    this.#dropOrigin();
    this.fanout.sourceChanged(this.#replica);
  }

  /** The sender's line broke; the log stays. */
  senderLost(): void {
    this.ownerSocket = undefined;
    this.origin?.senderLost();
  }

  orphaned(epoch: number): void {
    if (epoch !== this.record.epoch) return;
    this.record = { ...this.record, owner: undefined };
    this.tellPresence(false);
  }

  workerLost(worker: number): void {
    this.#remote.delete(worker);
    this.origin?.workerLost(worker);
    if (this.#home === worker) this.#home = undefined;
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
        this.origin?.need(message.runs);
        return;
      case "report":
        this.#remote.add(from);
        this.origin?.report(message.entries, from);
        return;
      case "receipt":
        this.#remote.add(from);
        this.origin?.receipt(message.receipt);
        return;
    }
  }

  tick(now: number): void {
    this.fanout.tick(now);
    if (this.origin === undefined) {
      this.#tellWhenDetached();
      return;
    }
    const { outlet, pool } = this.#options;
    const socket = this.ownerSocket;
    if (socket !== undefined && outlet.buffered(socket) < SENDER_QUEUE_BYTES) this.origin.tick();
    this.#trimLog(this.origin, pool, now);
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
    this.#dropOrigin();
    this.fanout.destroy();
  }

  /** Memory that nobody reads now goes back; a later receiver has the records read again. */
  #trimLog(origin: Origin, pool: BlockPool, now: number): void {
    if (this.fanout.attached > 0 || this.#remote.size > 0) {
      this.#idleSince = undefined;
      origin.log.shrinkTo(pool.fairShare);
      return;
    }
    this.#idleSince ??= now;
    if (now - this.#idleSince >= LOG_IDLE_MS) origin.log.shrinkTo(0);
  }

  #createOrigin(): Origin {
    const { offer } = this.record;
    const log = new BlockLog(this.#options.pool, Origin.frameBytes(offer));
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
    });
  }

  #dropOrigin(): void {
    this.origin?.log.destroy();
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
