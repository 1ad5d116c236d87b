import type { BigIntStats } from "node:fs";

const FIELDS = 5;

/** What makes each of many files the one that it was: 40 bytes for each. */
export class Identities {
  #all = new BigUint64Array(16 * FIELDS);
  #count = 0;

  add({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): void {
    const at = this.#count++ * FIELDS;
    if (at === this.#all.length) {
      const grown = new BigUint64Array(2 * at);
      grown.set(this.#all);
      this.#all = grown;
    }
    // Times before 1970 are negative.
    this.#all.set([dev, ino, size, BigInt.asUintN(64, mtimeNs), BigInt.asUintN(64, ctimeNs)], at);
  }

  /** Whether file `index` is what it was when it was added; links to it and its mode may be others. */
  isSame(index: number, { dev, ino, size, mtimeNs }: BigIntStats): boolean {
    const at = index * FIELDS;
    return (
      this.#all[at] === dev &&
      this.#all[at + 1] === ino &&
      this.#all[at + 2] === size &&
      this.#all[at + 3] === BigInt.asUintN(64, mtimeNs)
    );
  }

  /** Of each: inode, size, mtime and ctime in ns. */
  stamps(): BigUint64Array {
    const stamps = new BigUint64Array(this.#count * (FIELDS - 1));
    for (let file = 0; file < this.#count; file++) {
      const at = file * FIELDS;
      stamps.set(this.#all.subarray(at + 1, at + FIELDS), file * (FIELDS - 1));
    }
    return stamps;
  }
}
