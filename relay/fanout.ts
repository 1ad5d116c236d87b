import {
  NEED_AGAIN_MS,
  READ_AHEAD_RECORDS,
  RECEIVERS_PER_SHARE,
  WINDOW_RECORDS,
  toHex,
  type LeaveReason,
  type MessageOf,
  type Offer,
  type ReceiverEntry,
} from "../protocol/mod.ts";

import type { RecordReader } from "./log.ts";
import type { Receipt, RecordRun } from "./messages.ts";
import type { Outlet, SocketId } from "./outlet.ts";

/** Below this a frame is sent to each receiver by itself: Bun queues small published messages until
 * the end of the turn, and loses them for a socket that leaves the topic in that turn. */
export const PUBLISH_MIN_BYTES = 64 * 1024;

/** Who has not agreed yet joins with a window of one record at most. */
const NOT_AGREED_WINDOW = 1;

/** What a fan-out asks of the worker that holds the sender. */
export interface Upstream {
  need(runs: RecordRun[]): void;
  report(entries: ReceiverEntry[]): void;
  receipt(receipt: Receipt): void;
}

interface Receiver {
  readonly id: Uint8Array;
  name: Uint8Array;
  /** Undefined: it is gone, and remembered for the sender. */
  socket: SocketId | undefined;
  /** Next record to give to its socket. */
  next: number;
  acked: number;
  window: number;
  /** In the live lane, subscribed to the topic. */
  live: boolean;
  left: LeaveReason | undefined;
  receipt: Receipt | undefined;
  confirmed: boolean;
}

/**
 * The receivers of one share on one worker: who gets which record when.
 *
 * Live lane: those who have everything up to `#liveIndex` and can take it at once; each new record
 * is published to them in one go. Catch-up lane: all others, each with a place of its own, served
 * from the log whenever its socket is empty and its window open. Before each publish whoever is not
 * ready leaves the live lane, so nothing is ever queued for a socket that still has something
 * queued: a receiver that stalls costs one record of memory.
 */
export class Fanout {
  readonly offer: Offer;
  readonly #topic: string;
  #log: RecordReader;
  readonly #outlet: Outlet;
  readonly #upstream: Upstream;
  readonly #publishMinBytes: number;
  readonly #receivers = new Map<string, Receiver>();
  readonly #bySocket = new Map<SocketId, Receiver>();
  readonly #live = new Set<Receiver>();
  #liveIndex = -1;
  /** Receivers of the catch-up lane that wait for a record that is not in the log. */
  readonly #waiting = new Map<number, Set<Receiver>>();
  /** Records needed from upstream and not here yet, with the time of asking. */
  readonly #needed = new Map<number, number>();
  readonly #changed = new Set<Receiver>();
  #now = 0;

  constructor(
    offer: Offer,
    log: RecordReader,
    outlet: Outlet,
    upstream: Upstream,
    publishMinBytes = PUBLISH_MIN_BYTES,
  ) {
    this.offer = offer;
    this.#topic = `share:${toHex(offer.share)}`;
    this.#log = log;
    this.#outlet = outlet;
    this.#upstream = upstream;
    this.#publishMinBytes = publishMinBytes;
  }

  /** Receivers attached now. */
  get attached(): number {
    return this.#bySocket.size;
  }

  get sockets(): Iterable<SocketId> {
    return this.#bySocket.keys();
  }

  /** For metrics and tests. */
  get lanes(): { live: number; liveIndex: number; waiting: number } {
    let waiting = 0;
    for (const set of this.#waiting.values()) waiting += set.size;
    return { live: this.#live.size, liveIndex: this.#liveIndex, waiting };
  }

  /** A receiver begins, comes back or asks again from where it is. */
  join(socket: SocketId, join: MessageOf<"join">, now: number): void {
    this.#now = now;
    const key = toHex(join.receiver);
    let receiver = this.#receivers.get(key);
    if (receiver === undefined) {
      if (this.#receivers.size >= RECEIVERS_PER_SHARE) {
        this.#outlet.fail(socket, "too-many", "receivers of this share");
        return;
      }
      receiver = newReceiver(join.receiver);
      this.#receivers.set(key, receiver);
    }
    this.#withdraw(receiver);
    if (receiver.socket !== undefined && receiver.socket !== socket) {
      this.#bySocket.delete(receiver.socket);
      this.#outlet.fail(receiver.socket, "replaced");
    }
    receiver.socket = socket;
    receiver.name = join.name;
    receiver.next = Math.min(join.from, this.offer.records);
    receiver.acked = receiver.next;
    receiver.window = Math.min(join.window, WINDOW_RECORDS);
    receiver.left = undefined;
    this.#bySocket.set(socket, receiver);
    this.#changed.add(receiver);
    this.#serve(receiver);
    this.#flushNeeds();
  }

  ack(socket: SocketId, ack: MessageOf<"ack">, now: number): void {
    this.#now = now;
    const receiver = this.#bySocket.get(socket);
    if (receiver === undefined) return;
    // Nobody can acknowledge what was not sent.
    receiver.acked = Math.max(receiver.acked, Math.min(ack.next, receiver.next));
    receiver.window = Math.min(ack.window, WINDOW_RECORDS);
    this.#changed.add(receiver);
    if (!receiver.live) this.#serve(receiver);
    this.#flushNeeds();
  }

  drained(socket: SocketId, now: number): void {
    this.#now = now;
    const receiver = this.#bySocket.get(socket);
    if (receiver === undefined || receiver.live) return;
    this.#serve(receiver);
    this.#flushNeeds();
  }

  complete(socket: SocketId, complete: MessageOf<"complete">): void {
    const receiver = this.#bySocket.get(socket);
    if (receiver === undefined) return;
    const { records, mac } = complete;
    receiver.acked = Math.max(receiver.acked, Math.min(records, receiver.next));
    receiver.receipt = { receiver: receiver.id, records, mac };
    this.#changed.add(receiver);
    if (receiver.confirmed) this.#confirmTo(receiver);
    else this.#passOn(receiver, receiver.receipt);
  }

  /** The sender took the receipt of this receiver. */
  confirmed(id: Uint8Array): void {
    const receiver = this.#receivers.get(toHex(id));
    if (receiver?.receipt === undefined) return;
    receiver.confirmed = true;
    this.#confirmTo(receiver);
  }

  leave(socket: SocketId, reason: LeaveReason): void {
    const receiver = this.#bySocket.get(socket);
    if (receiver === undefined) return;
    receiver.left = reason;
    this.#detach(receiver);
  }

  /** The socket closed. */
  closed(socket: SocketId): void {
    const receiver = this.#bySocket.get(socket);
    if (receiver !== undefined) this.#detach(receiver);
  }

  /** The log has this record now. */
  available(index: number, now: number): void {
    this.#now = now;
    this.#needed.delete(index);
    const waiting = this.#waiting.get(index);
    if (waiting !== undefined) {
      this.#waiting.delete(index);
      for (const receiver of waiting) this.#serve(receiver);
    }
    if (index === this.#liveIndex) this.#runLive();
    this.#flushNeeds();
  }

  /** Reports what changed; asks again for what was asked long ago and somebody still waits for. */
  tick(now: number): void {
    this.#now = now;
    for (const [index, since] of this.#needed) {
      if (now - since >= NEED_AGAIN_MS) this.#needed.delete(index);
    }
    for (const [index, waiting] of this.#waiting) {
      if (this.#log.has(index)) {
        this.#waiting.delete(index);
        for (const receiver of waiting) this.#serve(receiver);
      } else {
        this.#readAhead(index);
      }
    }
    if (this.#live.size > 0) {
      if (this.#log.has(this.#liveIndex)) this.#runLive();
      else this.#readAhead(this.#liveIndex);
    }
    // A drain that never came must not hold anybody for ever.
    for (const receiver of this.#bySocket.values()) this.#serve(receiver);
    this.#flushNeeds();
    if (this.#changed.size === 0) return;
    const entries = [...this.#changed].map((receiver) => this.#entry(receiver));
    for (const receiver of this.#changed) this.#forgetIfOver(receiver);
    this.#changed.clear();
    this.#upstream.report(entries);
  }

  /** The records come from elsewhere now, and who holds the sender may know nothing of us. */
  sourceChanged(log: RecordReader): void {
    this.#log = log;
    this.#needed.clear();
    for (const receiver of this.#receivers.values()) {
      this.#changed.add(receiver);
      if (receiver.receipt !== undefined && !receiver.confirmed) {
        this.#passOn(receiver, receiver.receipt);
      }
    }
  }

  /** The share is over: nobody is served any more. */
  destroy(): void {
    for (const receiver of this.#live) {
      if (receiver.socket !== undefined) this.#outlet.unsubscribe(receiver.socket, this.#topic);
    }
    this.#live.clear();
    this.#waiting.clear();
    this.#bySocket.clear();
    this.#receivers.clear();
    this.#changed.clear();
  }

  // The lanes

  /** Gives a receiver of the catch-up lane all it can take now, and finds its place. */
  #serve(receiver: Receiver): void {
    const { socket } = receiver;
    if (socket === undefined || receiver.live) return;
    this.#stopWaiting(receiver);
    while (this.#isReady(receiver, socket)) {
      if (receiver.next === this.#liveIndex) {
        this.#enterLive(receiver, socket);
        return;
      }
      const { next } = receiver;
      const frame = this.#log.open(next);
      if (frame === undefined) {
        this.#readAhead(next);
        if (this.#live.size === 0) {
          this.#liveIndex = next;
          this.#enterLive(receiver, socket);
        } else {
          this.#waitFor(next, receiver);
        }
        return;
      }
      const result = this.#outlet.sendFrame(socket, frame);
      this.#log.close(next);
      if (result === "refused") return;
      receiver.next++;
      this.#readAhead(receiver.next);
      if (result === "queued") return;
    }
  }

  #isReady(receiver: Receiver, socket: SocketId): boolean {
    return (
      receiver.next < this.offer.records &&
      receiver.next - receiver.acked < receiver.window &&
      this.#outlet.buffered(socket) === 0
    );
  }

  #enterLive(receiver: Receiver, socket: SocketId): void {
    receiver.live = true;
    this.#live.add(receiver);
    this.#outlet.subscribe(socket, this.#topic);
  }

  #leaveLive(receiver: Receiver): void {
    receiver.live = false;
    this.#live.delete(receiver);
    if (receiver.socket !== undefined) this.#outlet.unsubscribe(receiver.socket, this.#topic);
    if (this.#live.size === 0) this.#liveIndex = -1;
  }

  /** Publishes from `#liveIndex` on as long as there is a record and somebody ready for it. */
  #runLive(): void {
    while (this.#live.size > 0) {
      const index = this.#liveIndex;
      const frame = index < this.offer.records ? this.#log.open(index) : undefined;
      if (frame === undefined) {
        if (index < this.offer.records) this.#readAhead(index);
        return;
      }
      for (const receiver of this.#live) {
        const { socket } = receiver;
        if (socket === undefined || !this.#isReady(receiver, socket)) this.#leaveLive(receiver);
        else receiver.next = index + 1;
      }
      const ready = this.#live.size > 0;
      if (ready) {
        this.#liveIndex = index + 1;
        this.#deliverLive(frame);
      }
      this.#log.close(index);
      if (ready) this.#readAhead(index + 1);
    }
  }

  #deliverLive(frame: Uint8Array): void {
    if (frame.length >= this.#publishMinBytes) {
      this.#outlet.publish(this.#topic, frame);
      return;
    }
    for (const receiver of this.#live) {
      if (receiver.socket !== undefined) this.#outlet.sendFrame(receiver.socket, frame);
    }
  }

  #waitFor(index: number, receiver: Receiver): void {
    const waiting = this.#waiting.get(index);
    if (waiting === undefined) this.#waiting.set(index, new Set([receiver]));
    else waiting.add(receiver);
  }

  /** Takes a receiver out of whichever lane it is in. */
  #withdraw(receiver: Receiver): void {
    if (receiver.live) this.#leaveLive(receiver);
    else this.#stopWaiting(receiver);
  }

  #stopWaiting(receiver: Receiver): void {
    const waiting = this.#waiting.get(receiver.next);
    if (waiting?.delete(receiver) === true && waiting.size === 0) {
      this.#waiting.delete(receiver.next);
    }
  }

  #detach(receiver: Receiver): void {
    this.#withdraw(receiver);
    if (receiver.socket !== undefined) this.#bySocket.delete(receiver.socket);
    receiver.socket = undefined;
    this.#changed.add(receiver);
  }

  // Upstream

  /** Notes which records from `from` on somebody will read soon and the log lacks. */
  #readAhead(from: number): void {
    // A quarter of the log: others read elsewhere, and what comes too early is gone when needed.
    const ahead = Math.max(1, Math.min(READ_AHEAD_RECORDS, Math.floor(this.#log.capacity / 4)));
    const end = Math.min(from + ahead, this.offer.records);
    for (let index = from; index < end; index++) {
      if (this.#needed.has(index) || this.#log.has(index)) continue;
      this.#needed.set(index, this.#now);
      this.#toAsk.push(index);
    }
  }

  readonly #toAsk: number[] = [];

  #flushNeeds(): void {
    if (this.#toAsk.length === 0) return;
    const runs: RecordRun[] = [];
    for (const index of this.#toAsk) {
      const last = runs.at(-1);
      if (last !== undefined && last.first + last.count === index) last.count++;
      else runs.push({ first: index, count: 1 });
    }
    this.#toAsk.length = 0;
    this.#upstream.need(runs);
  }

  /** A receipt may be the first that the sender hears of a receiver: it shall know whose it is. */
  #passOn(receiver: Receiver, receipt: Receipt): void {
    this.#upstream.report([this.#entry(receiver)]);
    this.#upstream.receipt(receipt);
  }

  #confirmTo(receiver: Receiver): void {
    if (receiver.socket === undefined) return;
    this.#outlet.send(receiver.socket, { t: "completed", share: this.offer.share });
  }

  #entry(receiver: Receiver): ReceiverEntry {
    const { id, name, socket, window, acked } = receiver;
    // Who goes before it agreed took nothing, however many records its preview needed.
    const next = socket === undefined && window <= NOT_AGREED_WINDOW ? 0 : acked;
    return { id, name, state: this.#stateOf(receiver), next };
  }

  #stateOf(receiver: Receiver): ReceiverEntry["state"] {
    if (receiver.receipt !== undefined) return "done";
    if (receiver.socket === undefined) return receiver.left === undefined ? "lost" : "left";
    if (receiver.window <= NOT_AGREED_WINDOW) return "waiting";
    if (receiver.live || this.#liveIndex < 0) return "live";
    return this.#liveIndex - receiver.next > WINDOW_RECORDS ? "behind" : "live";
  }

  /** Who is gone and was reported is the sender's to remember, unless a receipt is still on its way. */
  #forgetIfOver(receiver: Receiver): void {
    const open = receiver.receipt !== undefined && !receiver.confirmed;
    if (receiver.socket === undefined && !open) this.#receivers.delete(toHex(receiver.id));
  }
}

function newReceiver(id: Uint8Array): Receiver {
  return {
    id,
    name: new Uint8Array(0),
    socket: undefined,
    next: 0,
    acked: 0,
    window: 0,
    live: false,
    left: undefined,
    receipt: undefined,
    confirmed: false,
  };
}
