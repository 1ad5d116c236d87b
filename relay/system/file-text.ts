/** Small files of the operator, which may be anything and may change at any time. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";

import { FaultError, type FaultCode } from "../../protocol/mod.ts";

import { isOutOfDescriptors } from "./guard.ts";

/**
 * A text that changes whenever a file is written or replaced, also through links, and also for a file
 * that can't be read. Watchers are of no use here: what renames a file into place leaves them
 * with the one from before.
 */
export function fingerprintOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    // To read it will say so too.
    return error instanceof Error && "code" in error ? String(error.code) : "none";
  }
}

/**
 * Reads a regular file. A pipe, or a file without an end, does not hold the relay up.
 * @param most bytes that it may have
 * @param at where it is for the system; `path` is for people
 * @returns its text, and its mode as stat(2) has it
 * @throws FaultError `code` when it can't be read
 */
export function readTextFile(
  path: string,
  most: number,
  code: FaultCode,
  at = path,
): { readonly text: string; readonly mode: number } {
  const { O_RDONLY, O_NONBLOCK } = constants;
  try {
    const file = openSync(at, O_RDONLY | (O_NONBLOCK ?? 0));
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw new FaultError(code, `${path} is no file`);
      const bytes = Buffer.alloc(most + 1);
      let length = 0;
      for (;;) {
        const count = readSync(file, bytes, length, bytes.length - length, length);
        length += count;
        if (count === 0 || length === bytes.length) break;
      }
      if (length > most) throw new FaultError(code, `${path} has more than ${most} bytes`);
      return { text: bytes.toString("utf8", 0, length), mode: stat.mode };
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof FaultError || !(cause instanceof Error) || !("code" in cause)) throw cause;
    if (isOutOfDescriptors(cause)) throw new FaultError("no-descriptors", path, { cause });
    const isMissing = cause.code === "ENOENT" || cause.code === "ENOTDIR";
    const what = isMissing
      ? `there is no ${path}`
      : `${path} can't be read (${String(cause.code)})`;
    throw new FaultError(code, what, { cause });
  }
}
