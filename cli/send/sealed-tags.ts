import { equalBytes } from "../../protocol/wire/bytes.ts";

/** Of AES-GCM. */
export const TAG_BYTES = 16;

/**
 * The tag of each record that was sealed: a hash of all of it under a key that nobody else has. One
 * key and nonce must never meet two plaintexts (HOSTILE E8), so no record leaves with another tag
 * than it had. 16 bytes for each record of the share, RECORD_INDEX of them at most: 16 MiB for a TiB.
 */
export class SealedTags {
  #tags: Uint8Array;

  /** @param before those of an earlier run, as `KeptSend` has them */
  constructor(before: Uint8Array = new Uint8Array()) {
    this.#tags = before;
  }

  has(index: number): boolean {
    return this.#at(index).some((byte) => byte !== 0);
  }

  isSame(index: number, tag: Uint8Array): boolean {
    return equalBytes(this.#at(index), tag);
  }

  set(index: number, tag: Uint8Array): void {
    const end = (index + 1) * TAG_BYTES;
    if (end > this.#tags.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#tags.length));
      grown.set(this.#tags);
      this.#tags = grown;
    }
    this.#tags.set(tag, index * TAG_BYTES);
  }

  #at(index: number): Uint8Array {
    return this.#tags.subarray(index * TAG_BYTES, (index + 1) * TAG_BYTES);
  }
}
