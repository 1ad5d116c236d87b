/**
 * The memory of the log's blocks: one file that all threads have open, or shared memory where there
 * is none. It writes frames with the head of their WebSocket message, so that the kernel can send
 * both at once. `BlockPool` owns a store; `createLogFile` makes the file.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { FRAME_BYTES } from "../../protocol/mod.ts";

import { HeldFolder, UNLISTED } from "../system/held-folder.ts";
import type { Native } from "../system/native.ts";
import type { Descriptor } from "../system/connections.ts";

/**
 * Before each frame in the log there is room for the head of its WebSocket message (RFC 6455, 5.2:
 * 2, 4 or 10 bytes), so that the kernel sends both in one go. bytes
 */
export const MESSAGE_HEAD_BYTES = 10;

export type Forgetting = Pick<Native, "forget">;

/** The bytes of the log's blocks, wherever they lie. */
export interface BlockStore {
  /** Copies a frame in; false: the disk has no room for it. */
  write(block: number, offset: number, frame: Uint8Array): boolean;
  /** Bytes of a block, not copied. */
  view(block: number, offset: number, length: number): Uint8Array;
  /** Copies bytes of a block into `target`, as many as fit there. */
  read(block: number, offset: number, target: Uint8Array): void;
  /**
   * The block will be written anew, and what the kernel still sends of it must stay as it was; false:
   * it would not, and the block can't be used.
   */
  renew(block: number): boolean;
}

/** In memory that all threads share: for simulations, and the model of the other one. */
export class MemoryStore implements BlockStore {
  readonly #data: SharedArrayBuffer;
  readonly #blockBytes: number;

  constructor(data: SharedArrayBuffer, blockBytes: number) {
    this.#data = data;
    this.#blockBytes = blockBytes;
  }

  write(block: number, offset: number, frame: Uint8Array): boolean {
    this.view(block, offset, frame.length).set(frame);
    return true;
  }

  view(block: number, offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#data, block * this.#blockBytes + offset, length);
  }

  read(block: number, offset: number, target: Uint8Array): void {
    target.set(this.view(block, offset, target.length));
  }

  renew(): boolean {
    // Each reader has copied before it returns.
    return true;
  }
}

/**
 * From the beginning of one block to the next in the file, twice what is written there: the kernel
 * keeps large writes in large pieces at round places, and `renew` must find only whole ones. Holes take
 * no space. bytes
 */
const STRIDE_BYTES = 2 * FRAME_BYTES;
/** The first frame of a block starts here, its head just before. bytes */
const FIRST_FRAME = FRAME_BYTES;

/** Where a frame lies in the file, its message's head included. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** In one file that every thread has open. Written with calls that fail where a mapping would kill. */
export class FileStore implements BlockStore {
  readonly file: Descriptor;
  /** Undefined: it sends nothing from here. */
  readonly #kernel: Forgetting | undefined;
  readonly #head = Buffer.alloc(MESSAGE_HEAD_BYTES);
  readonly #mmap: (path: string) => Uint8Array;
  #map: Uint8Array | "impossible" | undefined;

  constructor(
    file: Descriptor,
    kernel: Forgetting | undefined,
    mmap = (path: string): Uint8Array => Bun.mmap(path, { shared: true }),
  ) {
    this.file = file;
    this.#kernel = kernel;
    this.#mmap = mmap;
  }

  write(block: number, offset: number, frame: Uint8Array): boolean {
    const at = frameAt(block, offset);
    const head = this.headOf(frame.length);
    try {
      return (
        writeSync(this.file, head, 0, head.length, at - head.length) === head.length &&
        writeSync(this.file, frame, 0, frame.length, at) === frame.length
      );
    } catch {
      // A full disk, a quota, a broken one: the record is not here, and its sender is told.
      return false;
    }
  }

  view(block: number, offset: number, length: number): Uint8Array {
    this.#map ??= this.#mapped();
    const at = frameAt(block, offset);
    if (this.#map !== "impossible") return this.#map.subarray(at, at + length);
    const copy = new Uint8Array(length);
    this.read(block, offset, copy);
    return copy;
  }

  /** By path, because Bun maps nothing else; only where frames go out through Bun. Windows has no such path. */
  #mapped(): Uint8Array | "impossible" {
    try {
      return this.#mmap(`/dev/fd/${this.file}`);
    } catch {
      return "impossible";
    }
  }

  read(block: number, offset: number, target: Uint8Array): void {
    const at = frameAt(block, offset);
    for (let done = 0; done < target.length;) {
      const count = readSync(this.file, target, done, target.length - done, at + done);
      if (count === 0) throw new Error("the log's file ends early");
      done += count;
    }
  }

  renew(block: number): boolean {
    return this.#kernel?.forget(this.file, block * STRIDE_BYTES, STRIDE_BYTES) ?? true;
  }

  /** The part of the file that is a frame's message, head included. */
  extent(block: number, offset: number, length: number): Extent {
    const head = headBytes(length);
    return { offset: frameAt(block, offset) - head, length: head + length };
  }

  /** The head of an unmasked binary message, in a buffer that the next one reuses. */
  headOf(length: number): Buffer {
    const head = this.#head.subarray(0, headBytes(length));
    head[0] = 0x82;
    if (head.length === 2) {
      head[1] = length;
    } else if (head.length === 4) {
      head[1] = 126;
      head.writeUInt16BE(length, 2);
    } else {
      head[1] = 127;
      head.writeUInt32BE(0, 2);
      head.writeUInt32BE(length, 6);
    }
    return head;
  }
}

function headBytes(length: number): number {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : MESSAGE_HEAD_BYTES;
}

function frameAt(block: number, offset: number): number {
  return block * STRIDE_BYTES + FIRST_FRAME + offset;
}

/** The part of the file with which `Native.works` tries what is done with blocks. bytes */
export const TRIED_BYTES = STRIDE_BYTES;

const LOG_FOLDER = "fileshare-log-";
const LOG = "log";
/** Folders of logs that a relay on Windows looks at when it starts. */
const LEFT_MOST = 1000;

/**
 * Makes the log's file in `folder`: nobody else may open it, it has no name any more, and so nothing
 * of it is left however the process ends. Windows may keep the name until the process ends, and the
 * folder around it; the next relay there removes both.
 * @returns its descriptor, good in every thread
 */
export function createLogFile(
  folder: string,
  blocks: number,
  platform: NodeJS.Platform = process.platform,
  remove: (path: string) => void = unlinkSync,
): Descriptor {
  using above = new HeldFolder(folder, UNLISTED);
  if (platform === "win32") removeLeft(above);
  const made = mkdtempSync(above.at(LOG_FOLDER));
  try {
    // Where others may rename, a link or another folder may have its name by now.
    using own = new HeldFolder(made, constants.O_NOFOLLOW ?? 0);
    const file = openSync(own.at(LOG), "wx+", 0o600);
    try {
      removeOpen(() => remove(own.at(LOG)), platform);
      // Mounts may show another owner than this user, and then show it for both.
      if (fstatSync(file).uid !== Number(own.stat.uid)) {
        throw new Error(`${folder}: another user exchanged the folder of the log`);
      }
      ftruncateSync(file, blocks * STRIDE_BYTES);
      return file;
    } catch (error) {
      closeSync(file);
      throw error;
    }
  } finally {
    removeOpen(() => rmdirSync(made), platform);
  }
}

/** Removes what is open, or has an open file in it. */
function removeOpen(remove: () => void, platform: NodeJS.Platform): void {
  try {
    remove();
  } catch (error) {
    if (platform !== "win32") throw error;
  }
}

/** Logs of relays that have ended. One that a relay has open stays, or only loses its name. */
function removeLeft(above: HeldFolder): void {
  const left = readdirSync(above.at("")).filter((name) => name.startsWith(LOG_FOLDER));
  for (const name of left.slice(0, LEFT_MOST)) {
    for (const remove of [
      () => unlinkSync(join(above.at(name), LOG)),
      () => rmdirSync(above.at(name)),
    ]) {
      removeOpen(remove, "win32");
    }
  }
}
