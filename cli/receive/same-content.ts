/** Compares two files byte by byte. */
import { closeSync, constants, fstatSync, readSync } from "node:fs";
import { COMPARE_BYTES } from "../../protocol/wire/limits.ts";
import type { Identity, Spot } from "../system/held-folder.ts";

/**
 * Reads both in steps, so that a line to the relay is seen to meanwhile.
 * @returns the other file, if both hold the same bytes; undefined also for what is no regular file
 * or can't be read. Something else may have its name by then.
 */
export async function sameContent(one: Spot, other: Spot): Promise<Identity | undefined> {
  const fds: number[] = [];
  try {
    for (const { folder, name } of [one, other]) {
      fds.push(folder.open(name, constants.O_RDONLY));
    }
    const [a = -1, b = -1] = fds;
    const [first, second] = [fstatSync(a, { bigint: true }), fstatSync(b, { bigint: true })];
    if (!first.isFile() || !second.isFile() || first.size !== second.size) return undefined;
    const [left, right] = [new Uint8Array(COMPARE_BYTES), new Uint8Array(COMPARE_BYTES)];
    const size = Number(first.size);
    for (let at = 0; at < size; at += COMPARE_BYTES) {
      const length = Math.min(COMPARE_BYTES, size - at);
      if (readSync(a, left, 0, length, at) !== length) return undefined;
      if (readSync(b, right, 0, length, at) !== length) return undefined;
      if (Buffer.compare(left.subarray(0, length), right.subarray(0, length)) !== 0)
        return undefined;
      await new Promise(setImmediate);
    }
    return second;
  } catch {
    return undefined;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
