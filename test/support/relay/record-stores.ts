import { FaultError } from "../../../protocol/mod.ts";
import type { Ledger, LedgerChange } from "../../../relay/store/ledger.ts";
import type {
  OpenRecords,
  RecordStoreEvents,
  RecordRun,
  RecordStore,
  StoredShape,
} from "../../../relay/store/record-store.ts";
import { RecordSet } from "../../../relay/store/record-set.ts";

/** A record store under test, and all that it told. */
export class WatchedRecords {
  readonly store: RecordStore;
  readonly durable = new RecordSet();
  rooms = 0;
  failure: FaultError | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(open: OpenRecords, shape: StoredShape) {
    for (const { first, count } of shape.durable) this.durable.add(first, count);
    this.store = open(shape, {
      room: () => {
        this.rooms++;
        this.#tell();
      },
      durable: (runs: readonly RecordRun[]) => {
        for (const { first, count } of runs) this.durable.add(first, count);
        this.#tell();
      },
      failed: (fault) => {
        this.failure = fault;
        this.#tell();
      },
    });
  }

  /** Waits until it is so, and asks at each event. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#changed.promise;
  }

  /** A copy of the frame, or its fault. */
  read(index: number): Promise<Uint8Array | FaultError> {
    return new Promise((resolve) => {
      this.store.read(index, (frame) => {
        resolve(frame instanceof Error ? frame : frame.slice());
      });
    });
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** A disk in memory, which writes and reads when `post` calls it. */
export class MemoryDisk {
  /** Durable frames, by place and index. */
  readonly files = new Map<string, Map<number, Uint8Array>>();
  /** Records that a share may have waiting. */
  most = 1000;
  /** The disk writes nothing now. */
  isStuck = false;
  isFull = false;
  /** Gives this in place of each record. */
  lie: Uint8Array | undefined;
  /** Records that were read, by whatever share. */
  reads: number[] = [];
  readonly post: (call: () => void) => void;
  readonly #open = new Set<MemoryRecords>();

  constructor(post: (call: () => void) => void) {
    this.post = post;
  }

  readonly open: OpenRecords = (shape, events) => {
    const records = new MemoryRecords(this, shape, events, () => this.#open.delete(records));
    this.#open.add(records);
    return records;
  };

  /** Stores that are open. */
  get stores(): number {
    return this.#open.size;
  }

  stick(): void {
    this.isStuck = true;
  }

  go(): void {
    this.isStuck = false;
    for (const records of this.#open) records.go();
  }

  /** Power is lost: no store that was open does anything more. */
  crash(): void {
    for (const records of this.#open) records.close();
  }
}

class MemoryRecords implements RecordStore {
  readonly #disk: MemoryDisk;
  readonly #file: Map<number, Uint8Array>;
  readonly #events: RecordStoreEvents;
  readonly #waiting = new Map<number, Uint8Array>();
  readonly #closed: () => void;
  #isRefused = false;
  #isOver = false;

  constructor(
    disk: MemoryDisk,
    { place }: StoredShape,
    events: RecordStoreEvents,
    closed: () => void,
  ) {
    this.#disk = disk;
    this.#events = events;
    this.#closed = closed;
    this.#file = disk.files.get(place) ?? new Map<number, Uint8Array>();
    disk.files.set(place, this.#file);
  }

  write(index: number, frame: Uint8Array): boolean {
    if (this.has(index)) return true;
    this.#isRefused = this.#waiting.size >= this.#disk.most;
    if (this.#isRefused) return false;
    this.#waiting.set(index, frame.slice());
    if (!this.#disk.isStuck) this.#disk.post(() => this.go());
    return true;
  }

  has(index: number): boolean {
    return this.#waiting.has(index) || this.#file.has(index);
  }

  read(index: number, done: (frame: Uint8Array | FaultError) => void): void {
    this.#disk.reads.push(index);
    this.#disk.post(() => {
      const frame = this.#disk.lie ?? this.#waiting.get(index) ?? this.#file.get(index);
      if (!this.#isOver) done(frame ?? new FaultError("store-failed", "no such record"));
    });
  }

  flush(): void {
    // All is written as soon as it can be.
  }

  close(): void {
    this.#isOver = true;
    this.#closed();
  }

  /** Writes what waits. */
  go(): void {
    if (this.#isOver || this.#disk.isStuck || this.#waiting.size === 0) return;
    if (this.#disk.isFull) {
      this.#isOver = true;
      this.#events.failed(new FaultError("store-full", "its disk is full"));
      return;
    }
    const runs = Array.from(this.#waiting.keys(), (first) => ({ first, count: 1 }));
    for (const [index, frame] of this.#waiting) this.#file.set(index, frame);
    this.#waiting.clear();
    this.#events.durable(runs);
    if (!this.#isRefused) return;
    this.#isRefused = false;
    this.#events.room();
  }
}

/** A ledger that forgets all with the process. */
export class MemoryLedger implements Ledger {
  readonly #removed: (place: string) => void;
  readonly #post: ((call: () => void) => void) | undefined;

  /**
   * @param removed told of each place whose records go
   * @param post calls what waits for a save; without it a promise does
   */
  constructor(removed: (place: string) => void, post?: (call: () => void) => void) {
    this.#removed = removed;
    this.#post = post;
  }

  async load(): ReturnType<Ledger["load"]> {
    return { shares: [], tombstones: [] };
  }

  save({ removed }: LedgerChange): PromiseLike<void> {
    for (const place of removed) this.#removed(place);
    return this.#done();
  }

  removeRecords(place: string): PromiseLike<void> {
    this.#removed(place);
    return this.#done();
  }

  async close(): Promise<void> {
    // It has nothing open.
  }

  #done(): PromiseLike<void> {
    const post = this.#post;
    if (post === undefined) return Promise.resolve();
    return settling((settle) => post(() => settle(undefined)));
  }
}

/** Like a promise, but its listeners run in the turn that settles it. */
export function settling(
  begin: (settle: (fault: FaultError | undefined) => void) => void,
): PromiseLike<void> {
  const like = {
    // oxlint-disable-next-line unicorn/no-thenable -- a real promise would wait for the end of the run
    then: (done?: (() => unknown) | null, failed?: ((fault: FaultError) => unknown) | null) => {
      begin((fault) => {
        if (fault === undefined) done?.();
        else failed?.(fault);
      });
      return like;
    },
  };
  return like as PromiseLike<void>;
}
