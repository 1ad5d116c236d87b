/** The destination of a share, held while the share is written into it, and what its disk says. */
import { accessSync, constants, statfsSync } from "node:fs";
import { FaultError } from "../protocol/faults.ts";
import { HeldFolder, isSame, swapped, type HoldOptions } from "./held-folder.ts";

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

/** The destination of a share. */
export class Folder extends HeldFolder {
  /** @throws FaultError "bad-destination" when it is no directory that can be written to. */
  constructor(path: string, at: string = path, { byPath }: HoldOptions = {}) {
    try {
      super(path, at, "link-followed", byPath);
    } catch (cause) {
      throw new FaultError("bad-destination", path, { cause });
    }
    try {
      accessSync(this.at(), constants.W_OK | constants.X_OK);
    } catch (cause) {
      this.close();
      throw new FaultError("bad-destination", path, { cause });
    }
  }

  /** Holds the folder once more, whatever its path leads to by now. */
  holdAgain(): Folder {
    const { at, byPath } = this.again;
    const again = new Folder(this.path, at, { byPath });
    if (isSame(again.stat, this.stat)) return again;
    again.close();
    throw swapped(this.path);
  }

  /** Makes the entries of the directory last through a power cut, where the file system can. */
  override sync(): void {
    try {
      super.sync();
    } catch (error) {
      if (errorCode(error) !== "EINVAL") throw diskFault(error, this.path);
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

/** @throws FaultError "bad-destination" unless `dir` is an existing directory that can be written to. */
export function checkDestination(dir: string): void {
  new Folder(dir).close();
}

/**
 * Refuses early what cannot fit. It reserves nothing: writing may still run out of space.
 * @throws FaultError "disk-full" when fewer than `bytes` are free for this user in `folder`.
 */
export function checkSpace(folder: string | Folder, bytes: number): void {
  const dir = typeof folder === "string" ? folder : folder.path;
  let free: bigint;
  try {
    const at = typeof folder === "string" ? folder : folder.at();
    const { blocks, bavail, bsize } = statfsSync(at, { bigint: true });
    if (blocks === 0n) return; // a file system without a size of its own says nothing
    free = bavail * bsize;
  } catch (cause) {
    throw new FaultError("bad-destination", dir, { cause });
  }
  if (BigInt(bytes) > free) {
    throw new FaultError("disk-full", `${bytes} bytes are needed in ${dir}, ${free} are free`);
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
