/**
 * The records of one stored share in one file. Record i lies in slot i, so any of them is found by arithmetic:
 *
 *   | frame | sum | frame | sum | ... | frame (may be short) | sum |
 *     slot 0        slot 1              the last slot ends with the file
 *
 * The sum is xxHash64 of the frame, so a disk that rots gives a fault and never a wrong byte. A frame is durable after
 * fdatasync alone, and the name of the file after fsync of its folder. All calls that touch the disk run in Bun's
 * threads: a slow disk stops no receiver of a live share.
 *
 *   write --> waiting (in memory, read from there) --> written --fdatasync--> durable
 */
import { close, constants, fdatasync, open, read, write } from "node:fs";
import { open as openFolder } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { FaultError } from "../../protocol/mod.ts";

import type { RecordBuffers } from "./record-buffers.ts";
import { RecordSet } from "./record-set.ts";
import type {
  OpenRecords,
  RecordRun,
  RecordStore,
  RecordStoreEvents,
  StoredShape,
} from "./record-store.ts";

/** Of one share, waiting to be written: two seconds of a disk with 16 MiB/s. bytes */
export const WAITING_BYTES = 32 * 1024 ** 2;
/** Written and not durable: a sender that resumes sends so much again at most. bytes */
export const SYNC_BYTES = 64 * 1024 ** 2;
/** The same for slow uploads. ms */
export const SYNC_MS = 1000;
/**
 * Read of one share at once: two of the largest frames. With more of them a lone receiver is not ready for most, which
 * then take the longer way by the log. bytes
 */
const READ_BYTES = 2 * 1024 ** 2;

const sync = promisify(fdatasync);
const SUM_BYTES = 8;
/** Errors of a disk that is full, has a quota, or takes no files of this size. */
const FULL: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const PLACE = /^[0-9a-f]{32}$/;

/** A frame that is not written yet. */
interface Waiting {
  readonly slot: Uint8Array;
  readonly length: number;
  /** Readers that will be called with it. */
  readers: number;
}

interface Wish {
  readonly index: number;
  readonly done: (frame: Uint8Array | FaultError) => void;
}

/** Opens stores in this folder, which share their memory. */
export function diskOpener(folder: string, buffers: RecordBuffers): OpenRecords {
  return (shape, events) => new DiskRecords(folder, shape, events, buffers);
}

export class DiskRecords implements RecordStore {
  readonly #folder: string;
  readonly #shape: StoredShape;
  readonly #slotBytes: number;
  readonly #readsMost: number;
  readonly #events: RecordStoreEvents;
  readonly #buffers: RecordBuffers;
  #file: number | undefined;
  #step: "opening" | "open" | "failed" | "closed" = "opening";
  /** Calls that will come back and have the file. */
  #calls = 0;
  /** The name of the file may be lost with the power. */
  #isNew = false;
  readonly #had: RecordSet;
  readonly #waiting = new Map<number, Waiting>();
  #waitingBytes = 0;
  /** Whether `write` said that it takes no more. */
  #isFull = false;
  /** Written since the last fdatasync began. */
  #unsynced = new RecordSet();
  #unsyncedBytes = 0;
  #isSyncing = false;
  /** The records that came shall be durable soon. */
  #isHurried = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** In the order of coming; as many as its origin asks for at once. */
  readonly #wishes: Wish[] = [];
  #reads = 0;

  constructor(
    folder: string,
    shape: StoredShape,
    events: RecordStoreEvents,
    buffers: RecordBuffers,
  ) {
    if (!PLACE.test(shape.place)) throw new Error(`no place of a stored share: ${shape.place}`);
    this.#folder = folder;
    this.#shape = shape;
    this.#slotBytes = shape.frameBytes + SUM_BYTES;
    this.#readsMost = Math.ceil(READ_BYTES / shape.frameBytes);
    this.#events = events;
    this.#buffers = buffers;
    this.#had = new RecordSet(shape.durable);
    this.#open();
  }

  has(index: number): boolean {
    return this.#had.has(index);
  }

  write(index: number, frame: Uint8Array): boolean {
    if (this.#step === "failed" || this.#step === "closed" || this.has(index)) return true;
    if (!this.#had.hasRoomFor(index)) return true;
    const slot =
      this.#waitingBytes < WAITING_BYTES ? this.#buffers.take(this.#slotBytes) : undefined;
    if (slot === undefined) {
      if (!this.#isFull && this.#waiting.size === 0) this.#buffers.whenFree(() => this.#tellRoom());
      this.#isFull = true;
      return false;
    }
    slot.set(frame);
    new DataView(slot.buffer).setBigUint64(frame.length, Bun.hash.xxHash64(frame));
    this.#waiting.set(index, { slot, length: frame.length, readers: 0 });
    this.#waitingBytes += slot.length;
    this.#had.add(index);
    if (this.#step === "open") this.#write(index, 0);
    return true;
  }

  read(index: number, done: Wish["done"]): void {
    const waiting = this.#waiting.get(index);
    if (waiting !== undefined) {
      waiting.readers++;
      setImmediate(() => {
        if (this.#step !== "closed") done(waiting.slot.subarray(0, waiting.length));
        waiting.readers--;
        if (this.#waiting.get(index) !== waiting) this.#release(waiting);
      });
      return;
    }
    this.#wishes.push({ index, done });
    if (this.#step === "failed") setImmediate(() => this.#readMore());
    else this.#readMore();
  }

  flush(): void {
    this.#isHurried = true;
    this.#sync();
  }

  close(): void {
    if (this.#step === "closed") return;
    this.#step = "closed";
    clearTimeout(this.#timer);
    this.#wishes.length = 0;
    this.#closeFile();
  }

  /** A share with durable records has its file: another one in its place would be empty. */
  #open(): void {
    const { O_RDWR, O_CREAT } = constants;
    const isNew = this.#shape.durable.length === 0;
    const flags = O_RDWR | (constants.O_NOFOLLOW ?? 0) | (isNew ? O_CREAT : 0);
    this.#isNew = isNew;
    this.#calls++;
    open(join(this.#folder, this.#shape.place), flags, 0o600, (error, file) => {
      this.#calls--;
      if (error === null) this.#file = file;
      if (this.#step === "closed" || error !== null) this.#releaseAll();
      if (this.#step === "closed") {
        this.#closeFile();
        return;
      }
      if (error !== null) {
        this.#fail(error);
        return;
      }
      this.#step = "open";
      for (const index of this.#waiting.keys()) this.#write(index, 0);
      this.#readMore();
    });
  }

  /** @param from bytes of the slot that are written */
  #write(index: number, from: number): void {
    const waiting = this.#waiting.get(index);
    if (waiting === undefined || this.#file === undefined) return;
    const { slot, length } = waiting;
    const end = length + SUM_BYTES;
    this.#calls++;
    write(this.#file, slot, from, end - from, index * this.#slotBytes + from, (error, count) => {
      this.#calls--;
      if (error === null && from + count < end && this.#step === "open") {
        // The rest tells why it does not fit.
        this.#write(index, from + count);
        return;
      }
      this.#waiting.delete(index);
      this.#waitingBytes -= slot.length;
      this.#release(waiting);
      if (this.#step === "closed") this.#closeFile();
      else if (error !== null) this.#fail(error);
      else if (this.#step === "open") this.#written(index, end);
    });
  }

  #written(index: number, bytes: number): void {
    this.#unsynced.add(index);
    this.#unsyncedBytes += bytes;
    this.#tellRoom();
    this.#sync();
  }

  #tellRoom(): void {
    if (!this.#isFull || this.#step === "failed" || this.#step === "closed") return;
    if (this.#waitingBytes > WAITING_BYTES / 2) return;
    this.#isFull = false;
    this.#events.room();
  }

  /** Begins when enough has gathered, or when nothing more is on its way of what shall be hurried. */
  #sync(): void {
    const isDue =
      this.#unsyncedBytes >= SYNC_BYTES || (this.#isHurried && this.#waiting.size === 0);
    if (this.#step !== "open" || this.#isSyncing || this.#file === undefined) return;
    if (this.#unsynced.size === 0) return;
    if (!isDue) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#isHurried = true;
        this.#sync();
      }, SYNC_MS);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isHurried = false;
    this.#isSyncing = true;
    const runs = this.#unsynced.runs;
    this.#unsynced = new RecordSet();
    this.#unsyncedBytes = 0;
    this.#calls++;
    void this.#syncFile(this.#file).then(
      () => this.#synced(runs, undefined),
      (error: unknown) => this.#synced(runs, error),
    );
  }

  async #syncFile(file: number): Promise<void> {
    await sync(file);
    if (!this.#isNew) return;
    // Windows opens no folders, and keeps names by itself.
    if (process.platform !== "win32") {
      await using folder = await openFolder(this.#folder);
      await folder.sync();
    }
    this.#isNew = false;
  }

  /** @param error what the kernel could not write it may forget: nothing after that can be trusted */
  #synced(runs: readonly RecordRun[], error: unknown): void {
    this.#calls--;
    this.#isSyncing = false;
    if (this.#step === "closed") this.#closeFile();
    if (this.#step !== "open") return;
    if (error !== undefined) {
      this.#fail(error);
      return;
    }
    this.#events.durable(runs);
    this.#sync();
  }

  #readMore(): void {
    if (this.#step === "failed") {
      for (const { done } of this.#wishes.splice(0)) done(this.#unreadable());
      return;
    }
    while (this.#step === "open" && this.#reads < this.#readsMost) {
      const [wish] = this.#wishes;
      if (wish === undefined) return;
      const slot = this.#buffers.take(this.#slotBytes);
      if (slot === undefined) {
        if (this.#reads === 0) this.#buffers.whenFree(() => this.#readMore());
        return;
      }
      this.#wishes.shift();
      this.#read(wish, slot);
    }
  }

  #read({ index, done }: Wish, slot: Uint8Array): void {
    if (this.#file === undefined) return;
    this.#calls++;
    this.#reads++;
    read(this.#file, slot, 0, slot.length, index * this.#slotBytes, (error, count) => {
      this.#calls--;
      this.#reads--;
      if (this.#step === "closed") this.#closeFile();
      else done(error === null ? this.#checked(slot, count) : this.#unreadable(error));
      this.#buffers.give(slot);
      this.#readMore();
    });
  }

  /** The frame in a slot, if it is what was written. */
  #checked(slot: Uint8Array, count: number): Uint8Array | FaultError {
    const length = count - SUM_BYTES;
    if (length <= 0) return this.#unreadable();
    const frame = slot.subarray(0, length);
    const sum = new DataView(slot.buffer).getBigUint64(length);
    return Bun.hash.xxHash64(frame) === sum ? frame : this.#unreadable();
  }

  #unreadable(cause?: unknown): FaultError {
    return new FaultError("store-failed", "a record cannot be read", { cause });
  }

  #fail(error: unknown): void {
    if (this.#step === "failed" || this.#step === "closed") return;
    this.#step = "failed";
    clearTimeout(this.#timer);
    const { code } = error as NodeJS.ErrnoException;
    const fault = FULL.has(code)
      ? new FaultError("store-full", "its disk is full", { cause: error })
      : new FaultError("store-failed", code, { cause: error });
    this.#readMore();
    this.#events.failed(fault);
  }

  /** Unless a reader will be called with it. */
  #release({ slot, readers }: Waiting): void {
    if (readers === 0) this.#buffers.give(slot);
  }

  /** The waiting frames will not be written. */
  #releaseAll(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) this.#release(each);
  }

  /** Only when no call has the file: its number may be another file's at once. */
  #closeFile(): void {
    if (this.#file === undefined || this.#calls > 0) return;
    const file = this.#file;
    this.#file = undefined;
    close(file, () => undefined);
  }
}
