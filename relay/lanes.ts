import type { RecordPlace, RecordReader } from "./log.ts";
import type { Needs } from "./needs.ts";
import type { Outlet, SendResult, SocketId } from "./outlet.ts";

/** A receiver as the lanes see it. */
export interface Reader {
  /** Undefined: it is gone. */
  socket: SocketId | undefined;
  /** Next record to give to its socket. */
  next: number;
  acked: number;
  window: number;
  /** In the live lane. */
  live: boolean;
  /** Times that it came into the live lane or fell out of it; for metrics. */
  switches: number;
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
  readonly needs: Needs;
}

/**
 * Who gets which record when.
 *
 * Live lane: those who have everything up to `#liveIndex` and can take it at once; each new record
 * goes to all of them in one turn. Catch-up lane: all others, each with a place of its own, served
 * from the log whenever its socket is empty and its window open. Whoever is not ready for a record
 * leaves the live lane, so nothing is ever queued for a socket that still has something queued: a
 * receiver that stalls costs a part of one record.
 */
export class Lanes {
  readonly #records: number;
  #log: RecordReader;
  readonly #outlet: Outlet;
  readonly #needs: Needs;
  readonly #live = new Set<Reader>();
  #liveIndex = -1;
  /** Receivers of the catch-up lane that wait for a record that is not in the log. */
  readonly #waiting = new Map<number, Set<Reader>>();
  #now = 0;
  /** Given to sockets since this was made. */
  readonly sent: Traffic = { frames: 0, bytes: 0 };

  constructor(options: LanesOptions) {
    this.#records = options.records;
    this.#log = options.log;
    this.#outlet = options.outlet;
    this.#needs = options.needs;
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
        this.#enterLive(reader);
        return;
      }
      const { next } = reader;
      const frame = this.#log.open(next);
      if (frame === undefined) {
        this.#readAhead(next);
        if (this.#liveIndex >= this.#records) for (const done of this.#live) this.#leaveLive(done);
        if (this.#live.size === 0) {
          this.#liveIndex = next;
          this.#enterLive(reader);
        } else {
          this.#waitFor(next, reader);
        }
        return;
      }
      const result = this.#send(socket, frame);
      this.#log.close(frame);
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

  #enterLive(reader: Reader): void {
    reader.live = true;
    reader.switches++;
    this.#live.add(reader);
  }

  #leaveLive(reader: Reader): void {
    reader.live = false;
    reader.switches++;
    this.#live.delete(reader);
    if (this.#live.size === 0) this.#liveIndex = -1;
  }

  /** Serves from `#liveIndex` on as long as there is a record and somebody ready for it. */
  #runLive(): void {
    while (this.#live.size > 0) {
      const index = this.#liveIndex;
      const frame = index < this.#records ? this.#log.open(index) : undefined;
      if (frame === undefined) {
        if (index < this.#records) this.#readAhead(index);
        return;
      }
      this.#liveIndex = index + 1;
      for (const reader of this.#live) this.#deliverLive(reader, frame);
      this.#log.close(frame);
      if (this.#live.size > 0) this.#readAhead(index + 1);
    }
  }

  #deliverLive(reader: Reader, frame: RecordPlace): void {
    const { socket } = reader;
    const ready = socket !== undefined && this.#isReady(reader, socket);
    if (ready && this.#send(socket, frame) !== "refused") reader.next++;
    else this.#leaveLive(reader);
  }

  #send(socket: SocketId, frame: RecordPlace): SendResult {
    const result = this.#outlet.sendFrame(socket, frame);
    if (result === "refused") return result;
    this.sent.frames++;
    this.sent.bytes += frame.length;
    return result;
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
