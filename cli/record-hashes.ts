/**
 * What every record was when it was first read, so that no two plaintexts are ever encrypted under
 * one key and nonce (HOSTILE E8). 8 bytes for each record.
 */
export class RecordHashes {
  #hashes = new BigUint64Array(64);

  /** Whether record `index` is what it was before, if it was read before. */
  isSame(index: number, parts: readonly Uint8Array[]): boolean {
    let hash = 0n;
    for (const part of parts) hash = Bun.hash.xxHash3(part, hash);
    if (hash === 0n) hash = 1n; // 0 is: not read yet
    if (index >= this.#hashes.length) {
      const grown = new BigUint64Array(Math.max(index + 1, 2 * this.#hashes.length));
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    const before = this.#hashes[index];
    if (before !== 0n && before !== hash) return false;
    this.#hashes[index] = hash;
    return true;
  }
}
