/**
 * Decides which receiver gets which record when.
 *
 * Live lane: receivers that have everything before `#liveIndex` and can take it at once; each new
 * record goes to all of them in one turn. Catch-up lane: all others, each with a place of its own, served
 * from the log whenever its socket is empty and its window open. A receiver that is not ready for a
 * record leaves the live lane, so nothing is ever queued for a socket that still has something
 * queued: a receiver that stalls costs a part of one record. `Fanout` owns it.
 */
import { ACK_EVERY_RECORDS } from "../../protocol/mod.ts";
import { READ_AHEAD_RECORDS, type ReadAhead, type Party } from "./read-ahead.ts";

import type { GivenRecord, RecordPlace, RecordReader } from "../log/block-log.ts";
import type { Outlet, SendResult, SocketId, Topic } from "./outlet.ts";

/** Records read ahead of a receiver for each that it acknowledged since it joined where it is. */
const READ_AHEAD_GAIN_RECORDS = 4;

/** The sender is asked for so many at once while others are on their way: each message costs both sides. records */
const ASK_RECORDS = 4;

/**
 * So many receivers of the live lane get a frame from the memory in which it came. For more, copies cost more than what
 * the kernel does without one.
 */
export const FROM_MEMORY_RECEIVERS = 16;

/** A receiver as the lanes see it. */
export interface Reader {
  /** Undefined: it is gone. */
  socket: SocketId | undefined;
  /** Next record to give to its socket. */
  next: number;
  acked: number;
  /** Where it joined last, unless it went on from where it was. */
  since: number;
  window: number;
  /** For its needs while it is not in the live lane. */
  readonly party: Party;
  live: boolean;
  /** Times that it came into the live lane or fell out of it; for metrics. */
  switches: number;
}

/** Whether it takes records where it is now, as it proves by acknowledging; see `NeedQueue`. */
function isProven({ acked, since }: Reader): boolean {
  return acked - since >= ACK_EVERY_RECORDS;
}

/**
 * Where it ends what the sender may be asked for a reader: the one record that it came for, and after
 * that some for each that it acknowledged. The cost of a receiver that goes elsewhere is in
 * proportion to the records that it took.
 * @param connections of the receiver: far away each takes seconds to get fast, so each may have a record at first
 */
function mayReadTo({ acked, since }: Reader, connections: number): number {
  return acked + connections + READ_AHEAD_GAIN_RECORDS * (acked - since);
}

/** Frames that went one way, with their heads. */
export interface Traffic {
  frames: number;
  bytes: number;
}

export interface LanesOptions {
  readonly records: number;
  readonly log: RecordReader;
  readonly outlet: Outlet;
  readonly readAhead: ReadAhead;
}

export class Lanes {
  readonly #records: number;
  #log: RecordReader;
  readonly #outlet: Outlet;
  readonly #readAhead: ReadAhead;
  readonly #live = new Set<Reader>();
  /** The sockets of those in the live lane. */
  readonly #topic: Topic;
  #liveIndex = -1;
  readonly #liveParty: Party;
  /** Of those in it: whether one is proven, and the furthest that the sender may be asked for one. */
  #liveProven = false;
  #liveMayReadTo = 0;
  /** Receivers of the catch-up lane that wait for a record that is not in the log. */
  readonly #waiting = new Map<number, Set<Reader>>();
  #now = 0;
  /** Given to sockets since this was made. */
  readonly sent: Traffic = { frames: 0, bytes: 0 };

  constructor(options: LanesOptions) {
    this.#records = options.records;
    this.#log = options.log;
    this.#outlet = options.outlet;
    this.#topic = options.outlet.newTopic();
    this.#readAhead = options.readAhead;
    this.#liveParty = options.readAhead.newParty();
  }

  /** How many wait in each lane, and for which record the live one does; -1: it is empty. */
  get standing(): { live: number; liveIndex: number; waiting: number } {
    let waiting = 0;
    for (const set of this.#waiting.values()) waiting += set.size;
    return { live: this.#live.size, liveIndex: this.#liveIndex, waiting };
  }

  /** The record that the live lane waits for; -1: it is empty. */
  get liveIndex(): number {
    return this.#liveIndex;
  }

  /** The records come from elsewhere now. */
  sourceChanged(log: RecordReader): void {
    this.#log = log;
    this.#readAhead.clear();
  }

  /** Something about this receiver changed: gives it all that it can take now. */
  pump(reader: Reader, now: number): void {
    this.#now = now;
    if (reader.window === 0) {
      this.withdraw(reader);
      this.#readAhead.drop(reader.party);
    } else if (reader.live) {
      this.#raiseLive(reader);
    } else {
      this.#serve(reader);
    }
    this.#readAhead.flush();
  }

  /** @param memory the frame that came, until this returns */
  available(index: number, now: number, memory?: Uint8Array): void {
    this.#now = now;
    this.#readAhead.came(index);
    const waiting = this.#waiting.get(index);
    if (waiting !== undefined) {
      this.#waiting.delete(index);
      for (const reader of waiting) this.#serve(reader);
    }
    if (index === this.#liveIndex) this.#runLive(memory);
    this.#readAhead.flush();
  }

  /**
   * Gives a record that has just come to the one receiver of the live lane, which must be the only one that needs it.
   * @returns whether it took it; otherwise the record must be made available
   */
  pass(
    index: number,
    frame: Uint8Array,
    keep: () => RecordPlace | undefined,
    now: number,
  ): boolean {
    const [reader] = this.#live;
    if (index !== this.#liveIndex || this.#live.size !== 1 || reader?.socket === undefined)
      return false;
    const { socket } = reader;
    if (!this.#isReady(reader, socket)) return false;
    const result = this.#outlet.passFrame?.(socket, frame, keep) ?? "refused";
    if (result === "refused") return false;
    this.#now = now;
    this.#readAhead.came(index);
    this.#liveIndex++;
    this.#forgetLive();
    reader.next++;
    this.#noteSent(frame);
    this.#count(reader);
    this.#needLiveInSteps();
    this.#readAhead.flush();
    return true;
  }

  /** Asks again for what was asked long ago, and looks again at `readers`. */
  tick(readers: Iterable<Reader>, now: number): void {
    this.#now = now;
    this.#readAhead.expire(now);
    for (const [index, waiting] of this.#waiting) {
      if (!this.#log.has(index)) continue;
      this.#waiting.delete(index);
      for (const reader of waiting) this.#serve(reader);
    }
    if (this.#live.size > 0) {
      if (this.#log.has(this.#liveIndex)) this.#runLive();
      else this.#needLive(this.#isLiveReady() ? this.#liveIndex + 1 : 0);
    }
    for (const reader of readers) {
      // It is told when its turn comes.
      if (reader.socket !== undefined && this.#outlet.holdsBack?.(reader.socket) === true) continue;
      // A drain that never came must not hold a reader for ever.
      this.#serve(reader);
      // Nor must a receiver wait that acknowledges several records at once, as it may.
      if (this.#waiting.get(reader.next)?.has(reader) === true) this.#need(reader, reader.next + 1);
    }
    this.#readAhead.flush();
  }

  /** Takes a receiver out of whichever lane it is in. */
  withdraw(reader: Reader): void {
    if (reader.live) this.#leaveLive(reader);
    else this.#stopWaiting(reader);
  }

  /** A receiver is gone, and needs nothing any more. */
  leave(reader: Reader): void {
    this.withdraw(reader);
    this.#readAhead.drop(reader.party);
    this.#readAhead.flush();
  }

  #stopWaiting(reader: Reader): void {
    const waiting = this.#waiting.get(reader.next);
    if (waiting?.delete(reader) === true && waiting.size === 0) {
      this.#waiting.delete(reader.next);
    }
  }

  /** The share is over: no reader is served any more. */
  destroy(): void {
    this.#live.clear();
    this.#topic.close();
    this.#waiting.clear();
  }

  /** Gives a receiver of the catch-up lane all it can take now, and finds its place. */
  #serve(reader: Reader): void {
    const { socket } = reader;
    if (socket === undefined || reader.live) return;
    this.#stopWaiting(reader);
    while (this.#isReady(reader, socket)) {
      if (reader.next === this.#liveIndex) {
        this.#enterLive(reader, socket);
        return;
      }
      const { next } = reader;
      const frame = this.#log.open(next);
      if (frame === undefined) {
        if (this.#opensLive(reader)) {
          this.#liveIndex = next;
          this.#enterLive(reader, socket);
        } else {
          this.#waitFor(next, reader);
          this.#need(reader);
        }
        return;
      }
      const result = this.#send(socket, frame);
      this.#log.close(frame);
      if (result === "refused") return;
      reader.next++;
      this.#need(reader);
      if (result === "queued") return;
    }
  }

  #isReady(reader: Reader, socket: SocketId): boolean {
    return (
      reader.next < this.#records &&
      reader.next - reader.acked < reader.window &&
      this.#outlet.buffered(socket) === 0
    );
  }

  /**
   * Whether the live lane is free for this reader: no reader in it needs a record, or none has proven anything and
   * this one has. The others then wait in the catch-up lane.
   */
  #opensLive(reader: Reader): boolean {
    const index = this.#liveIndex;
    if (index < this.#records && (this.#liveProven || !isProven(reader))) {
      return this.#live.size === 0;
    }
    for (const other of this.#live) {
      this.#leaveLive(other);
      if (index >= this.#records) continue;
      this.#waitFor(index, other);
      this.#need(other);
    }
    return true;
  }

  #enterLive(reader: Reader, socket: SocketId): void {
    reader.live = true;
    reader.switches++;
    this.#live.add(reader);
    this.#topic.subscribe(socket);
    this.#readAhead.drop(reader.party);
    this.#raiseLive(reader, true);
  }

  #leaveLive(reader: Reader): void {
    reader.live = false;
    reader.switches++;
    this.#live.delete(reader);
    if (reader.socket !== undefined) this.#topic.unsubscribe(reader.socket);
    if (this.#live.size > 0) return;
    this.#liveIndex = -1;
    this.#forgetLive();
    this.#readAhead.drop(this.#liveParty);
  }

  /**
   * Serves from `#liveIndex` on as long as there is a record and a reader ready for it.
   * @param memory the frame of the first of them
   */
  #runLive(memory?: Uint8Array): void {
    const first = this.#liveIndex;
    while (this.#live.size > 0) {
      const index = this.#liveIndex;
      const frame = index < this.#records ? this.#log.open(index) : undefined;
      if (frame === undefined) {
        if (index < this.#records) this.#needLiveInSteps();
        return;
      }
      this.#liveIndex = index + 1;
      this.#forgetLive();
      const isWarm = index === first && this.#live.size <= FROM_MEMORY_RECEIVERS;
      const left = this.#deliverLive(isWarm ? { ...frame, memory } : frame);
      this.#log.close(frame);
      if (this.#live.size > 0) this.#needLiveInSteps();
      // Frames on their way for the lane are so for the receiver that was in it last.
      else if (left !== undefined) this.#need(left);
    }
  }

  /** Gives the next frame to all that take it; the others leave the lane. @returns the last of those */
  #deliverLive(frame: GivenRecord): Reader | undefined {
    let left: Reader | undefined;
    for (const reader of this.#live) {
      if (reader.socket !== undefined && this.#isReady(reader, reader.socket)) continue;
      this.#leaveLive(reader);
      left = reader;
    }
    const refused = this.#topic.publishFrame(frame);
    for (const reader of this.#live) {
      if (reader.socket !== undefined && refused.has(reader.socket)) {
        this.#leaveLive(reader);
        left = reader;
        continue;
      }
      reader.next++;
      this.#noteSent(frame);
      this.#count(reader);
    }
    return left;
  }

  #send(socket: SocketId, frame: RecordPlace): SendResult {
    const result = this.#outlet.sendFrame(socket, frame);
    if (result !== "refused") this.#noteSent(frame);
    return result;
  }

  #noteSent({ length }: { readonly length: number }): void {
    this.sent.frames++;
    this.sent.bytes += length;
  }

  #waitFor(index: number, reader: Reader): void {
    const waiting = this.#waiting.get(index);
    if (waiting === undefined) this.#waiting.set(index, new Set([reader]));
    else waiting.add(reader);
  }

  /** Whether one in it could be given the next record now. */
  #isLiveReady(): boolean {
    for (const reader of this.#live) {
      if (reader.socket !== undefined && this.#isReady(reader, reader.socket)) return true;
    }
    return false;
  }

  #forgetLive(): void {
    this.#liveProven = false;
    this.#liveMayReadTo = 0;
  }

  #count(reader: Reader): void {
    this.#liveProven ||= isProven(reader);
    this.#liveMayReadTo = Math.max(this.#liveMayReadTo, this.#mayReadTo(reader));
  }

  /** One of the live lane came or acknowledged something: more may be read ahead of all. */
  #raiseLive(reader: Reader, comes = false): void {
    const proven = this.#liveProven;
    const before = this.#liveMayReadTo;
    this.#count(reader);
    const more = this.#liveMayReadTo > before && before < this.#liveIndex + this.#ahead();
    if (comes || more || proven !== this.#liveProven) this.#needLive();
  }

  /** @param least it may be asked for what lies before this in any case */
  #needLive(least = 0): void {
    const from = this.#liveIndex;
    const most = Math.max(this.#liveMayReadTo, least);
    this.#request(this.#liveParty, from, most, this.#liveProven);
  }

  /** As `#needLive`, when enough has gathered for a message, after the lane moved on. */
  #needLiveInSteps(): void {
    const from = this.#liveIndex;
    const { upTo } = this.#liveParty;
    const end = Math.min(from + this.#ahead(), this.#liveMayReadTo, this.#records);
    const isStep = end - upTo >= ASK_RECORDS || (end === this.#records && end > upTo);
    if (isStep || upTo - from < ASK_RECORDS) this.#needLive();
  }

  /** As `#needLive`, for a receiver of the catch-up lane. */
  #need(reader: Reader, least = 0): void {
    const { next, party } = reader;
    const may = Math.max(this.#mayReadTo(reader), least);
    // The live lane needs what lies before it for all.
    const live = this.#liveProven && next <= this.#liveIndex ? this.#liveIndex : Infinity;
    this.#request(party, next, Math.min(may, live), isProven(reader));
  }

  #mayReadTo(reader: Reader): number {
    const { socket } = reader;
    return mayReadTo(reader, (socket !== undefined && this.#outlet.connections?.(socket)) || 1);
  }

  #request(party: Party, from: number, most: number, proven: boolean): void {
    const others = party === this.#liveParty ? 1 : this.#waiting.size;
    const end = Math.max(from, Math.min(from + this.#ahead(others), most));
    this.#readAhead.need(party, { from, end, proven }, this.#log, this.#now);
  }

  /**
   * As many as the sender's credit, which receivers of the catch-up lane share. A quarter of the log at most: others
   * read elsewhere, and what comes too early is gone when needed.
   */
  #ahead(parties = 1): number {
    const part = Math.floor(this.#readAhead.most / Math.max(1, parties));
    const most = Math.max(READ_AHEAD_RECORDS, part);
    return Math.max(1, Math.min(most, Math.floor(this.#log.capacity / 4)));
  }
}
