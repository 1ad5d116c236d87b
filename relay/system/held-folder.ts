/**
 * A folder that is held open while files in it are made and replaced. Another user who may rename
 * above it can put a link under its name; what is done here still reaches the folder that was opened.
 * Without /proc (other systems) the path is compared with the folder before each call.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type BigIntStats,
} from "node:fs";
import { join } from "node:path";

const HAS_PROC = process.platform === "linux" && existsSync("/proc/self/fd");

/**
 * For a folder in which this process may make files, and which it may not list: O_PATH of open(2), on
 * x86-64 and on ARM. The descriptor is good for `at` and for nothing else.
 */
export const UNLISTED = HAS_PROC ? 0o10000000 : 0;

export class HeldFolder implements Disposable {
  readonly descriptor: number;
  /** Device, inode, owner and mode. */
  readonly stat: BigIntStats;
  readonly #path: string;

  /** @param flags beside those that a folder needs. @throws what the file system throws */
  constructor(path: string, flags = 0) {
    this.#path = path;
    this.descriptor = openSync(path, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | flags);
    this.stat = fstatSync(this.descriptor, { bigint: true });
  }

  /** Where an entry is for the system, for one call that follows at once; never for people. */
  at(name: string): string {
    if (HAS_PROC) return `/proc/self/fd/${this.descriptor}/${name}`;
    const { dev, ino } = statSync(this.#path, { bigint: true });
    if (dev === this.stat.dev && ino === this.stat.ino) return join(this.#path, name);
    throw Object.assign(new Error(`${this.#path} is another folder by now`), { code: "ESTALE" });
  }

  /** Whether no link is on the way to it, where the system can tell. */
  get isReal(): boolean {
    if (!HAS_PROC) return true;
    return readlinkSync(`/proc/self/fd/${this.descriptor}`) === this.#path;
  }

  /** The entry with that name; a link is not followed. Undefined: there is none. */
  look(name: string): BigIntStats | undefined {
    return lstatSync(this.at(name), { bigint: true, throwIfNoEntry: false });
  }

  /**
   * Puts a text in its place in one step: a reader sees the old one or the new one. It is written
   * beside it under a name that cannot be foreseen, for this user alone.
   * @param prepare told the new file before it is written
   * @throws what the file system throws; the file is as it was then
   */
  replace(name: string, text: string, prepare: (file: number) => void = () => undefined): void {
    const beside = `.${name}.${randomBytes(8).toString("hex")}`;
    const file = openSync(this.at(beside), "wx", 0o600);
    try {
      try {
        prepare(file);
        writeFileSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(this.at(beside), this.at(name));
    } catch (error) {
      rmSync(this.at(beside), { force: true });
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}
