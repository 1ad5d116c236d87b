/**
 * The records of one stored share in a bucket. Records are gathered in memory by part (see `PartLayout`), in any
 * order, and a part is written as one object when it is complete, when `flush` asks for it, or when others need its
 * room. S3 replaces an object as a whole: a crash at any moment leaves the old part or the new one. A part of which
 * records were durable before this relay started is read and completed before it is written again.
 */
import { FaultError } from "../../protocol/mod.ts";

import { RecordSet } from "./record-set.ts";
import type { OpenRecords, RecordStore, RecordStoreEvents, StoredShape } from "./record-store.ts";
import { S3Bucket, type MayWrite, type OnAway, type S3Place } from "./s3-bucket.ts";
import { PART_BYTES, PartLayout } from "./s3-part.ts";
import { asFault, RANGE_BYTES, RANGES_BYTES, RangeMemory, RangeReader } from "./s3-ranges.ts";

/** Parts of one share in memory, being gathered or written: one that fills while three are on their way. */
const SHARE_PARTS = 4;
/** Records of all shares of one worker that are gathered or on their way. bytes */
const GATHERED_BYTES = 128 * 1024 ** 2;
/** A part that gets no record for so long is written as it is: its sender, if it left, gives none of it twice. ms */
const IDLE_MS = 15_000;

export interface S3Memory {
  /** Records gathered or on their way. bytes */
  readonly gathered: number;
  /** Records read ahead. bytes */
  readonly read: number;
}

/** After the write that is under way: it takes more records, is written again, or gives its room back. */
type AfterWrite = "gather" | "write" | "leave";
type PartState =
  { readonly at: "gathering" } | { readonly at: "writing"; readonly next: AfterWrite };
const GATHERING: PartState = { at: "gathering" };

interface Part {
  readonly number: number;
  readonly owner: S3Records;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Behind the last slot that is filled. bytes */
  end: number;
  /** Records that are durable or in `bytes`. */
  known: number;
  /** In `bytes`. */
  readonly filled: Set<number>;
  /** Of those, the ones that are not durable. */
  readonly fresh: Set<number>;
  state: PartState;
  /** When its latest record came. ms */
  touched: number;
}

/** The constants of these names; tests have smaller ones. */
export interface S3Tuning {
  readonly partBytes: number;
  readonly rangeBytes: number;
  readonly idleMs: number;
  readonly gatheredBytes: number;
  readonly rangesBytes: number;
}

const TUNING: S3Tuning = {
  partBytes: PART_BYTES,
  rangeBytes: RANGE_BYTES,
  idleMs: IDLE_MS,
  gatheredBytes: GATHERED_BYTES,
  rangesBytes: RANGES_BYTES,
};

/** The stored shares of one worker in a bucket. */
export class S3Store {
  readonly bucket: S3Bucket;
  readonly tuning: S3Tuning;
  readonly ranges: RangeMemory;
  /** The right to write; undefined: the relay is alone at its bucket. */
  readonly may: MayWrite | undefined;
  /** Of all shares, the one that was written to the longest ago first. */
  readonly #parts = new Set<Part>();
  readonly #waiting = new Set<S3Records>();
  #gathered = 0;
  #isCalling = false;
  #isWatching = false;

  constructor(place: S3Place, onAway?: OnAway, tuning = TUNING, may?: MayWrite) {
    this.may = may;
    this.bucket = new S3Bucket(place, onAway);
    this.tuning = tuning;
    this.ranges = new RangeMemory(tuning.rangesBytes);
  }

  readonly open: OpenRecords = (shape, events) => new S3Records(this, shape, events);

  get memory(): S3Memory {
    return { gathered: this.#gathered, read: this.ranges.bytes };
  }

  // Of its shares

  fits(bytes: number): boolean {
    return this.#gathered + bytes <= this.tuning.gatheredBytes;
  }

  /** The part has so much more. */
  hold(part: Part, bytes: number): void {
    this.#parts.delete(part);
    this.#parts.add(part);
    this.#gathered += bytes;
    part.touched = performance.now();
    this.#watch();
  }

  release(part: Part, bytes: number): void {
    this.#parts.delete(part);
    this.#gathered -= bytes;
    this.#call();
  }

  /** Tells the share when there is room, and makes some. @param isOwn only a part of its own is of use */
  wait(share: S3Records, isOwn: boolean): void {
    this.#waiting.add(share);
    for (const part of this.#parts) {
      if (part.state.at === "writing" || (isOwn && part.owner !== share)) continue;
      part.owner.leave(part);
      return;
    }
  }

  /** Shares wait for room. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  forget(share: S3Records): void {
    this.#waiting.delete(share);
  }

  /** Parts that got no record for long are written, and leave. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    setTimeout(() => {
      this.#isWatching = false;
      const before = performance.now() - this.tuning.idleMs;
      for (const part of this.#parts) {
        if (part.touched > before) break;
        if (part.state.at === "gathering") part.owner.leave(part);
      }
      if (this.#parts.size > 0) this.#watch();
    }, this.tuning.idleMs / 2).unref();
  }

  #call(): void {
    if (this.#isCalling) return;
    this.#isCalling = true;
    setImmediate(() => {
      this.#isCalling = false;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const share of waiting) share.room();
    });
  }
}

export class S3Records implements RecordStore {
  readonly #store: S3Store;
  readonly #shape: StoredShape;
  readonly #events: RecordStoreEvents;
  readonly #layout: PartLayout;
  readonly #durable: RecordSet;
  readonly #parts = new Map<number, Part>();
  readonly #reader: RangeReader;
  readonly #stop = new AbortController();
  #isFailed = false;

  constructor(store: S3Store, shape: StoredShape, events: RecordStoreEvents) {
    this.#store = store;
    this.#shape = shape;
    this.#events = events;
    this.#layout = new PartLayout(shape, store.tuning.partBytes);
    this.#durable = new RecordSet(shape.durable);
    this.#reader = new RangeReader({
      bucket: store.bucket,
      memory: store.ranges,
      layout: this.#layout,
      durable: this.#durable,
      stop: this.#stop.signal,
      rangeBytes: store.tuning.rangeBytes,
      keyOf: (part) => this.#keyOf(part),
    });
  }

  write(index: number, frame: Uint8Array): boolean {
    if (this.#isFailed || this.#isClosed) return false;
    if (this.has(index)) return true;
    const number = this.#layout.partOf(index);
    const old = this.#parts.get(number);
    const isOwn = old === undefined && this.#parts.size >= SHARE_PARTS;
    if (isOwn || !this.#store.fits(this.#layout.slotBytes)) {
      this.#store.wait(this, isOwn);
      return false;
    }
    const part = old ?? this.#begin(number);
    if (part.state.at === "writing" && part.state.next === "leave") this.#write(part, "write");
    part.fresh.add(index);
    part.known++;
    this.#fill(part, index, frame);
    if (part.state.at === "gathering" && this.#isComplete(part)) this.#write(part, "gather");
    return true;
  }

  has(index: number): boolean {
    if (this.#durable.has(index)) return true;
    return this.#parts.get(this.#layout.partOf(index))?.filled.has(index) === true;
  }

  read(index: number, done: (frame: Uint8Array | FaultError) => void): void {
    const part = this.#parts.get(this.#layout.partOf(index));
    if (part?.filled.has(index) === true) {
      const frame = this.#layout.frameIn(part.bytes, this.#layout.at(index), index);
      const given = frame ?? new FaultError("store-failed", `record ${index} changed in memory`);
      setImmediate(() => {
        if (!this.#isClosed) done(given);
      });
    } else if (this.#durable.has(index)) {
      this.#reader.read(index, done);
    } else {
      const fault = new FaultError("store-failed", `record ${index} is not in the store`);
      setImmediate(() => {
        if (!this.#isClosed) done(fault);
      });
    }
  }

  flush(): void {
    for (const part of this.#parts.values()) {
      if (part.fresh.size === 0) continue;
      if (part.state.at === "gathering") this.#write(part, "gather");
      else if (part.state.next === "gather") this.#write(part, "write");
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#stop.abort();
    this.#reader.close();
    this.#store.forget(this);
    for (const part of this.#parts.values()) this.#drop(part);
  }

  // Of the store

  room(): void {
    if (!this.#isClosed && !this.#isFailed) this.#events.room();
  }

  /** The part, of which nothing is on its way, gives its room back, once it is durable. */
  leave(part: Part): void {
    if (part.fresh.size === 0) this.#drop(part);
    else this.#write(part, "leave");
  }

  // Inside

  get #isClosed(): boolean {
    return this.#stop.signal.aborted;
  }

  #keyOf(part: number): string {
    return `${this.#store.bucket.prefix}records/${this.#shape.place}/${part}`;
  }

  #begin(number: number): Part {
    const { perPart, slotBytes } = this.#layout;
    // Pages that are never touched cost no memory.
    const bytes = new Uint8Array(this.#slotsOf(number, perPart) * slotBytes);
    const part: Part = {
      number,
      owner: this,
      bytes,
      end: 0,
      known: 0,
      filled: new Set(),
      fresh: new Set(),
      state: GATHERING,
      touched: 0,
    };
    part.known = this.#missing(part).length;
    this.#parts.set(number, part);
    return part;
  }

  #slotsOf(part: number, perPart: number): number {
    const { records } = this.#shape;
    return records === undefined ? perPart : Math.min(perPart, records - part * perPart);
  }

  #fill(part: Part, index: number, frame: Uint8Array): void {
    const end = this.#layout.write(part.bytes, this.#layout.at(index), index, frame);
    part.end = Math.max(part.end, end);
    part.filled.add(index);
    this.#store.hold(part, this.#layout.slotBytes);
  }

  #isComplete(part: Part): boolean {
    return part.known === this.#slotsOf(part.number, this.#layout.perPart);
  }

  /** Records of the part that are durable and not in memory. */
  #missing({ number, filled }: Part): number[] {
    const { perPart } = this.#layout;
    const first = number * perPart;
    const missing: number[] = [];
    for (let index = first; index < first + perPart; index++) {
      if (this.#durable.has(index) && !filled.has(index)) missing.push(index);
    }
    return missing;
  }

  /** Begins a write, or changes what follows the one that is under way. */
  #write(part: Part, next: AfterWrite): void {
    const begins = part.state.at === "gathering";
    part.state = { at: "writing", next };
    if (begins) void this.#put(part).catch((error: unknown) => this.#fail(error));
  }

  async #put(part: Part): Promise<void> {
    const { bucket, may } = this.#store;
    const key = this.#keyOf(part.number);
    const { signal } = this.#stop;
    await this.#complete(part, key);
    if (this.#isClosed) return;
    const sent = [...part.fresh];
    const isLast = this.#isComplete(part);
    // A part that may still get records is sent from a copy.
    const body = isLast ? part.bytes.subarray(0, part.end) : part.bytes.slice(0, part.end);
    await bucket.put(key, body, signal, may);
    if (this.#isClosed) return;
    const next = part.state.at === "writing" ? part.state.next : "gather";
    part.state = GATHERING;
    const { runs } = new RecordSet(sent.map((first) => ({ first, count: 1 })));
    for (const { first, count } of runs) this.#durable.add(first, count);
    for (const index of sent) part.fresh.delete(index);
    const isInTheWay = next === "leave" || this.#store.isAwaited;
    if (part.fresh.size === 0) {
      if (isLast || isInTheWay) this.#drop(part);
    } else if (next === "write" || isInTheWay || this.#isComplete(part)) {
      this.#write(part, "gather");
    }
    this.#events.durable(runs);
  }

  /** Brings records of the part that were durable before into memory. @throws FaultError */
  async #complete(part: Part, key: string): Promise<void> {
    const missing = this.#missing(part);
    const last = missing.at(-1);
    if (last === undefined) return;
    const range = { first: 0, end: this.#layout.at(last) + this.#layout.slotBytes };
    const check = (bytes: Uint8Array) => {
      const frames = missing.map((index) =>
        this.#layout.frameIn(bytes, this.#layout.at(index), index),
      );
      return frames.every((frame) => frame !== undefined) ? frames : undefined;
    };
    const frames = await this.#store.bucket.read(key, range, check, this.#stop.signal);
    if (this.#isClosed) return;
    frames.forEach((frame, at) => this.#fill(part, missing[at]!, frame));
  }

  #drop(part: Part): void {
    if (!this.#parts.delete(part.number)) return;
    this.#store.release(part, part.filled.size * this.#layout.slotBytes);
  }

  #fail(error: unknown): void {
    if (this.#isFailed || this.#isClosed) return;
    this.#isFailed = true;
    this.#store.forget(this);
    for (const part of this.#parts.values()) this.#drop(part);
    this.#events.failed(asFault(error));
  }
}
