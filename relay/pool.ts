import { closeSync } from "node:fs";

import { BLOCK_BYTES } from "../protocol/mod.ts";

import type { Descriptor, Native } from "./native.ts";
import { FileStore, MemoryStore, type BlockStore } from "./store.ts";

/**
 * The room of the log, shared by all workers: blocks of one size in one file, each owned by at most
 * one worker, which alone writes to it. A block is read under a pin.
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
  /** Where the blocks lie; without a file in `memory`. */
  readonly file: Descriptor | undefined;
  readonly memory: SharedArrayBuffer | undefined;
  /** Per block: 0 free, otherwise worker + 1. */
  readonly owners: SharedArrayBuffer;
  readonly generations: SharedArrayBuffer;
  /** Per worker and block: how many there are reading it. */
  readonly pins: SharedArrayBuffer;
  /** Per block: 1 when the kernel may still be sending what is in it. */
  readonly exposed: SharedArrayBuffer;
  /** Per worker: its shares that hold blocks or want some. */
  readonly holders: SharedArrayBuffer;
  /** Per worker: a descriptor to close when it dies; 0: none. */
  readonly descriptors: SharedArrayBuffer;
}

/** A pool is short of blocks when fewer than one of so many are free. */
const SHORT_PART = 4;

const INT_BYTES = Int32Array.BYTES_PER_ELEMENT;

/** How many blocks a log of `bytes` has. */
export function blocksOf(bytes: number, blockBytes = BLOCK_BYTES): number {
  return Math.max(1, Math.floor(bytes / blockBytes));
}

/** @param file where blocks lie; without one in memory, whose pages cost nothing until written */
export function createPool(
  blocks: number,
  workers: number,
  blockBytes = BLOCK_BYTES,
  file?: Descriptor,
): PoolBuffers {
  return {
    blocks,
    blockBytes,
    workers,
    file,
    memory: file === undefined ? new SharedArrayBuffer(blocks * blockBytes) : undefined,
    owners: new SharedArrayBuffer(blocks * INT_BYTES),
    generations: new SharedArrayBuffer(blocks * INT_BYTES),
    pins: new SharedArrayBuffer(workers * blocks * INT_BYTES),
    exposed: new SharedArrayBuffer(blocks * INT_BYTES),
    holders: new SharedArrayBuffer(workers * INT_BYTES),
    descriptors: new SharedArrayBuffer(workers * INT_BYTES),
  };
}

/** One worker's hand on the pool. */
export class BlockPool {
  readonly blocks: number;
  readonly blockBytes: number;
  readonly #worker: number;
  readonly #workers: number;
  readonly store: BlockStore;
  readonly #owners: Int32Array;
  readonly #generations: Int32Array;
  readonly #pins: Int32Array;
  readonly #exposed: Int32Array;
  readonly #holders: Int32Array;

  /** @param native what a block that was exposed is renewed with */
  constructor(buffers: PoolBuffers, worker: number, native?: Native) {
    this.blocks = buffers.blocks;
    this.blockBytes = buffers.blockBytes;
    this.#worker = worker;
    this.#workers = buffers.workers;
    const { file, memory, blockBytes } = buffers;
    if (file !== undefined) this.store = new FileStore(file, native);
    else this.store = new MemoryStore(memory ?? new SharedArrayBuffer(0), blockBytes);
    this.#owners = new Int32Array(buffers.owners);
    this.#generations = new Int32Array(buffers.generations);
    this.#pins = new Int32Array(buffers.pins);
    this.#exposed = new Int32Array(buffers.exposed);
    this.#holders = new Int32Array(buffers.holders);
  }

  /** Takes a free block, the lowest first because its pages are warm; undefined when none is free. */
  take(): number | undefined {
    for (let block = 0; block < this.blocks; block++) {
      if (Atomics.compareExchange(this.#owners, block, 0, this.#worker + 1) !== 0) continue;
      if (!this.isPinned(block)) {
        if (Atomics.exchange(this.#exposed, block, 0) !== 0) this.store.renew(block);
        return block;
      }
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

  /** Copies a frame into a block of ours; false: the disk has no room for it. */
  write(block: number, offset: number, frame: Uint8Array): boolean {
    return this.store.write(block, offset, frame);
  }

  /** The bytes of a block from `offset` on, not copied. */
  view(block: number, offset: number, length: number): Uint8Array {
    return this.store.view(block, offset, length);
  }

  /** The kernel got bytes of this block without a copy: they must not change under its hands. */
  expose(block: number): void {
    Atomics.store(this.#exposed, block, 1);
  }

  /** Keeps a block from being reused, until as many `unpin`; false when it has been already. */
  pin(block: number, generation: number): boolean {
    Atomics.add(this.#pins, this.#worker * this.blocks + block, 1);
    if (Atomics.load(this.#generations, block) === generation) return true;
    Atomics.sub(this.#pins, this.#worker * this.blocks + block, 1);
    return false;
  }

  unpin(block: number): void {
    Atomics.sub(this.#pins, this.#worker * this.blocks + block, 1);
  }

  /** Whether so many blocks are taken that who keeps one for long should copy what it needs. */
  get isShort(): boolean {
    let free = 0;
    for (let block = 0; block < this.blocks; block++) {
      if (Atomics.load(this.#owners, block) === 0 && !this.isPinned(block)) free++;
    }
    return free < this.blocks / SHORT_PART;
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

  /** Whether anybody reads this block; then it can't be taken. */
  isPinned(block: number): boolean {
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
  const descriptor = noteDescriptor(buffers, worker, 0);
  if (descriptor !== 0) closeSync(descriptor);
}

/** Says what to close when this worker dies. @returns what was said before */
export function noteDescriptor(
  { descriptors }: PoolBuffers,
  worker: number,
  descriptor: Descriptor,
): Descriptor {
  return Atomics.exchange(new Int32Array(descriptors), worker, descriptor);
}
