/** Errors of the system as reasons for people, and the files of the kernel. */
import { readFileSync } from "node:fs";

import { FaultError } from "../../protocol/wire/faults.ts";

/** Reasons that a person can do something about, by the code of errno(3). */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  ENOENT: "it is not there, or was removed meanwhile",
  ENOTDIR: "a part of the path is no folder",
  EISDIR: "it is a folder",
  ELOOP: "links lead round in a circle",
  ENAMETOOLONG: "the name is too long",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "too large for this file system",
  EIO: "the disk or the network file system failed",
  ESTALE: "the network file system lost it",
  ENOTCONN: "the network file system is not connected",
  ETXTBSY: "a program that runs is in it",
  EBUSY: "something else uses it",
  EMFILE: "too many open files: raise the limit with ulimit -n",
  ENFILE: "too many open files on this machine: its administrator can raise fs.file-max",
  ENOMEM: "the system has no memory left",
};

/** The reason with its code, such as `permission denied, EACCES`; else the code, or the error's own words. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  const reason = REASONS[code];
  return reason === undefined ? code : `${reason}, ${code}`;
}

/** The code of an error of the system, such as `ENOENT`, or of a FaultError; undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** Does what the system may refuse. @returns whether it did not. @throws any error that is not the system's */
export function tolerate(step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

/** The text of a small file of the kernel, such as in /proc; undefined where there is none. */
export function kernelText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

/** The fault for an error that the system gave while writing to `path`. */
export function diskFault(error: unknown, path: string): FaultError {
  if (error instanceof FaultError) return error;
  const code = errorCode(error);
  const full = code === "ENOSPC" || code === "EDQUOT";
  const detail = full ? path : `${path} (${reasonOf(error)})`;
  return new FaultError(full ? "disk-full" : "write-failed", detail, { cause: error });
}
