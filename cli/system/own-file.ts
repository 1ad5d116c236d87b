/** Files by their descriptors: opened with care, and read and written as a whole. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { FaultError } from "../../protocol/wire/faults.ts";
import { OWNER_EXECUTE, OWNER_READ, PERMISSIONS } from "../../protocol/content/file-marks.ts";
import { errorCode, tolerate } from "./system-error.ts";
import { HeldFolder } from "./held-folder.ts";
import { crc32 } from "./runtime.ts";

/** Opens a regular file of this user for reading and writing, and nothing else that has its name. */
export function openOwn(
  folder: HeldFolder,
  name: string,
  flags: number = constants.O_RDWR,
): number {
  const fd = folder.open(name, flags);
  const stat = fstatSync(fd);
  if (stat.isFile() && folder.isOurs(stat.uid)) return fd;
  closeSync(fd);
  throw new FaultError("write-failed", `${join(folder.path, name)} belongs to another user`);
}

/** Whether an entry with that owner is this user's. @param folder on the same mount, not held yet */
export function isOursIn(folder: string, uid: number): boolean {
  if (process.geteuid === undefined || process.geteuid() === uid) return true;
  using held = HeldFolder.hold(folder);
  return held.isOurs(uid);
}

/** Goes on after short writes. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    const count = writeSync(fd, bytes, done, bytes.length - done, position + done);
    if (count === 0) throw new FaultError("write-failed", "the file takes no more data");
    done += count;
  }
}

export function readFully(fd: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, position + done);
    if (count === 0) throw new Error("cut off");
    done += count;
  }
  return bytes;
}

export function lengthAndSum(bytes: Uint8Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, bytes.length);
  view.setUint32(4, crc32(bytes));
  return new Uint8Array(view.buffer);
}

/** The bytes at `position` whose length and checksum are at `prefix`. */
export function readSummed(
  fd: number,
  prefix: number,
  position: number,
  maxBytes: number,
): Uint8Array {
  const view = new DataView(readFully(fd, prefix, 8).buffer);
  const length = view.getUint32(0);
  if (length > maxBytes) throw new Error("length");
  const bytes = readFully(fd, position, length);
  if (view.getUint32(4) !== crc32(bytes)) throw new Error("checksum");
  return bytes;
}

/** Errors of a file system that has no sync. All others say that the disk did not take the data. */
const NO_SYNC = new Set(["EINVAL", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "EPERM", "EACCES"]);

/** Until it is on the disk, where the file system can. @param how fsync or fdatasync */
export async function syncFile(
  fd: number,
  how: (fd: number, done: (error: Error | null) => void) => void,
): Promise<void> {
  try {
    await promisify(how)(fd);
  } catch (error) {
    if (!NO_SYNC.has(errorCode(error) ?? "")) throw error;
  }
}

/** @returns whether it has that length now; a file system may be unable to cut */
export function cutTo(fd: number, length: number): boolean {
  return tolerate(() => {
    if (fstatSync(fd).size !== length) ftruncateSync(fd, length);
  });
}

/** No transfer fails for its time: what the file system cannot hold is left as it is. */
export function setTime(fd: number, mtimeMs: number): void {
  // A Date, as Bun takes negative numbers for the present.
  tolerate(() => futimesSync(fd, new Date(mtimeMs), new Date(mtimeMs)));
}

/** Nor for its mode. */
export function setMode(fd: number, mode: number): void {
  tolerate(() => fchmodSync(fd, mode));
}

/**
 * The mode with which a file is made that will have that of the manifest: never wider than it is in
 * the end, save that its owner may write meanwhile. The system takes away what the umask or the
 * defaults of the folder forbid, as only it knows them.
 */
export function modeWhileComing(mode: number): number {
  return mode & OWNER_READ ? mode | 0o600 : 0o666 | (mode & OWNER_EXECUTE);
}

/** Once it is whole. */
export function setFinalMode(fd: number, mode: number): void {
  const readOnly = (mode & 0o600) === OWNER_READ;
  if (readOnly) setMode(fd, fstatSync(fd).mode & PERMISSIONS & ~0o200);
}
