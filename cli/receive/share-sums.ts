/**
 * SHA-256 of the files of one share: counted while they are written, where they are written in one go, and
 * otherwise read where they lie in the end. `Incoming` makes it for --checksum-file, and `ChecksumFile`
 * asks it once all is in its place.
 */
import { createHash, type Hash } from "node:crypto";
import { closeSync, constants, fstatSync, read } from "node:fs";
import { promisify } from "node:util";

import { toHex } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import type { Manifest } from "../../protocol/content/manifest.ts";
import type { SafePath } from "../../protocol/content/names.ts";
import type { Unsound } from "../job/event-schema.ts";
import { Descent } from "../system/descent.ts";
import type { Folder } from "../system/folder.ts";
import { lstatOf, type Spot } from "../system/held-folder.ts";
import { errorCode } from "../system/system-error.ts";
import type { Checksum } from "./checksum-list.ts";
import { topsOf } from "./layout.ts";
import { finalName } from "./place.ts";

/** Files that are looked at in one turn; then the line to the relay has its turn. */
const FILES_IN_TURN = 256;
/** Bytes that are read and counted in one turn: a few ms of the thread. */
const READ_BYTES = 1024 ** 2;
const SUM_BYTES = 32;
/** In place of a size. */
const NOT_COUNTED = -1;

export interface ShareChecksums {
  readonly checksums: readonly Checksum[];
  /** Files of the share without a sum: they are not whole, not there, or cannot be read. */
  readonly unlisted: number;
}

export interface Listener {
  /** So many files are read now, as nothing counted them. */
  readonly reads: (files: number) => void;
  /** Whether the rest is given up. */
  readonly isStopped: () => boolean;
}

export class ShareSums implements Disposable {
  /** The destination, held until the list is there. */
  readonly folder: Folder;
  readonly #manifest: Manifest;
  readonly #prefix: string;
  /** The sum of each entry of the manifest, in bytes: there may be a million files. */
  readonly #sums: Uint8Array;
  /** The bytes that each sum is of. */
  readonly #sizes: Float64Array;
  #counting: { readonly entry: number; readonly hash: Hash; bytes: number } | undefined;
  /** The final names of outermost entries that this run placed. */
  readonly #names = new Map<string, string>();

  /** @param folder which this closes */
  constructor(folder: Folder, manifest: Manifest, prefix: string) {
    this.folder = folder;
    this.#manifest = manifest;
    this.#prefix = prefix;
    this.#sums = new Uint8Array(manifest.files.length * SUM_BYTES);
    this.#sizes = new Float64Array(manifest.files.length).fill(NOT_COUNTED);
  }

  /** Hashes bytes as they are written. A file with a gap, or begun in an earlier run, is read at the end. */
  written(entry: number, bytes: Uint8Array, position: number): void {
    if (position === 0) {
      this.#settle();
      this.#counting = { entry, hash: createHash("sha256"), bytes: 0 };
    }
    const counting = this.#counting;
    if (counting?.entry !== entry || counting.bytes !== position) {
      this.#counting = undefined;
      return;
    }
    counting.hash.update(bytes);
    counting.bytes += bytes.length;
  }

  /** The entry got no name for its bytes: another file has it. */
  dropped(entry: number): void {
    this.#settle();
    this.#sizes[entry] = NOT_COUNTED;
  }

  /** An outermost file or folder got its name. */
  named(top: string, as: string): void {
    this.#names.set(top, as);
  }

  /** The outermost names that the share has here. */
  get names(): string[] {
    return topsOf(this.#manifest).map(({ name }) => this.#nameOf(name));
  }

  /** @param unsound files that did not arrive whole. @throws what the file system throws */
  async all(unsound: readonly Unsound[], { reads, isStopped }: Listener): Promise<ShareChecksums> {
    this.#settle();
    const broken = new Set(unsound.map(({ path }) => path));
    const found: Checksum[] = [];
    const unread: { readonly at: number; readonly path: string }[] = [];
    let unlisted = 0;
    using descent = new Descent(this.folder);
    for (const [entry, { path, type }] of this.#manifest.files.entries()) {
      if (entry % FILES_IN_TURN === FILES_IN_TURN - 1) await new Promise(setImmediate);
      if (type === "folder") continue;
      const here = this.#pathOf(path);
      const there = broken.has(path) ? undefined : lstatOf(placeOf(descent, here));
      if (there?.isFile() !== true) {
        unlisted++;
        continue;
      }
      const isCounted = BigInt(this.#sizes[entry]!) === there.size;
      const sum = isCounted ? toHex(this.#sumAt(entry)) : "";
      if (sum === "") unread.push({ at: found.length, path: here });
      found.push({ path: here, sum });
    }
    if (unread.length > 0) reads(unread.length);
    for (const { at, path } of unread) {
      if (isStopped()) throw new FaultError("interrupted");
      found[at] = { path, sum: (await sumOf(placeOf(descent, path), isStopped)) ?? "" };
    }
    const checksums = found.filter(({ sum }) => sum !== "");
    return { checksums, unlisted: unlisted + found.length - checksums.length };
  }

  [Symbol.dispose](): void {
    this.folder.close();
  }

  #settle(): void {
    if (this.#counting === undefined) return;
    const { entry, hash, bytes } = this.#counting;
    this.#counting = undefined;
    const { size } = this.#manifest.files[entry]!;
    if (!this.#manifest.open && bytes !== size) return;
    this.#sumAt(entry).set(hash.digest());
    this.#sizes[entry] = bytes;
  }

  #sumAt(entry: number): Uint8Array {
    return this.#sums.subarray(entry * SUM_BYTES, (entry + 1) * SUM_BYTES);
  }

  #pathOf(path: string): string {
    const slash = path.indexOf("/");
    const top = slash === -1 ? path : path.slice(0, slash);
    return this.#nameOf(top) + path.slice(top.length);
  }

  #nameOf(top: string): string {
    const known = this.#names.get(top);
    if (known !== undefined) return known;
    const name = finalName(top as SafePath, this.#prefix, this.folder);
    this.#names.set(top, name);
    return name;
  }
}

/** Undefined also where a link or a file is in the way. */
function placeOf(descent: Descent, path: string): Spot | undefined {
  try {
    return descent.place(path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * Read off the thread, in steps, so that a line to the relay is seen to meanwhile.
 * @returns undefined for what is no regular file or cannot be read
 * @throws FaultError "interrupted"
 */
async function sumOf(
  spot: Spot | undefined,
  isStopped: () => boolean,
): Promise<string | undefined> {
  let fd: number | undefined;
  try {
    fd = spot?.folder.open(spot.name, constants.O_RDONLY);
    if (fd === undefined || !fstatSync(fd).isFile()) return undefined;
    const hash = createHash("sha256");
    const bytes = new Uint8Array(READ_BYTES);
    for (;;) {
      if (isStopped()) throw new FaultError("interrupted");
      const { bytesRead } = await promisify(read)(fd, bytes, 0, READ_BYTES, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(bytes.subarray(0, bytesRead));
    }
  } catch (error) {
    const isGivenUp = error instanceof FaultError && error.code === "interrupted";
    if (isGivenUp || errorCode(error) === undefined) throw error;
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
