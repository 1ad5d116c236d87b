/**
 * The destination of a share: the folder, held while the share is written into it, and the state of its disk: block
 * size, free bytes and inodes. A folder is made if it is missing, but none above it. The receive driver and the partials
 * call this; `held-folder.ts` has the operations inside a folder.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  rmdirSync,
  statfsSync,
  type BigIntStatsFs,
} from "node:fs";
import { dirname } from "node:path";

import { FaultError } from "../../protocol/wire/faults.ts";
import type { DiskUse } from "./disk-need.ts";
import { diskFault, errorCode, reasonOf } from "./system-error.ts";
import { isBun } from "./runtime.ts";
import { HeldFolder, isSame, swapped, type HoldOptions } from "./held-folder.ts";

/** Of Linux's libc; Bun has no word for it. */
type Syncfs = (fd: number) => number;

let syncfs: Promise<Syncfs | undefined> | undefined;

async function findSyncfs(): Promise<Syncfs | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    if (!isBun) return undefined;
    const { dlopen } = await import("bun:ffi");
    return dlopen("libc.so.6", { syncfs: { args: ["i32"], returns: "i32" } }).symbols.syncfs;
  } catch {
    return undefined; // another libc, or none that can be loaded
  }
}

/** The destination of a share. */
export class Folder extends HeldFolder {
  /** @throws FaultError "bad-destination" when it is no directory that can be written to. */
  constructor(path: string, at: string = path, options: HoldOptions = {}) {
    try {
      super(path, at, "link-followed", options);
    } catch (cause) {
      throw new FaultError("bad-destination", `${path} (${reasonOf(cause)})`, { cause });
    }
    try {
      accessSync(this.at(), constants.W_OK | constants.X_OK);
    } catch (cause) {
      this.close();
      throw new FaultError("bad-destination", `${path} (${reasonOf(cause)})`, { cause });
    }
  }

  /** Holds the folder once more, whatever its path leads to by now. */
  holdAgain(): Folder {
    const { at, ...options } = this.again;
    const again = new Folder(this.path, at, options);
    if (isSame(again.stat, this.stat)) return again;
    again.close();
    throw swapped(this.path);
  }

  override sync(): void {
    try {
      super.sync();
    } catch (error) {
      throw diskFault(error, this.path);
    }
  }

  /**
   * Brings everything on the file system to the disk: for very many files far less than one by one.
   * It takes the thread meanwhile. @returns whether it could
   */
  async syncAll(): Promise<boolean> {
    if (this.descriptor === undefined) return false;
    syncfs ??= findSyncfs();
    return (await syncfs)?.(this.descriptor) === 0;
  }
}

/**
 * Makes the folder if it is not there, but none above it: a path of which more is missing is mistyped.
 * @returns whether it was made
 * @throws FaultError "bad-destination" unless it is a directory that can be written to
 */
export function makeDestination(dir: string): boolean {
  const made = makeFolder(dir);
  new Folder(dir).close();
  return made;
}

/** Takes back what `makeDestination` made, if nothing came that was kept. */
export function removeEmptyDestination(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // There is something in it, or it is gone.
  }
}

function makeFolder(dir: string): boolean {
  // Asked first: some file systems refuse to make even what is there.
  if (existsSync(dir)) return false;
  try {
    mkdirSync(dir);
    return true;
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "EEXIST") return false; // also where something else has that name
    const above = dirname(dir);
    const whys: Readonly<Record<string, string>> = {
      // Nor can anything be made in /proc and its like.
      ENOENT: existsSync(above) ? `nothing can be made in ${above}` : `${above} is missing`,
      ENOTDIR: `${above} is no folder`,
    };
    const why = whys[code ?? ""] ?? reasonOf(cause);
    throw new FaultError("bad-destination", `${dir} (${why})`, { cause });
  }
}

/** Network file systems and ZFS name the size of a transfer as their block, and pack small files. */
const BLOCK_BYTES_MOST = 4096;

/** The bytes of a folder, and the step in which files grow. @throws FaultError "bad-destination" */
export function blockBytes(folder: string | Folder): number {
  return Math.min(Number(statOf(folder).bsize) || BLOCK_BYTES_MOST, BLOCK_BYTES_MOST);
}

/**
 * Refuses early what cannot fit. It reserves nothing: writing may still run out of space.
 * @throws FaultError "disk-full" when fewer bytes or inodes are free for this user in `folder`.
 */
export function checkSpace(folder: string | Folder, { bytes, inodes }: DiskUse): void {
  const dir = pathOf(folder);
  const { blocks, bavail, bsize, ffree } = statOf(folder);
  const free = bavail * bsize;
  // A file system without a size of its own says nothing.
  if (blocks !== 0n && BigInt(bytes) > free) {
    throw new FaultError("disk-full", `${bytes} bytes are needed in ${dir}, ${free} are free`);
  }
  // Many file systems make inodes as they are needed, and say 0.
  if (ffree !== 0n && BigInt(inodes) > ffree) {
    const needed = `${inodes} files and folders are made in ${dir}`;
    throw new FaultError("disk-full", `${needed}, and it has room for ${ffree} more`);
  }
}

function pathOf(folder: string | Folder): string {
  return typeof folder === "string" ? folder : folder.path;
}

type DiskSize = Pick<BigIntStatsFs, "blocks" | "bavail" | "bsize" | "ffree">;

function statOf(folder: string | Folder): DiskSize {
  try {
    const at = typeof folder === "string" ? folder : folder.at();
    return statfsSync(at, { bigint: true });
  } catch (cause) {
    if (!GONE.has(errorCode(cause) ?? "")) return NOTHING_SAID;
    throw new FaultError("bad-destination", pathOf(folder), { cause });
  }
}

/** Errors of statfs(2) for a path that leads to no folder. All others come from the file system. */
const GONE = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);
/** As of a file system without a size of its own. */
const NOTHING_SAID = { blocks: 0n, bavail: 0n, bsize: 0n, ffree: 0n };
