/**
 * Times as a file system can show them. exFAT and FAT count in steps of 2 s, ext4 with small inodes in
 * seconds; and each has a first and a last time, which all others become. A new file tells: it is
 * given the time, and what it shows then is what a received file shows too.
 */
import { closeSync, constants, fstatSync, futimesSync } from "node:fs";

import type { HeldFolder, Spot } from "../system/held-folder.ts";
import { removeTemporary, temporaryName } from "../system/shown-owner.ts";

const MS_NS = 1_000_000n;
/** The coarsest step of a common file system, FAT's. A difference above it means another time. ns */
const COARSEST_NS = 2_000n * MS_NS;

export class ShownTimes implements Disposable {
  /** The new file on each device, undefined where none can be made. */
  readonly #tried = new Map<bigint, { readonly spot: Spot; readonly fd: number } | undefined>();

  /**
   * Whether a file that shows `foundNs` may be one that was given `mtime`.
   * @param folder the file's, on the device `dev`
   */
  isThat(foundNs: bigint, mtime: number, folder: HeldFolder, dev: bigint): boolean {
    const meantNs = BigInt(mtime) * MS_NS;
    if (isWithin(foundNs - meantNs, MS_NS - 1n)) return true;
    if (!keepsTime(foundNs, mtime)) return false;
    const shown = this.#show(mtime, folder, dev);
    return shown !== undefined && isWithin(foundNs - shown, MS_NS - 1n);
  }

  [Symbol.dispose](): void {
    for (const one of this.#tried.values()) {
      if (one === undefined) continue;
      closeSync(one.fd);
      removeTemporary(one.spot.folder, one.spot.name);
      one.spot.folder.close();
    }
    this.#tried.clear();
  }

  #show(mtime: number, folder: HeldFolder, dev: bigint): bigint | undefined {
    if (!this.#tried.has(dev)) this.#tried.set(dev, makeFile(folder));
    const one = this.#tried.get(dev);
    if (one === undefined) return undefined;
    try {
      futimesSync(one.fd, new Date(mtime), new Date(mtime));
      return fstatSync(one.fd, { bigint: true }).mtimeNs;
    } catch {
      return undefined; // it takes no times at all
    }
  }
}

/**
 * Whether what a file shows is the time that it was given, but for the file system's steps. If not,
 * many times show as one, and only contents tell files apart.
 */
export function keepsTime(shownNs: bigint, mtime: number): boolean {
  return isWithin(shownNs - BigInt(mtime) * MS_NS, COARSEST_NS);
}

function isWithin(apart: bigint, most: bigint): boolean {
  return apart >= -most && apart <= most;
}

function makeFile(folder: HeldFolder): { readonly spot: Spot; readonly fd: number } | undefined {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const name = temporaryName();
  let held: HeldFolder | undefined;
  try {
    held = folder.enter("");
    const fd = held.open(name, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    return { spot: { folder: held, name }, fd };
  } catch {
    held?.close();
    return undefined;
  }
}
