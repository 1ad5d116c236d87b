/**
 * The identity of each of many files: how it was found, 40 bytes for each.
 *
 * Only the system sets a ctime, so a file with the same size, mtime and ctime is the one that it was.
 * An inode's number tells nothing of that: overlays count their layers in its upper bits, so it may
 * change with each mount, and FUSE file systems such as sshfs and exfat make numbers up anew while
 * they are mounted. Anybody can set a mtime back (`touch -r`), and a ctime changes with the mode and
 * the links too: then only the content says more.
 */
import type { BigIntStats } from "node:fs";

const [DEVICE, INODE, SIZE, TIME, TOUCHED] = [0, 1, 2, 3, 4] as const;
const FIELDS = 5;

/**
 * `same`: it is the file that was found. `unsure`: its ctime is another, so its content has to say
 * whether it is. `other`: its size or its mtime changed.
 */
export type Likeness = "same" | "unsure" | "other";

export class Identities {
  #all = new BigUint64Array(16 * FIELDS);
  #count = 0;

  add(stat: BigIntStats): void {
    const at = this.#count++ * FIELDS;
    if (at === this.#all.length) {
      const grown = new BigUint64Array(2 * at);
      grown.set(this.#all);
      this.#all = grown;
    }
    this.#all.set(fieldsOf(stat), at);
  }

  /** Its content proved to be what it was: from here on it is known by what it is now. */
  adopt(index: number, stat: BigIntStats): void {
    this.#all.set(fieldsOf(stat), index * FIELDS);
  }

  /** Compares file `index` with how it was found. */
  compare(index: number, stat: BigIntStats): Likeness {
    const now = fieldsOf(stat);
    const same = (field: number): boolean => this.#all[index * FIELDS + field] === now[field];
    if (!same(SIZE) || !same(TIME)) return "other";
    return same(TOUCHED) ? "same" : "unsure";
  }

  /** Whether it is that very file, whatever was written to it since. */
  isSameInode(index: number, stat: BigIntStats): boolean {
    const now = fieldsOf(stat);
    const at = index * FIELDS;
    return this.#all[at + INODE] === now[INODE] && this.#all[at + DEVICE] === now[DEVICE];
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

/** Bun gives numbers of 2^63 and more as negative ones, and times before 1970 are negative. */
function fieldsOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): bigint[] {
  return [dev, ino, size, mtimeNs, ctimeNs].map((value) => BigInt.asUintN(64, value));
}
