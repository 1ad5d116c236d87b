/** Files by their descriptors: opened with care, and read and written as a whole. */
import { closeSync, constants, fstatSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FaultError } from "../protocol/faults.ts";
import type { HeldFolder } from "./held-folder.ts";

/** Opens a regular file of this user for reading and writing, and nothing else that has its name. */
export function openOwn(folder: HeldFolder, name: string): number {
  const fd = folder.open(name, constants.O_RDWR);
  const stat = fstatSync(fd);
  if (stat.isFile() && isOurs(stat.uid)) return fd;
  closeSync(fd);
  throw new FaultError("write-failed", `${join(folder.path, name)} is no file of yours`);
}

export function isOurs(uid: number): boolean {
  return process.geteuid === undefined || process.geteuid() === uid;
}

/** Goes on after short writes. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    const count = writeSync(fd, bytes, done, bytes.length - done, position + done);
    if (count === 0) throw new FaultError("write-failed", "nothing more is taken");
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
  view.setUint32(4, Bun.hash.crc32(bytes));
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
  if (view.getUint32(4) !== Bun.hash.crc32(bytes)) throw new Error("checksum");
  return bytes;
}
