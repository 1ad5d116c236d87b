/** Whether two files hold the same bytes. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { COMPARE_BYTES } from "../protocol/limits.ts";

/**
 * Reads both in steps, so that a line to the relay is seen to meanwhile. False also for what is no
 * regular file or can't be read.
 */
export async function sameContent(one: string, other: string): Promise<boolean> {
  const fds: number[] = [];
  try {
    for (const path of [one, other]) {
      fds.push(openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    }
    const [a = -1, b = -1] = fds;
    const [first, second] = [fstatSync(a), fstatSync(b)];
    if (!first.isFile() || !second.isFile() || first.size !== second.size) return false;
    const [left, right] = [new Uint8Array(COMPARE_BYTES), new Uint8Array(COMPARE_BYTES)];
    for (let at = 0; at < first.size; at += COMPARE_BYTES) {
      const length = Math.min(COMPARE_BYTES, first.size - at);
      if (readSync(a, left, 0, length, at) !== length) return false;
      if (readSync(b, right, 0, length, at) !== length) return false;
      if (Buffer.compare(left.subarray(0, length), right.subarray(0, length)) !== 0) return false;
      await new Promise(setImmediate);
    }
    return true;
  } catch {
    return false;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
