/**
 * A directory that is held while a share is written into it. On Linux every path below it goes
 * through the open descriptor, so that the directory stays the same one even when its path is
 * renamed or becomes a symlink meanwhile; elsewhere the path itself is all there is.
 */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  statfsSync,
  statSync,
  type BigIntStatsFs,
} from "node:fs";
import { join } from "node:path";
import { FaultError } from "../protocol/faults.ts";
import type { DiskUse } from "./disk-need.ts";

/** Of Linux's libc; Bun has no word for it. */
type Syncfs = (fd: number) => number;

let syncfs: Promise<Syncfs | undefined> | undefined;

async function findSyncfs(): Promise<Syncfs | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const { dlopen } = await import("bun:ffi");
    return dlopen("libc.so.6", { syncfs: { args: ["i32"], returns: "i32" } }).symbols.syncfs;
  } catch {
    return undefined; // another libc, or none that can be loaded
  }
}

export class Folder {
  /** The path as it was given, for messages. */
  readonly path: string;
  readonly dev: bigint;
  readonly #fd: number;

  /** @throws FaultError "bad-destination" when it is no directory that can be written to. */
  constructor(path: string) {
    checkDestination(path);
    this.path = path;
    try {
      this.#fd = openSync(path, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0));
      this.dev = fstatSync(this.#fd, { bigint: true }).dev;
    } catch (cause) {
      throw new FaultError("bad-destination", path, { cause });
    }
  }

  /** Where `name` is for the system; never for people. */
  at(...name: string[]): string {
    return join(process.platform === "linux" ? `/proc/self/fd/${this.#fd}` : this.path, ...name);
  }

  /** Makes the entries of the directory last through a power cut, where the file system can. */
  sync(): void {
    try {
      fsyncSync(this.#fd);
    } catch (error) {
      if (errorCode(error) !== "EINVAL") throw diskFault(error, this.path);
    }
  }

  /**
   * Brings everything on the file system to the disk: for very many files far less than one by one.
   * It takes the thread meanwhile. @returns whether it could
   */
  async syncAll(): Promise<boolean> {
    syncfs ??= findSyncfs();
    return (await syncfs)?.(this.#fd) === 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** @throws FaultError "bad-destination" unless `dir` is an existing directory that can be written to. */
export function checkDestination(dir: string): void {
  try {
    if (statSync(dir).isDirectory()) {
      accessSync(dir, constants.W_OK | constants.X_OK);
      return;
    }
  } catch (cause) {
    throw new FaultError("bad-destination", dir, { cause });
  }
  throw new FaultError("bad-destination", dir);
}

/** Network file systems and ZFS name the size of a transfer as their block, and pack small files. */
const BLOCK_BYTES_MOST = 4096;

/** What a folder takes there, and in which steps files grow. @throws FaultError "bad-destination" */
export function blockBytes(dir: string): number {
  return Math.min(Number(statOf(dir).bsize), BLOCK_BYTES_MOST);
}

/**
 * Refuses early what cannot fit. It reserves nothing: writing may still run out of space.
 * @throws FaultError "disk-full" when fewer bytes or inodes are free for this user in `dir`.
 */
export function checkSpace(dir: string, { bytes, inodes }: DiskUse): void {
  const { blocks, bavail, bsize, ffree } = statOf(dir);
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

function statOf(dir: string): BigIntStatsFs {
  try {
    return statfsSync(dir, { bigint: true });
  } catch (cause) {
    throw new FaultError("bad-destination", dir, { cause });
  }
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** The fault for an error that the system gave while writing to `path`. */
export function diskFault(error: unknown, path: string): FaultError {
  if (error instanceof FaultError) return error;
  const code = errorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT";
  const why = code === "EFBIG" ? "too large for this file system" : (code ?? String(error));
  return new FaultError(full ? "disk-full" : "write-failed", full ? path : `${path} (${why})`, {
    cause: error,
  });
}
