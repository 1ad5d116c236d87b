/**
 * Content that costs nothing to make and little to check: a pseudo-random block whose length is a
 * multiple of no power of two, over and over. Any piece is compared with memcmp at its own offset, so
 * a drop, a swap, a shift or a changed byte is found.
 */

import { open } from "node:fs/promises";

/** bytes after which the content repeats */
export const PATTERN_BYTES = 4 * 1024 * 1024 + 4099;
/** bytes, the longest piece that `at` gives and `matches` takes in one go */
export const PIECE_BYTES = 2 * 1024 * 1024;

const block = makeBlock();

/** `length` bytes of the content from `offset` on: a view, not to be written to. */
export function at(offset: number, length: number): Buffer {
  if (length > PIECE_BYTES) throw new RangeError(`a piece of ${length} bytes`);
  const start = offset % PATTERN_BYTES;
  return block.subarray(start, start + length);
}

/** Whether `bytes` are those of the content from `offset` on. */
export function matches(bytes: Uint8Array, offset: number): boolean {
  for (let done = 0; done < bytes.length; done += PIECE_BYTES) {
    const end = Math.min(done + PIECE_BYTES, bytes.length);
    const start = (offset + done) % PATTERN_BYTES;
    if (block.compare(bytes, done, end, start, start + end - done) !== 0) return false;
  }
  return true;
}

/** Makes a file of the first `size` bytes of the content, in place of one that is there. */
export async function writePattern(path: string, size: number): Promise<void> {
  // Bun's own writer leaves what is longer in a file that was there.
  const file = await open(path, "w");
  try {
    for (let offset = 0; offset < size; offset += PIECE_BYTES) {
      await file.writeFile(at(offset, Math.min(PIECE_BYTES, size - offset)));
    }
  } finally {
    await file.close();
  }
}

function makeBlock(): Buffer {
  const bytes = Buffer.allocUnsafe(PATTERN_BYTES + PIECE_BYTES);
  const words = new Uint32Array(Math.ceil(PATTERN_BYTES / 4));
  // xorshift32: Marsaglia, "Xorshift RNGs", 2003.
  let state = 0x9e3779b9;
  for (let word = 0; word < words.length; word++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[word] = state;
  }
  bytes.set(new Uint8Array(words.buffer, 0, PATTERN_BYTES));
  bytes.copy(bytes, PATTERN_BYTES, 0, PIECE_BYTES);
  return bytes;
}
