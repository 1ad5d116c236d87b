/**
 * Reads the durable records of one share from its bucket: neighbours come in one range of about RANGE_BYTES, and
 * ranges behind it are read ahead while reads go on in order. A range stays in memory until each of its records was
 * given, or until others of the worker need the room: the share's log is the cache of records that are asked for again.
 */
import { FaultError } from "../../protocol/mod.ts";

import type { RecordSet } from "./record-set.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import type { PartLayout } from "./s3-part.ts";

/** Of one request, unless a record is larger: large enough for a full line at 30 ms an answer. bytes */
export const RANGE_BYTES = 2 * 1024 ** 2;
/** Read ahead of the range that is asked for: at 30 ms an answer it allows 200 MiB/s. bytes */
const AHEAD_BYTES = 6 * 1024 ** 2;
/** Ranges of all shares of one worker, read or being read. Above it nothing is read ahead. bytes */
export const RANGES_BYTES = 64 * 1024 ** 2;
/** Ranges of one share that are being read at once; reads of more wait in their order. */
const READS_AT_ONCE = 8;
/** Of so many ranges the share remembers that they were read, to see that reads go on in order. */
const RECENT_RANGES = 16;

type Done = (frame: Uint8Array | FaultError) => void;

interface Range {
  /** The first record, and the one behind the last. */
  readonly first: number;
  readonly end: number;
  readonly waiting: Map<number, Done[]>;
  /** Undefined: not read yet. */
  frames: Map<number, Uint8Array> | undefined;
  isBeingRead: boolean;
  bytes: number;
}

/** The memory of the shares of one worker, for ranges that they read. */
export class RangeMemory {
  bytes = 0;
  readonly #most: number;
  /** Read, the longest unused first; the function drops it. */
  readonly #read = new Map<Range, () => void>();

  /** @param most see RANGES_BYTES */
  constructor(most: number) {
    this.#most = most;
  }

  fits(bytes: number): boolean {
    return this.bytes + bytes <= this.#most;
  }

  /** Drops others until so much more has room. @returns false: what is being read leaves no room */
  makeRoom(bytes: number): boolean {
    for (const drop of this.#read.values()) {
      if (this.fits(bytes)) break;
      drop();
    }
    return this.fits(bytes);
  }

  keep(range: Range, drop: () => void): void {
    this.#read.delete(range);
    this.#read.set(range, drop);
  }

  forget(range: Range): void {
    this.#read.delete(range);
  }
}

export interface RangeSource {
  readonly bucket: S3Bucket;
  readonly memory: RangeMemory;
  readonly layout: PartLayout;
  readonly durable: RecordSet;
  readonly stop: AbortSignal;
  /** See RANGE_BYTES. */
  readonly rangeBytes: number;
  readonly keyOf: (part: number) => string;
}

export class RangeReader {
  readonly #source: RangeSource;
  readonly #perRange: number;
  /** By their first record. */
  readonly #ranges = new Map<number, Range>();
  /** First records of ranges that were asked for, the latest last. */
  readonly #recent: number[] = [];
  #reading = 0;

  constructor(source: RangeSource) {
    this.#source = source;
    const { slotBytes, perPart } = source.layout;
    this.#perRange = Math.min(perPart, Math.ceil(source.rangeBytes / slotBytes));
  }

  /** Calls `done` in a later turn. */
  read(index: number, done: Done): void {
    const range = this.#rangeOf(index);
    const frame = range.frames?.get(index);
    if (frame !== undefined) {
      range.frames!.delete(index);
      if (range.frames!.size === 0) this.#drop(range);
      else this.#source.memory.keep(range, () => this.#drop(range));
      setImmediate(() => {
        if (!this.#source.stop.aborted) done(frame);
      });
    } else {
      const waiting = range.waiting.get(index);
      if (waiting === undefined) range.waiting.set(index, [done]);
      else waiting.push(done);
      this.#readNext();
    }
    this.#readAhead(range);
  }

  close(): void {
    for (const range of this.#ranges.values()) this.#drop(range);
  }

  /** The range of the record, which is in the map from now on; one without the record is read again. */
  #rangeOf(index: number): Range {
    const { perPart } = this.#source.layout;
    const start = index - (index % perPart);
    const first = index - ((index - start) % this.#perRange);
    const old = this.#ranges.get(first);
    if (old !== undefined && (old.frames === undefined || old.frames.has(index))) return old;
    if (old !== undefined) this.#drop(old);
    const end = Math.min(first + this.#perRange, start + perPart);
    const range: Range = {
      first,
      end,
      waiting: new Map(),
      frames: undefined,
      isBeingRead: false,
      bytes: 0,
    };
    this.#ranges.set(first, range);
    return range;
  }

  #readAhead(range: Range): void {
    if (this.#recent.at(-1) === range.first) return;
    const isOnward = range.first === 0 || this.#recent.some((first) => this.#isNext(first, range));
    this.#recent.push(range.first);
    if (this.#recent.length > RECENT_RANGES) this.#recent.shift();
    if (!isOnward) return;
    const { durable, layout, memory } = this.#source;
    const bytes = this.#perRange * layout.slotBytes;
    const end = range.end + Math.ceil(AHEAD_BYTES / layout.slotBytes);
    for (let next = range.end; next < end;) {
      if (!durable.has(next) || !memory.fits(bytes) || this.#reading >= READS_AT_ONCE) return;
      if (this.#ranges.has(next)) next = this.#ranges.get(next)!.end;
      else {
        const further = this.#rangeOf(next);
        void this.#load(further);
        next = further.end;
      }
    }
  }

  #isNext(first: number, range: Range): boolean {
    return first < range.first && range.first - first <= this.#perRange;
  }

  #readNext(): void {
    for (const range of this.#ranges.values()) {
      if (this.#reading >= READS_AT_ONCE) return;
      if (range.waiting.size === 0 || range.isBeingRead || range.frames !== undefined) continue;
      // Without room a share still reads one range, or it would wait for ever.
      const bytes = (range.end - range.first) * this.#source.layout.slotBytes;
      if (!this.#source.memory.makeRoom(bytes) && this.#reading > 0) return;
      void this.#load(range);
    }
  }

  /** Never rejects. */
  async #load(range: Range): Promise<void> {
    const { bucket, memory, layout, durable, stop, keyOf } = this.#source;
    const { first } = range;
    let { end } = range;
    while (end > first && !durable.has(end - 1)) end--;
    const start = layout.at(first);
    const bytes = { first: start, end: start + (end - first) * layout.slotBytes };
    range.isBeingRead = true;
    range.bytes = bytes.end - bytes.first;
    memory.bytes += range.bytes;
    this.#reading++;
    const asked: number[] = [];
    for (let index = first; index < end; index++) if (durable.has(index)) asked.push(index);
    let latest = new Map<number, Uint8Array>();
    let fault: FaultError | undefined;
    try {
      const check = (read: Uint8Array) => {
        latest = new Map();
        for (const index of asked) {
          const frame = layout.frameIn(read, (index - first) * layout.slotBytes, index);
          if (frame !== undefined) latest.set(index, frame);
        }
        return latest.size === asked.length ? latest : undefined;
      };
      await bucket.read(keyOf(layout.partOf(first)), bytes, check, stop);
    } catch (error) {
      fault = asFault(error);
    }
    this.#reading--;
    range.isBeingRead = false;
    if (stop.aborted || this.#ranges.get(first) !== range) return;
    range.frames = latest;
    this.#give(range, fault);
    this.#readNext();
  }

  /** A record that came right is given, even if another of its range never did. */
  #give(range: Range, fault: FaultError | undefined): void {
    const { memory, stop } = this.#source;
    const frames = range.frames ?? new Map<number, Uint8Array>();
    const waiting = [...range.waiting];
    range.waiting.clear();
    const given: (() => void)[] = [];
    for (const [index, list] of waiting) {
      const frame = frames.get(index) ?? fault;
      frames.delete(index);
      for (const done of list) {
        // A record that was not durable yet when the range was asked for is asked for again.
        given.push(() => (frame === undefined ? this.read(index, done) : done(frame)));
      }
    }
    if (frames.size === 0 || fault !== undefined) this.#drop(range);
    else memory.keep(range, () => this.#drop(range));
    for (const give of given) {
      if (stop.aborted) return;
      give();
    }
  }

  #drop(range: Range): void {
    const { memory } = this.#source;
    if (this.#ranges.get(range.first) === range) this.#ranges.delete(range.first);
    memory.forget(range);
    memory.bytes -= range.bytes;
    range.bytes = 0;
  }
}

export function asFault(error: unknown): FaultError {
  if (error instanceof FaultError) return error;
  return new FaultError("store-failed", "a mistake of the relay", { cause: error });
}
