import type { BlockPool } from "./pool.ts";
import { MESSAGE_HEAD_BYTES } from "./store.ts";

/** Where the frame of a record lies; a message of its own, so that any worker can read it. */
export interface RecordPlace {
  readonly block: number;
  readonly generation: number;
  readonly offset: number;
  readonly length: number;
}

/** What the lanes need of a log, wherever it is. */
export interface RecordReader {
  /** Records that it can hold at the moment; changes with the number of shares. */
  readonly capacity: number;
  has(index: number): boolean;
  /**
   * Where the frame of a record lies, or undefined when it is not here. It stays there until `close`,
   * which must follow in the same turn; who needs it longer pins its block.
   */
  open(index: number): RecordPlace | undefined;
  close(place: RecordPlace): void;
}

/** What became of a frame given to a log. `full`: the disk has no room for it. */
export type Kept = "kept" | "no-place" | "full";

/** The relay's copy of a share's recent frames, at the worker that holds the sender's socket. */
export interface RecordLog extends RecordReader {
  /** Makes sure that a record that is asked for now has a place when it comes; false: no room yet. */
  reserve(index: number): boolean;
  /** The record will not come: its place may go to another. */
  release(index: number): void;
  /** Copies a frame in. Without a place for it, it must be asked for again. */
  put(index: number, frame: Uint8Array): Kept;
  /** Gives memory back down to `blocks`, the least recently used first; 0: nobody reads here now. */
  shrinkTo(blocks: number): void;
  destroy(): void;
}

interface Block {
  readonly slot: number;
  readonly generation: number;
  /** Length of each frame in it; 0: not here. */
  readonly lengths: Int32Array;
  /** Places reserved for records on their way; such a block is not evicted. */
  reserved: number;
}

/**
 * A log in blocks of the relay's pool. All frames of a share but the last have one size, so record i always lies
 * at (i mod n) of block floor(i / n), and any record can be had by arithmetic.
 */
export class BlockLog implements RecordLog {
  readonly #pool: BlockPool;
  readonly #frameBytes: number;
  readonly #perBlock: number;
  /** By block number, least recently used first. */
  readonly #blocks = new Map<number, Block>();
  /** Whether the pool counts us among those that want blocks. */
  #counted = false;

  /** @param frameBytes size of every frame but the last */
  constructor(pool: BlockPool, frameBytes: number) {
    this.#pool = pool;
    this.#frameBytes = frameBytes;
    this.#perBlock = recordsPerBlock(pool, frameBytes);
  }

  get capacity(): number {
    return this.#pool.fairShare * this.#perBlock;
  }

  /** Blocks held now. */
  get size(): number {
    return this.#blocks.size;
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
    const block = this.#blocks.get(Math.floor(index / this.#perBlock));
    if (block !== undefined && block.reserved > 0) block.reserved--;
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

  #offset(index: number): number {
    return (index % this.#perBlock) * (this.#frameBytes + MESSAGE_HEAD_BYTES);
  }

  #length(index: number): number {
    const block = this.#blocks.get(Math.floor(index / this.#perBlock));
    return block?.lengths[index % this.#perBlock] ?? 0;
  }

  #touch(number: number): Block | undefined {
    const block = this.#blocks.get(number);
    if (block === undefined) return undefined;
    this.#blocks.delete(number);
    this.#blocks.set(number, block);
    return block;
  }

  #grow(index: number): Block | undefined {
    // Before there is a block: otherwise those who hold all of them would keep them.
    this.#count(true);
    const limit = this.#pool.fairShare;
    while (this.#blocks.size >= limit) if (!this.#evict()) return undefined;
    let slot = this.#pool.take();
    if (slot === undefined && this.#evict()) slot = this.#pool.take();
    if (slot === undefined) return undefined;
    const generation = this.#pool.generation(slot);
    const block = { slot, generation, lengths: new Int32Array(this.#perBlock), reserved: 0 };
    this.#blocks.set(Math.floor(index / this.#perBlock), block);
    return block;
  }

  #count(wanting: boolean): void {
    if (this.#counted === wanting) return;
    this.#counted = wanting;
    this.#pool.countHolder(wanting ? 1 : -1);
  }

  /** Prefers blocks that can be taken again at once. */
  #evict(): boolean {
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

/** What another worker knows of a share's log: places it was told, read under a pin. */
export class ReplicaLog implements RecordReader {
  readonly #pool: BlockPool;
  readonly #perBlock: number;
  /** Oldest first; never more than the pool can hold. */
  readonly #places = new Map<number, RecordPlace>();

  /** @param frameBytes size of every frame but the last */
  constructor(pool: BlockPool, frameBytes: number) {
    this.#pool = pool;
    this.#perBlock = recordsPerBlock(pool, frameBytes);
  }

  get capacity(): number {
    return this.#pool.fairShare * this.#perBlock;
  }

  learn(index: number, place: RecordPlace): void {
    this.#places.delete(index);
    this.#places.set(index, place);
    if (this.#places.size <= REPLICA_PLACES_PER_BLOCK * this.#pool.blocks) return;
    for (const oldest of this.#places.keys()) {
      this.#places.delete(oldest);
      break;
    }
  }

  has(index: number): boolean {
    const place = this.#places.get(index);
    if (place === undefined) return false;
    if (this.#pool.generation(place.block) === place.generation) return true;
    this.#places.delete(index);
    return false;
  }

  open(index: number): RecordPlace | undefined {
    const place = this.#places.get(index);
    if (place === undefined) return undefined;
    if (this.#pool.pin(place.block, place.generation)) return place;
    this.#places.delete(index);
    return undefined;
  }

  close({ block }: RecordPlace): void {
    this.#pool.unpin(block);
  }
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

/** Places kept per block of the pool: small records share a block, and few shares use them. */
const REPLICA_PLACES_PER_BLOCK = 16;
