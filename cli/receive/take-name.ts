/**
 * Gives data a name that is free, or that of a file which it replaces. link(2) and rename(2) do each in
 * one step; mounts of FUSE, SMB and others lack one or the other, and have many words for it. So after
 * any error of theirs the next way is tried, and what is whole stays where it was until one succeeds:
 *
 *     link                    the name is taken only if it is free
 *     empty file, rename      the empty file keeps the name, and is replaced
 *     rename                  where renaming replaces nothing; a file that another program makes between
 *                             the last look and this step would be replaced elsewhere
 *     copy, then all of these for data on another file system, or out of reach of its renames
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  readSync,
  type BigIntStats,
  type linkSync,
} from "node:fs";

import { FaultError } from "../../protocol/wire/faults.ts";

import { errorCode } from "../system/system-error.ts";
import { lstatOf, type Spot } from "../system/held-folder.ts";
import { removeTemporary, temporaryName } from "../system/shown-owner.ts";
import { setMode, setTime, syncFile, writeFully } from "../system/own-file.ts";

/** Bytes of two files that --checksum compares in one turn. */
export const COMPARE_BYTES = 1024 ** 2;

export interface Taking {
  /** Where the whole data is. */
  readonly data: Spot;
  /** The data itself, as it is now. */
  readonly staged: BigIntStats;
  readonly target: Spot;
  /** Told the inode that is about to have the name, and that of the empty file which keeps it free. */
  readonly note?: (ino: bigint, placeholder?: bigint) => void;
  readonly link?: typeof linkSync | undefined;
}

/**
 * Takes a name that must be free; the data may have its old name too afterwards.
 * @returns what has the name now; undefined when something else has it
 * @throws what the file system throws; the data is where it was
 */
export async function takeName(taking: Taking): Promise<BigIntStats | undefined> {
  let failed: unknown;
  try {
    return takeAtOnce(taking);
  } catch (error) {
    failed = error;
    if (!isWorthCopying(taking.data, error)) throw error;
  }
  const { target, link, note } = taking;
  const { spot, copied } = await copyBeside(taking, failed);
  try {
    note?.(copied.ino);
    const copying = { data: spot, staged: copied, target, ...(note ? { note } : {}), link };
    return takeAtOnce(copying);
  } catch {
    throw failed;
  } finally {
    removeTemporary(spot.folder, spot.name);
  }
}

/**
 * Takes the name of a file, whether one has it or not.
 * @returns what has the name now. @throws what the file system throws; then all is as it was
 */
export async function replaceFile(taking: Taking): Promise<BigIntStats> {
  const { data, staged, target } = taking;
  let failed: unknown;
  try {
    data.folder.move(data.name, target.folder, target.name);
    return staged;
  } catch (error) {
    if (hasArrived(taking)) return staged;
    failed = error;
    if (!isWorthCopying(data, error)) throw error;
  }
  const aside = { folder: target.folder, name: temporaryName() };
  const before = lstatOf(target);
  if (before?.isFile() === false) throw failed;
  if (before !== undefined) target.folder.move(target.name, aside.folder, aside.name);
  let taken: BigIntStats | undefined;
  try {
    taken = await takeName(taking);
    if (taken === undefined) throw failed; // another program was quicker
    return taken;
  } finally {
    if (taken !== undefined) removeTemporary(aside.folder, aside.name);
    else if (lstatOf(target) === undefined && before !== undefined)
      target.folder.move(aside.name, target.folder, target.name);
  }
}

function takeAtOnce(taking: Taking): BigIntStats | undefined {
  const { data, staged, target, link } = taking;
  try {
    data.folder.link(data.name, target.folder, target.name, link);
    return staged;
  } catch (error) {
    if (error instanceof FaultError) throw error;
    // A network file system may have done what it says has failed, or is asked twice.
    if (hasArrived(taking)) return staged;
    if (errorCode(error) === "EEXIST") return undefined;
  }
  return takeByRename(taking);
}

function takeByRename(taking: Taking): BigIntStats | undefined {
  const { data, staged, target, note } = taking;
  const empty = makeEmpty(target);
  if (empty === "taken") return undefined;
  try {
    note?.(staged.ino, empty.ino);
    // Another may have it by now: what is there is not ours to replace.
    if (!target.folder.isOne(lstatOf(target), empty)) return undefined;
    data.folder.move(data.name, target.folder, target.name);
    return staged;
  } catch (error) {
    if (hasArrived(taking)) return staged;
    if (target.folder.isOne(lstatOf(target), empty)) target.folder.remove(target.name);
    if (error instanceof FaultError || !isThere(data)) throw error;
  }
  // Some rename onto nothing that is there, not even an empty file.
  if (lstatOf(target) !== undefined) return undefined;
  data.folder.move(data.name, target.folder, target.name);
  return staged;
}

/** An empty file that keeps the name for us. */
function makeEmpty({ folder, name }: Spot): BigIntStats | "taken" {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  let fd: number;
  try {
    fd = folder.open(name, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  } catch (error) {
    if (errorCode(error) === "EEXIST") return "taken";
    throw error;
  }
  try {
    return fstatSync(fd, { bigint: true });
  } finally {
    closeSync(fd);
  }
}

/** Whether the data has its new name, although the file system said that it failed. */
function hasArrived({ target, staged }: Taking): boolean {
  const there = lstatOf(target);
  // The inode of data that has gone may be that of the empty file by now.
  const isAlike = there?.size === staged.size && there.mtimeNs === staged.mtimeNs;
  return isAlike && target.folder.isOne(there, staged);
}

function isThere(data: Spot): boolean {
  return lstatOf(data) !== undefined;
}

/** Errors for which a copy would fail too. */
const NO_COPY = new Set(["ENOSPC", "EDQUOT", "EROFS", "EACCES", "ENAMETOOLONG", "EILSEQ"]);

function isWorthCopying(data: Spot, error: unknown): boolean {
  if (error instanceof FaultError || errorCode(error) === undefined) return false;
  return isThere(data) && !NO_COPY.has(errorCode(error) ?? "");
}

/** The data once more, beside its goal, with its mode and time; its name says that it is partial. */
async function copyBeside(
  { data, staged, target }: Taking,
  failed: unknown,
): Promise<{ readonly spot: Spot; readonly copied: BigIntStats }> {
  const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = constants;
  const spot = { folder: target.folder, name: temporaryName() };
  const from = data.folder.open(data.name, O_RDONLY);
  let to: number | undefined;
  try {
    to = spot.folder.open(spot.name, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    await copyAll(from, to, Number(staged.size));
    setMode(to, Number(staged.mode) & 0o777);
    setTime(to, Number(staged.mtimeNs / 1_000_000n));
    await syncFile(to, fsync);
    return { spot, copied: fstatSync(to, { bigint: true }) };
  } catch {
    if (to !== undefined) removeTemporary(spot.folder, spot.name);
    throw failed;
  } finally {
    closeSync(from);
    if (to !== undefined) closeSync(to);
  }
}

/** In steps, so that a line to the relay is seen to meanwhile. */
async function copyAll(from: number, to: number, size: number): Promise<void> {
  const bytes = new Uint8Array(COMPARE_BYTES);
  for (let at = 0; at < size;) {
    const length = readSync(from, bytes, 0, Math.min(COMPARE_BYTES, size - at), at);
    if (length === 0) throw new FaultError("write-failed", "another program changed the data");
    writeFully(to, bytes.subarray(0, length), at);
    at += length;
    await new Promise(setImmediate);
  }
}
