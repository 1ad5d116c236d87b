/**
 * The room of the log, shared by all workers: blocks of one size in one file, each owned by at most
 * one worker, which alone writes to it. A block is read under a pin.
 *
 * An owner that gives a block back raises its generation before it clears the owner. A new owner
 * checks all pins after it has become the owner. A reader pins first and checks the generation
 * then. Atomics are sequentially consistent, so a reader either sees the old generation and the
 * block stays until it is unpinned, or sees a new one and lets go. The main thread creates the
 * buffers; each worker has a `BlockPool` on them.
 */
import { FRAME_BYTES } from "../../protocol/wire/limits.ts";
import { closeSync } from "node:fs";

import type { Descriptor } from "../system/connections.ts";
import { FileStore, MemoryStore, type BlockStore, type Forgetting } from "./store.ts";

/** Bytes: the unit of the log's memory; one full frame, or many small ones of a share. */
export const BLOCK_BYTES = FRAME_BYTES;

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
  /** Per worker: its shares that hold blocks or want some, by weight. */
  readonly holders: SharedArrayBuffer;
  /** 1 when a share got no block, and has none. */
  readonly starved: SharedArrayBuffer;
  /** Per worker: descriptors to close when it dies; 0: none. */
  readonly descriptors: SharedArrayBuffer;
}

/**
 * The weight of a share that is alone in its channel. Many small numbers divide it, so that parts of it
 * add up to it; all shares of a relay add up to less than 2^31.
 */
export const WHOLE_WEIGHT = 166_320;

/** Owner of a block that is being taken from a worker that died. */
const RECLAIMING = -1;

/** A pool is short of blocks when fewer than one of so many are free. */
const SHORT_PART = 4;
/** A pool has room to spare when more than one of so many are free. */
const SPARE_PART = 2;
/** A pool is held up when more than one of so many blocks have no owner and wait for their readers. */
const HELD_UP_PART = 4;

/** Descriptors of a worker that its death leaves open. */
const DESCRIPTORS = 2;

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
    starved: new SharedArrayBuffer(INT_BYTES),
    descriptors: new SharedArrayBuffer(workers * DESCRIPTORS * INT_BYTES),
  };
}

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
  readonly #starved: Int32Array;
  /** Blocks that all shares of a channel may hold together, but for one that each may have. */
  channelBlocks = Infinity;
  /** Told when a share gets no block because of its channel. */
  capped: () => void = () => undefined;
  /** As far as this worker knows, no block below is free. */
  #lowest = 0;

  /** @param kernel what a block that was exposed is renewed with */
  constructor(buffers: PoolBuffers, worker: number, kernel?: Forgetting) {
    this.blocks = buffers.blocks;
    this.blockBytes = buffers.blockBytes;
    this.#worker = worker;
    this.#workers = buffers.workers;
    const { file, memory, blockBytes } = buffers;
    if (file !== undefined) this.store = new FileStore(file, kernel);
    else this.store = new MemoryStore(memory ?? new SharedArrayBuffer(0), blockBytes);
    this.#owners = new Int32Array(buffers.owners);
    this.#generations = new Int32Array(buffers.generations);
    this.#pins = new Int32Array(buffers.pins);
    this.#exposed = new Int32Array(buffers.exposed);
    this.#holders = new Int32Array(buffers.holders);
    this.#starved = new Int32Array(buffers.starved);
  }

  /** Takes a free block, low ones first because their pages are warm; undefined when none is free. */
  take(): number | undefined {
    const from = this.#lowest;
    for (let tried = 0; tried < this.blocks; tried++) {
      const block = (from + tried) % this.blocks;
      if (!this.#tryTake(block)) continue;
      this.#lowest = (block + 1) % this.blocks;
      return block;
    }
    return undefined;
  }

  #tryTake(block: number): boolean {
    if (Atomics.compareExchange(this.#owners, block, 0, this.#worker + 1) !== 0) return false;
    if (this.isPinned(block)) {
      Atomics.store(this.#owners, block, 0);
      return false;
    }
    if (Atomics.load(this.#exposed, block) === 0 || this.store.renew(block)) {
      Atomics.store(this.#exposed, block, 0);
      return true;
    }
    Atomics.store(this.#owners, block, 0);
    return false;
  }

  /** A share without blocks got none: a share that needs its own less shall give some back. */
  starve(): void {
    Atomics.store(this.#starved, 0, 1);
  }

  /** Whether a share starved since this was asked last, by whomever. */
  takeStarved(): boolean {
    return Atomics.exchange(this.#starved, 0, 0) !== 0;
  }

  giveBack(block: number): void {
    Atomics.add(this.#generations, block, 1);
    Atomics.store(this.#owners, block, 0);
    this.#lowest = Math.min(this.#lowest, block);
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

  /** Copies bytes of a block into `target`, as many as fit there. */
  read(block: number, offset: number, target: Uint8Array): void {
    this.store.read(block, offset, target);
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

  /**
   * Makes a block ours that another worker gives us with its content. All that was told of it stays
   * true. @returns false when the other does not have it any more
   */
  adopt(block: number, generation: number, from: number): boolean {
    if (this.generation(block) !== generation) return false;
    const [theirs, ours] = [from + 1, this.#worker + 1];
    if (Atomics.compareExchange(this.#owners, block, theirs, ours) !== theirs) return false;
    if (this.generation(block) === generation) return true;
    // Between the two looks it was given back, and taken again by the same worker.
    Atomics.compareExchange(this.#owners, block, ours, theirs);
    return false;
  }

  /** Whether a block is ours, and still holds what it did. */
  holds(block: number, generation: number): boolean {
    const ours = Atomics.load(this.#owners, block) === this.#worker + 1;
    return ours && this.generation(block) === generation;
  }

  /** Blocks without an owner. */
  get free(): number {
    let free = 0;
    for (let block = 0; block < this.blocks; block++) {
      if (Atomics.load(this.#owners, block) === 0) free++;
    }
    return free;
  }

  /** Whether late readers alone hold so many blocks that they should copy the bytes that they need. */
  get isHeldUp(): boolean {
    let held = 0;
    for (let block = 0; block < this.blocks; block++) {
      if (Atomics.load(this.#owners, block) === 0 && this.isPinned(block)) held++;
    }
    return held > this.blocks / HELD_UP_PART;
  }

  /** Whether so few blocks are left that unused ones should go back. */
  get isShort(): boolean {
    let free = 0;
    for (let block = 0; block < this.blocks; block++) {
      if (Atomics.load(this.#owners, block) === 0 && !this.isPinned(block)) free++;
    }
    return free < this.blocks / SHORT_PART;
  }

  /** Whether so many blocks are free that some may hold what nobody may ever need. */
  get hasRoomToSpare(): boolean {
    return this.free > this.blocks / SPARE_PART;
  }

  /** A share begins to want blocks, with its weight, or ceases to, with the same below 0. */
  countHolder(weight: number): void {
    Atomics.add(this.#holders, this.#worker, weight);
  }

  /** Blocks that a share may hold now; all that want some have a right to them by weight. */
  fairShare(weight = WHOLE_WEIGHT): number {
    return Math.min(this.#partOfAll(weight), this.#partOfChannel(weight));
  }

  /** Whether it could hold more if its channel might. */
  isCapped(weight: number): boolean {
    return this.#partOfChannel(weight) < this.#partOfAll(weight);
  }

  #partOfChannel(weight: number): number {
    return Math.max(1, Math.floor((this.channelBlocks * weight) / WHOLE_WEIGHT));
  }

  #partOfAll(weight: number): number {
    let holders = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      holders += Atomics.load(this.#holders, worker);
    }
    return Math.max(1, Math.floor((this.blocks * weight) / Math.max(weight, holders)));
  }

  /** Whether a reader needs this block; then it can't be taken. */
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
    // At the same time another may adopt it: one of the two has it.
    const held = Atomics.compareExchange(owners, block, worker + 1, RECLAIMING);
    if (held === worker + 1) pool.giveBack(block);
  }
  Atomics.store(new Int32Array(buffers.holders), worker, 0);
  for (const descriptor of noteDescriptors(buffers, worker, [0, 0])) {
    if (descriptor !== 0) closeSync(descriptor);
  }
}

export function heldBlocks({ owners }: PoolBuffers): number {
  return new Int32Array(owners).reduce((held, owner) => held + (owner === 0 ? 0 : 1), 0);
}

/** Says what to close when this worker dies. @returns what was said before */
export function noteDescriptors(
  { descriptors }: PoolBuffers,
  worker: number,
  those: readonly [Descriptor, Descriptor],
): Descriptor[] {
  const noted = new Int32Array(descriptors);
  return those.map((each, at) => Atomics.exchange(noted, worker * DESCRIPTORS + at, each));
}
