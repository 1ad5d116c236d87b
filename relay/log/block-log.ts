/**
 * A log in blocks of the relay's pool. All frames of a share but the last have one size, so record
 * i always lies at (i mod n) of block floor(i / n), and any record can be had by arithmetic. The
 * home of a share owns one; `ReplicaLog` is its counterpart at other workers.
 */
import { WHOLE_WEIGHT, type BlockPool } from "./block-pool.ts";
import { MESSAGE_HEAD_BYTES } from "./store.ts";

/** Where the frame of a record lies; a message of its own, so that any worker can read it. */
export interface RecordPlace {
  readonly block: number;
  readonly generation: number;
  readonly offset: number;
  readonly length: number;
}

/** A record that a reader is given in this call. */
export interface GivenRecord extends RecordPlace {
  /** Its frame in the memory in which it came, still warm. Only until the call returns. */
  readonly memory?: Uint8Array | undefined;
}

/** A log as the lanes see it, here or at another worker. */
export interface RecordReader {
  /** Records that it can hold at the moment; changes with the number of shares. */
  readonly capacity: number;
  has(index: number): boolean;
  /**
   * Where the frame of a record lies, or undefined when it is not here. It stays there until `close`,
   * which must follow in the same turn; a reader that needs it longer pins its block.
   */
  open(index: number): RecordPlace | undefined;
  close(place: RecordPlace): void;
}

/** `no-place`: the record must be asked for again. `full`: the disk has no room for it. */
export type Kept = "kept" | "no-place" | "full";

/** The relay's copy of a share's recent frames, at the worker that holds the sender's socket. */
export interface RecordLog extends RecordReader {
  /** Blocks that it has. */
  readonly size: number;
  /** Whether there is room even for records that no receiver may ever need. */
  readonly hasRoomToSpare: boolean;
  /** Makes sure that a record that is asked for now has a place when it comes; false: no room yet. */
  reserve(index: number): boolean;
  /** The record will not come: its place may go to another. */
  release(index: number): void;
  /** Its record need not stay; what still leaves of it does until it has left. */
  drop(index: number): void;
  /** The same for all records from `first` on and before `end`. */
  dropAll(first: number, end: number): void;
  /** Copies a frame in. Without a place for it, it must be asked for again. */
  put(index: number, frame: Uint8Array): Kept;
  /** Gives memory back down to `blocks`, the least recently used first; 0: nobody reads here now. */
  shrinkTo(blocks: number): void;
  /** Of a log that keeps what is needed: records before `index` are not, all others are. */
  keepFrom(index: number): void;
  /** Of such a log: records before it may be gone, those from it on are not unless they never came. */
  readonly firstKept: number;
  destroy(): void;
}

/** A block on its way to the log of another worker, with the records in it. */
export interface HandedBlock {
  readonly number: number;
  readonly slot: number;
  readonly generation: number;
  readonly lengths: Int32Array;
}

interface Block {
  readonly slot: number;
  readonly generation: number;
  /** Length of each frame in it; 0: not here. */
  readonly lengths: Int32Array;
  /** Places reserved for records on their way; such a block is not evicted. */
  reserved: number;
}

export class BlockLog implements RecordLog {
  readonly #pool: BlockPool;
  readonly #frameBytes: number;
  readonly #perBlock: number;
  /** By block number, least recently used first. */
  readonly #blocks = new Map<number, Block>();
  /** Undefined: every record can be had again, and any block may go. */
  #keptFrom: number | undefined;
  #firstKept = 0;
  #weight = WHOLE_WEIGHT;
  /** Whether the pool counts us among those that want blocks. */
  #counted = false;
  #uses = 0;

  /**
   * @param frameBytes size of every frame but the last
   * @param keeps whether it keeps what `keepFrom` says; otherwise all can be had again
   */
  constructor(pool: BlockPool, frameBytes: number, keeps = false) {
    this.#pool = pool;
    this.#frameBytes = frameBytes;
    this.#perBlock = recordsPerBlock(pool, frameBytes);
    this.#keptFrom = keeps ? 0 : undefined;
  }

  get capacity(): number {
    return this.fairShare * this.#perBlock;
  }

  /** Blocks that it may hold now. */
  get fairShare(): number {
    return this.#pool.fairShare(this.#weight);
  }

  get firstKept(): number {
    return this.#firstKept;
  }

  keepFrom(index: number): void {
    this.#keptFrom = index;
  }

  /** Its weight among all that want blocks. */
  weigh(weight: number): void {
    if (this.#counted) this.#pool.countHolder(weight - this.#weight);
    this.#weight = weight;
  }

  /** Grows whenever somebody reads or writes here. */
  get uses(): number {
    return this.#uses;
  }

  get size(): number {
    return this.#blocks.size;
  }

  get hasRoomToSpare(): boolean {
    return this.#pool.hasRoomToSpare;
  }

  has(index: number): boolean {
    return this.#length(index) > 0;
  }

  open(index: number): RecordPlace | undefined {
    const length = this.#length(index);
    if (length === 0) return undefined;
    const block = this.#touch(Math.floor(index / this.#perBlock));
    if (block === undefined) return undefined;
    const { slot, generation } = block;
    return { block: slot, generation, offset: this.#offset(index), length };
  }

  close(_place: RecordPlace): void {
    // The owner alone reuses its blocks, and not within a turn of the lanes.
  }

  reserve(index: number): boolean {
    const block = this.#blocks.get(Math.floor(index / this.#perBlock)) ?? this.#grow(index);
    if (block === undefined) return false;
    block.reserved++;
    return true;
  }

  release(index: number): void {
    const number = Math.floor(index / this.#perBlock);
    const block = this.#blocks.get(number);
    if (block === undefined) return;
    if (block.reserved > 0) block.reserved--;
    this.#giveBackEmpty(number, block);
  }

  drop(index: number): void {
    const number = Math.floor(index / this.#perBlock);
    const block = this.#blocks.get(number);
    if (block === undefined) return;
    block.lengths[index % this.#perBlock] = 0;
    this.#giveBackEmpty(number, block);
  }

  /** Looks at blocks and not at records, of which a receiver may name very many. */
  dropAll(first: number, end: number): void {
    if (end <= first) return;
    const from = Math.floor(first / this.#perBlock);
    const last = Math.floor((end - 1) / this.#perBlock);
    const range = { length: last - from + 1 };
    const numbers =
      range.length > this.#blocks.size
        ? [...this.#blocks.keys()].filter((number) => number >= from && number <= last)
        : Array.from(range, (_, at) => from + at);
    for (const number of numbers) {
      const block = this.#blocks.get(number);
      if (block === undefined) continue;
      const start = number * this.#perBlock;
      block.lengths.fill(0, Math.max(0, first - start), end - start);
      this.#giveBackEmpty(number, block);
    }
  }

  #giveBackEmpty(number: number, { reserved, lengths, slot }: Block): void {
    if (reserved === 0 && lengths.every(isNone)) this.#giveBack(number, slot);
  }

  put(index: number, frame: Uint8Array): Kept {
    const block = this.#touch(Math.floor(index / this.#perBlock));
    if (block === undefined || frame.length > this.#frameBytes) return "no-place";
    if (block.reserved > 0) block.reserved--;
    if (!this.#pool.write(block.slot, this.#offset(index), frame)) return "full";
    block.lengths[index % this.#perBlock] = frame.length;
    return "kept";
  }

  shrinkTo(blocks: number): void {
    while (this.#blocks.size > blocks && this.#evict()) {
      // One block at a time, until only reserved ones are left.
    }
    if (blocks === 0 && this.#blocks.size === 0) this.#count(false);
  }

  destroy(): void {
    for (const block of this.#blocks.values()) this.#pool.giveBack(block.slot);
    this.#blocks.clear();
    this.#count(false);
  }

  /** Lets go of all blocks for another worker to adopt; until then they are this worker's. */
  handOver(): HandedBlock[] {
    const handed = [...this.#blocks].map(([number, { slot, generation, lengths }]) => {
      return { number, slot, generation, lengths };
    });
    this.#blocks.clear();
    this.#count(false);
    return handed;
  }

  /** Takes what the log of another worker handed over. */
  adopt(handed: readonly HandedBlock[], from: number, firstKept: number): void {
    this.#count(true);
    this.#firstKept = Math.max(this.#firstKept, firstKept);
    for (const { number, slot, generation, lengths } of handed) {
      const block = { slot, generation, lengths, reserved: 0 };
      if (this.#pool.adopt(slot, generation, from)) this.#blocks.set(number, block);
      else this.#lose(number, lengths);
    }
  }

  #offset(index: number): number {
    return (index % this.#perBlock) * (this.#frameBytes + MESSAGE_HEAD_BYTES);
  }

  #length(index: number): number {
    const block = this.#blocks.get(Math.floor(index / this.#perBlock));
    return block?.lengths[index % this.#perBlock] ?? 0;
  }

  #touch(number: number): Block | undefined {
    this.#uses++;
    const block = this.#blocks.get(number);
    if (block === undefined) return undefined;
    this.#blocks.delete(number);
    this.#blocks.set(number, block);
    return block;
  }

  #grow(index: number): Block | undefined {
    // Before there is a block: otherwise those who hold all of them would keep them.
    this.#count(true);
    const limit = this.fairShare;
    while (this.#blocks.size >= limit) {
      if (this.#evict()) continue;
      if (this.#pool.isCapped(this.#weight)) this.#pool.capped();
      return undefined;
    }
    if (!this.#leavesRoom()) return undefined;
    let slot = this.#pool.take();
    if (slot === undefined && this.#evict()) slot = this.#pool.take();
    if (slot === undefined) {
      if (this.#blocks.size === 0) this.#pool.starve();
      return undefined;
    }
    const generation = this.#pool.generation(slot);
    const block = { slot, generation, lengths: new Int32Array(this.#perBlock), reserved: 0 };
    this.#blocks.set(Math.floor(index / this.#perBlock), block);
    return block;
  }

  #count(wanting: boolean): void {
    if (this.#counted === wanting) return;
    this.#counted = wanting;
    this.#pool.countHolder(wanting ? this.#weight : -this.#weight);
  }

  /**
   * Records that must be kept can't be taken back when others come: so a log that keeps takes at most half of
   * what is left to it and them.
   */
  #leavesRoom(): boolean {
    if (this.#keptFrom === undefined || this.#blocks.size === 0) return true;
    if (this.#pool.free > this.#blocks.size) return true;
    // Its own may go round.
    return this.#evict();
  }

  #evict(): boolean {
    return this.#keptFrom === undefined ? this.#evictAny() : this.#evictFirst(this.#keptFrom);
  }

  /** In order, so that no more is gone than what lies before what is here. */
  #evictFirst(keptFrom: number): boolean {
    let first = Infinity;
    for (const [number, { reserved }] of this.#blocks) {
      if (reserved === 0 && number < first) first = number;
    }
    const block = this.#blocks.get(first);
    if (block === undefined || (first + 1) * this.#perBlock > keptFrom) return false;
    this.#lose(first, block.lengths);
    return this.#giveBack(first, block.slot);
  }

  #lose(number: number, lengths: Int32Array): void {
    const end = lengths.findLastIndex((length) => length > 0) + 1;
    if (end > 0) this.#firstKept = Math.max(this.#firstKept, number * this.#perBlock + end);
  }

  /** Prefers blocks that can be taken again at once. */
  #evictAny(): boolean {
    let pinned: number | undefined;
    for (const [number, { slot, reserved }] of this.#blocks) {
      if (reserved > 0) continue;
      if (!this.#pool.isPinned(slot)) return this.#giveBack(number, slot);
      pinned ??= number;
    }
    const block = pinned === undefined ? undefined : this.#blocks.get(pinned);
    return pinned !== undefined && block !== undefined && this.#giveBack(pinned, block.slot);
  }

  #giveBack(number: number, slot: number): true {
    this.#blocks.delete(number);
    this.#pool.giveBack(slot);
    return true;
  }
}

function isNone(length: number): boolean {
  return length === 0;
}

/** Records that a block holds; the head of the first one lies before the block. */
export function recordsPerBlock(
  { blockBytes }: Pick<BlockPool, "blockBytes">,
  frameBytes: number,
): number {
  const records = Math.floor((blockBytes + MESSAGE_HEAD_BYTES) / (frameBytes + MESSAGE_HEAD_BYTES));
  if (records < 1) throw new RangeError("a frame larger than a block of the log");
  return records;
}
