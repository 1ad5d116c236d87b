import type { RecordReader } from "./log.ts";
import type { Needs } from "./needs.ts";
import type { Outlet, SocketId } from "./outlet.ts";

/** Below this a frame is sent to each receiver by itself: Bun queues small published messages until
 * the end of the turn, and loses them for a socket that leaves the topic in that turn. */
export const PUBLISH_MIN_BYTES = 64 * 1024;

/** A receiver as the lanes see it. */
export interface Reader {
  /** Undefined: it is gone. */
  socket: SocketId | undefined;
  /** Next record to give to its socket. */
  next: number;
  acked: number;
  window: number;
  /** In the live lane, subscribed to the topic. */
  live: boolean;
  /** Times that it came into the live lane or fell out of it; for metrics. */
  switches: number;
}

export interface LanesOptions {
  readonly records: number;
  readonly topic: string;
  readonly log: RecordReader;
  readonly outlet: Outlet;
  readonly needs: Needs;
  readonly publishMinBytes: number;
}

/**
 * Who gets which record when.
 *
 * Live lane: those who have everything up to `#liveIndex` and can take it at once; each new record
 * is published to them in one go. Catch-up lane: all others, each with a place of its own, served
 * from the log whenever its socket is empty and its window open. Before each publish whoever is not
 * ready leaves the live lane, so nothing is ever queued for a socket that still has something
 * queued: a receiver that stalls costs one record of memory.
 */
export class Lanes {
  readonly #records: number;
  readonly #topic: string;
  #log: RecordReader;
  readonly #outlet: Outlet;
  readonly #needs: Needs;
  readonly #publishMinBytes: number;
  readonly #live = new Set<Reader>();
  #liveIndex = -1;
  /** Receivers of the catch-up lane that wait for a record that is not in the log. */
  readonly #waiting = new Map<number, Set<Reader>>();
  #now = 0;

  constructor(options: LanesOptions) {
    this.#records = options.records;
    this.#topic = options.topic;
    this.#log = options.log;
    this.#outlet = options.outlet;
    this.#needs = options.needs;
    this.#publishMinBytes = options.publishMinBytes;
  }

  /** How many wait in each lane, and for which record the live one does; -1: nobody is in it. */
  get standing(): { live: number; liveIndex: number; waiting: number } {
    let waiting = 0;
    for (const set of this.#waiting.values()) waiting += set.size;
    return { live: this.#live.size, liveIndex: this.#liveIndex, waiting };
  }

  /** The record that the live lane waits for; -1: nobody is in it. */
  get liveIndex(): number {
    return this.#liveIndex;
  }

  /** The records come from elsewhere now. */
  sourceChanged(log: RecordReader): void {
    this.#log = log;
    this.#needs.clear();
  }

  /** Something about this receiver changed: gives it all that it can take now. */
  pump(reader: Reader, now: number): void {
    this.#now = now;
    this.#serve(reader);
    this.#needs.flush();
  }

  /** The log has this record now. */
  available(index: number, now: number): void {
    this.#now = now;
    this.#needs.came(index);
    const waiting = this.#waiting.get(index);
    if (waiting !== undefined) {
      this.#waiting.delete(index);
      for (const reader of waiting) this.#serve(reader);
    }
    if (index === this.#liveIndex) this.#runLive();
    this.#needs.flush();
  }

  /** Asks again for what was asked long ago, and looks again at `readers`. */
  tick(readers: Iterable<Reader>, now: number): void {
    this.#now = now;
    this.#needs.expire(now);
    for (const [index, waiting] of this.#waiting) {
      if (this.#log.has(index)) {
        this.#waiting.delete(index);
        for (const reader of waiting) this.#serve(reader);
      } else {
        this.#readAhead(index);
      }
    }
    if (this.#live.size > 0) {
      if (this.#log.has(this.#liveIndex)) this.#runLive();
      else this.#readAhead(this.#liveIndex);
    }
    // A drain that never came must not hold anybody for ever.
    for (const reader of readers) this.#serve(reader);
    this.#needs.flush();
  }

  /** Takes a receiver out of whichever lane it is in. */
  withdraw(reader: Reader): void {
    if (reader.live) this.#leaveLive(reader);
    else this.#stopWaiting(reader);
  }

  #stopWaiting(reader: Reader): void {
    const waiting = this.#waiting.get(reader.next);
    if (waiting?.delete(reader) === true && waiting.size === 0) {
      this.#waiting.delete(reader.next);
    }
  }

  /** The share is over: nobody is served any more. */
  destroy(): void {
    for (const { socket } of this.#live) {
      if (socket !== undefined) this.#outlet.unsubscribe(socket, this.#topic);
    }
    this.#live.clear();
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
        this.#readAhead(next);
        if (this.#liveIndex >= this.#records) for (const done of this.#live) this.#leaveLive(done);
        if (this.#live.size === 0) {
          this.#liveIndex = next;
          this.#enterLive(reader, socket);
        } else {
          this.#waitFor(next, reader);
        }
        return;
      }
      const result = this.#outlet.sendFrame(socket, frame);
      this.#log.close(next);
      if (result === "refused") return;
      reader.next++;
      this.#readAhead(reader.next);
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

  #enterLive(reader: Reader, socket: SocketId): void {
    reader.live = true;
    reader.switches++;
    this.#live.add(reader);
    this.#outlet.subscribe(socket, this.#topic);
  }

  #leaveLive(reader: Reader): void {
    reader.live = false;
    this.#live.delete(reader);
    if (reader.socket !== undefined) this.#outlet.unsubscribe(reader.socket, this.#topic);
    if (this.#live.size === 0) this.#liveIndex = -1;
  }

  /** Publishes from `#liveIndex` on as long as there is a record and somebody ready for it. */
  #runLive(): void {
    while (this.#live.size > 0) {
      const index = this.#liveIndex;
      const frame = index < this.#records ? this.#log.open(index) : undefined;
      if (frame === undefined) {
        if (index < this.#records) this.#readAhead(index);
        return;
      }
      for (const reader of this.#live) {
        const { socket } = reader;
        if (socket === undefined || !this.#isReady(reader, socket)) {
          reader.switches++;
          this.#leaveLive(reader);
        } else {
          reader.next = index + 1;
        }
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
    for (const reader of this.#live) {
      if (reader.socket !== undefined) this.#outlet.sendFrame(reader.socket, frame);
    }
  }

  #waitFor(index: number, reader: Reader): void {
    const waiting = this.#waiting.get(index);
    if (waiting === undefined) this.#waiting.set(index, new Set([reader]));
    else waiting.add(reader);
  }

  #readAhead(from: number): void {
    this.#needs.readAhead(from, this.#log, this.#now);
  }
}
