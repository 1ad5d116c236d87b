/** Pools to test logs in: in memory and in a real file. */
import { closeSync } from "node:fs";
import type { RecordLog, RecordReader } from "../../../relay/log/block-log.ts";
import { Native } from "../../../relay/system/native.ts";
import { BlockPool, createPool, type PoolBuffers } from "../../../relay/log/block-pool.ts";
import { MESSAGE_HEAD_BYTES, TRIED_BYTES, createLogFile } from "../../../relay/log/store.ts";
import { seededBytes, temporaryFolder } from "../disk.ts";

/** A pool with the hands of its workers on it. */
export interface Room extends Disposable {
  readonly buffers: PoolBuffers;
  readonly pools: BlockPool[];
  /** The first worker's. */
  readonly pool: BlockPool;
}

export interface RoomSize {
  readonly blocks: number;
  readonly blockBytes: number;
  readonly workers?: number;
}

export type MakeRoom = (size: RoomSize) => Room;

/** Whether this machine can send from a file without a copy. */
export const hasNative: boolean = (() => {
  using room = fileRoom({ blocks: 1, blockBytes: 1 });
  const native = Native.open();
  try {
    return native?.works(room.buffers.file ?? -1, TRIED_BYTES) ?? false;
  } finally {
    native?.dispose();
  }
})();

/** Every kind of room there is. */
export const rooms: [string, MakeRoom][] = [
  ["memory", memoryRoom],
  ["a file", (size) => fileRoom(size)],
];
if (hasNative) rooms.push(["a file that the kernel sends from", nativeRoom]);

export function memoryRoom({ blocks, blockBytes, workers = 1 }: RoomSize): Room {
  const buffers = createPool(blocks, workers, blockBytes);
  return roomOf(buffers, new DisposableStack());
}

export function fileRoom(size: RoomSize, native?: Native): Room {
  const { blocks, blockBytes, workers = 1 } = size;
  using folder = temporaryFolder();
  const held = new DisposableStack();
  const file = held.adopt(createLogFile(folder.path, blocks), closeSync);
  return roomOf(createPool(blocks, workers, blockBytes, file), held, native);
}

/** @throws Error where there is no `Native` */
export function nativeRoom(size: RoomSize): Room & { readonly native: Native } {
  const native = Native.open();
  if (native === undefined) throw new Error("not on this machine");
  const room = fileRoom(size, native);
  const dispose = (): void => {
    room[Symbol.dispose]();
    native.dispose();
  };
  return { ...room, native, [Symbol.dispose]: dispose };
}

function roomOf(buffers: PoolBuffers, held: DisposableStack, native?: Native): Room {
  const pools = Array.from(
    { length: buffers.workers },
    (_, worker) => new BlockPool(buffers, worker, native),
  );
  return { buffers, pools, pool: pools[0]!, [Symbol.dispose]: () => held.dispose() };
}

/** Bytes of a block that just holds so many frames, and as much again as fits no other. */
export function bytesFor(perBlock: number, frameBytes: number): number {
  return perBlock * (frameBytes + MESSAGE_HEAD_BYTES) + frameBytes - 1;
}

/** Other bytes for each record. */
export function frameOf(index: number, length: number): Uint8Array {
  return seededBytes(index, length);
}

/** Reserves a place for a record and puts it there; false: it was not kept. */
export function keep(log: RecordLog, index: number, frame: Uint8Array): boolean {
  return log.reserve(index) && log.put(index, frame) === "kept";
}

/** A copy of what the log has of a record. */
export function read(pool: BlockPool, log: RecordReader, index: number): Uint8Array | undefined {
  const place = log.open(index);
  if (place === undefined) return undefined;
  const bytes = pool.view(place.block, place.offset, place.length).slice();
  log.close(place);
  return bytes;
}

/** Blocks that can be taken now, each at once; they are given back. */
export function freeBlocks(pool: BlockPool): number {
  const taken: number[] = [];
  for (let block = pool.take(); block !== undefined; block = pool.take()) taken.push(block);
  for (const block of taken) pool.giveBack(block);
  return taken.length;
}
