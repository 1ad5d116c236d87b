/**
 * Content that costs nothing to make and little to check: a pseudo-random block whose length is a prime,
 * over and over. Any piece is compared with memcmp at its own offset, so a drop, a swap, a shift or a
 * changed byte is found: two places are alike only if their distance is a multiple of the prime, and no
 * record, packet or block of a file has such a length. The block is small, so that it stays in a core's
 * cache while hundreds of receivers compare; one of 4 MiB cost the load a fifth of its time.
 */

import { open } from "node:fs/promises";

/** bytes after which the content repeats: the first prime above 256 KiB */
export const PATTERN_BYTES = 262_147;
/** bytes, the longest piece that `at` gives */
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
  // One length of the pattern at once: only its first two lengths of the block are read, and stay cached.
  for (let done = 0; done < bytes.length; done += PATTERN_BYTES) {
    const end = Math.min(done + PATTERN_BYTES, bytes.length);
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
  for (let end = PATTERN_BYTES; end < bytes.length; end += PATTERN_BYTES) {
    bytes.copy(bytes, end, 0, PATTERN_BYTES);
  }
  return bytes;
}
