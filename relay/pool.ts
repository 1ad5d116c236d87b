import { BLOCK_BYTES } from "../protocol/mod.ts";

/**
 * The memory of the log, shared by all workers: blocks of one size in one SharedArrayBuffer, each
 * owned by at most one worker, which alone writes to it. Other workers read a block under a pin.
 *
 * Who gives a block back raises its generation before it clears the owner; who takes one checks all
 * pins after it has become the owner. Who reads pins first and checks the generation then. Atomics
 * are sequentially consistent, so a reader either sees the old generation and the block stays until
 * it is unpinned, or sees a new one and lets go.
 */
export interface PoolBuffers {
  readonly blocks: number;
  readonly blockBytes: number;
  readonly workers: number;
  readonly data: SharedArrayBuffer;
  /** Per block: 0 free, otherwise worker + 1. */
  readonly owners: SharedArrayBuffer;
  readonly generations: SharedArrayBuffer;
  /** Per worker and block: 1 while that worker reads it. */
  readonly pins: SharedArrayBuffer;
  /** Per worker: its shares that hold blocks or want some. */
  readonly holders: SharedArrayBuffer;
}

const INT_BYTES = Int32Array.BYTES_PER_ELEMENT;

/** Reserves `bytes` of log for `workers` workers. Pages cost nothing until they are written. */
export function createPool(bytes: number, workers: number, blockBytes = BLOCK_BYTES): PoolBuffers {
  const blocks = Math.max(1, Math.floor(bytes / blockBytes));
  return {
    blocks,
    blockBytes,
    workers,
    data: new SharedArrayBuffer(blocks * blockBytes),
    owners: new SharedArrayBuffer(blocks * INT_BYTES),
    generations: new SharedArrayBuffer(blocks * INT_BYTES),
    pins: new SharedArrayBuffer(workers * blocks * INT_BYTES),
    holders: new SharedArrayBuffer(workers * INT_BYTES),
  };
}

/** One worker's hand on the pool. */
export class BlockPool {
  readonly blocks: number;
  readonly blockBytes: number;
  readonly #worker: number;
  readonly #workers: number;
  readonly #data: SharedArrayBuffer;
  readonly #owners: Int32Array;
  readonly #generations: Int32Array;
  readonly #pins: Int32Array;
  readonly #holders: Int32Array;

  constructor(buffers: PoolBuffers, worker: number) {
    this.blocks = buffers.blocks;
    this.blockBytes = buffers.blockBytes;
    this.#worker = worker;
    this.#workers = buffers.workers;
    this.#data = buffers.data;
    this.#owners = new Int32Array(buffers.owners);
    this.#generations = new Int32Array(buffers.generations);
    this.#pins = new Int32Array(buffers.pins);
    this.#holders = new Int32Array(buffers.holders);
  }

  /** Takes a free block, the lowest first because its pages are warm; undefined when none is free. */
  take(): number | undefined {
    for (let block = 0; block < this.blocks; block++) {
      if (Atomics.compareExchange(this.#owners, block, 0, this.#worker + 1) !== 0) continue;
      if (!this.#isPinned(block)) return block;
      Atomics.store(this.#owners, block, 0);
    }
    return undefined;
  }

  /** Gives a block of ours back. */
  giveBack(block: number): void {
    Atomics.add(this.#generations, block, 1);
    Atomics.store(this.#owners, block, 0);
  }

  generation(block: number): number {
    return Atomics.load(this.#generations, block);
  }

  /** The bytes of a block from `offset` on, not copied. */
  view(block: number, offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#data, block * this.blockBytes + offset, length);
  }

  /** Keeps a block of another worker from being reused; false when it has been already. */
  pin(block: number, generation: number): boolean {
    const at = this.#worker * this.blocks + block;
    Atomics.store(this.#pins, at, 1);
    if (Atomics.load(this.#generations, block) === generation) return true;
    Atomics.store(this.#pins, at, 0);
    return false;
  }

  unpin(block: number): void {
    Atomics.store(this.#pins, this.#worker * this.blocks + block, 0);
  }

  /** A share begins (+1) or ceases (-1) to want blocks; all that do have the same right to them. */
  countHolder(change: 1 | -1): void {
    Atomics.add(this.#holders, this.#worker, change);
  }

  /** Blocks that one share may hold now. */
  get fairShare(): number {
    let holders = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      holders += Atomics.load(this.#holders, worker);
    }
    return Math.max(1, Math.floor(this.blocks / Math.max(1, holders)));
  }

  #isPinned(block: number): boolean {
    for (let worker = 0; worker < this.#workers; worker++) {
      if (Atomics.load(this.#pins, worker * this.blocks + block) !== 0) return true;
    }
    return false;
  }
}

/** Frees what a worker that died held: its blocks, its pins and its claim to a share of the pool. */
export function reclaim(buffers: PoolBuffers, worker: number): void {
  const pool = new BlockPool(buffers, worker);
  const owners = new Int32Array(buffers.owners);
  const pins = new Int32Array(buffers.pins);
  for (let block = 0; block < buffers.blocks; block++) {
    Atomics.store(pins, worker * buffers.blocks + block, 0);
    if (Atomics.load(owners, block) === worker + 1) pool.giveBack(block);
  }
  Atomics.store(new Int32Array(buffers.holders), worker, 0);
}
