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
import { setTimeout as sleep } from "node:timers/promises";

const [DEVICE, INODE, SIZE, TIME, TOUCHED] = [0, 1, 2, 3, 4] as const;
const FIELDS = 5;

/**
 * The clock of a file system stands still between two ticks, so a ctime tells nothing of a change in
 * its own tick. Linux ticks 100 times a second at least; this is twice as long.
 */
const TICK_NS = 20_000_000n;
/** FAT counts in steps of two seconds; others that have whole seconds only, in steps of one. */
const COARSE_TICK_NS = 2_000_000_000n;
const SECOND_NS = 1_000_000_000n;
const MS_NS = 1_000_000n;

/**
 * `same`: it is the file that was found. `unsure`: its ctime is another, so its content has to say
 * whether it is. `other`: its size or its mtime changed.
 */
export type Likeness = "same" | "unsure" | "other";

export class Identities {
  #all = new BigUint64Array(16 * FIELDS);
  #count = 0;
  /** When the tick of the youngest file is over; ns since 1970. */
  #settled = 0n;

  add(stat: BigIntStats): void {
    const at = this.#count++ * FIELDS;
    if (at === this.#all.length) {
      const grown = new BigUint64Array(2 * at);
      grown.set(this.#all);
      this.#all = grown;
    }
    this.#all.set(fieldsOf(stat), at);
    const end = stat.ctimeNs + tickOf(stat);
    if (end > this.#settled && isYoung(stat)) this.#settled = end;
  }

  /** Waits until every later change of a file gives it another ctime: COARSE_TICK_NS at most. */
  async settle(): Promise<void> {
    const left = Number((this.#settled - now()) / MS_NS) + 1;
    if (this.#settled > 0n && left > 0) await sleep(left);
  }

  /**
   * Its content proved to be what it was: from here on it is known by what it is now. One that was
   * touched in this tick stays unsure.
   */
  adopt(index: number, stat: BigIntStats): void {
    if (isYoung(stat)) return;
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

function now(): bigint {
  return BigInt(Date.now()) * MS_NS;
}

function tickOf({ ctimeNs }: BigIntStats): bigint {
  return ctimeNs % SECOND_NS === 0n ? COARSE_TICK_NS : TICK_NS;
}

/** A server's clock may be ahead of ours; its ticks are not to be known then. */
function isYoung(stat: BigIntStats): boolean {
  const age = now() - stat.ctimeNs;
  return age < tickOf(stat) && age > -tickOf(stat);
}

/** Bun gives numbers of 2^63 and more as negative ones, and times before 1970 are negative. */
function fieldsOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): bigint[] {
  return [dev, ino, size, mtimeNs, ctimeNs].map((value) => BigInt.asUintN(64, value));
}
