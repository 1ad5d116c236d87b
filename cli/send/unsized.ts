/**
 * Files whose size stat(2) does not tell: those of procfs and sysfs, which are made up while they are
 * read, and some of FUSE. Such a file is read to its end when it is found, and these bytes are
 * sent: the next read may give something else. A file without an end is refused by its name before
 * anything is offered.
 */
import { closeSync, read, readSync, statfsSync, type BigIntStats } from "node:fs";

import { FaultError } from "../../protocol/wire/faults.ts";

import { errorCode, reasonOf } from "../system/system-error.ts";

/**
 * Bytes that a sender reads, before its offer, of files whose size the system does not tell; it
 * sends them from memory.
 */
const UNSIZED_BYTES = 64 * 1024 ** 2;
/**
 * How long a sender reads such a file; files of the kernel may wait for something to happen for
 * ever.
 */
export const UNSIZED_MS = 5000;

/** By their magic of statfs(2): what stat says of sizes there means nothing. */
const MADE_UP: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0x62656570, // configfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0xcafe4a11, // bpf
  0xf97cff8c, // selinuxfs
  0x42494e4d, // binfmt_misc
  0x6165676c, // pstore
  0x65735543, // fusectl
  0x7655821, // resctrl
]);
const FUSE = 0x65735546;
/** The size that file systems give which have to give one. */
const SAID_BYTES = 4096n;
/** To find out whether a file ends where it was said to, and little for a large one. */
const CHUNK_BYTES = 64 * 1024;

/** Reads what is of unknown size, UNSIZED_BYTES at most for one share. */
export class Unsized {
  #left = UNSIZED_BYTES;
  /** A read goes on for ever, and keeps one of the few threads that read. */
  isStuck = false;
  /** The kind of file system by device: there are few devices and many files. */
  readonly #kinds = new Map<bigint, number>();

  /** Whether its size is no more than something to say. @param at where it is for the system */
  isDoubtful({ dev, size, blocks }: BigIntStats, at: string): boolean {
    const kind = this.#kindOf(dev, at);
    if (size === 0n || MADE_UP.has(kind)) return true;
    return size === SAID_BYTES && (blocks === 0n || kind === FUSE);
  }

  /**
   * Reads a doubtful file.
   * @param fd opened without blocking; closed by this
   * @returns undefined when its size is true after all
   * @throws FaultError "endless-file", "unreadable-file"
   */
  read(
    local: string,
    fd: number,
    stat: BigIntStats,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const kind = this.#kinds.get(stat.dev) ?? 0;
    const waits = kind === FUSE || MADE_UP.has(kind);
    // There may be very many empty files.
    if (!waits && stat.size === 0n) return this.#readAtOnce(local, fd);
    return this.#readPatiently(local, fd).then((bytes) =>
      bytes.length === Number(stat.size) && !MADE_UP.has(kind) ? undefined : bytes,
    );
  }

  /** Of an empty file on a file system that holds what is written to it. */
  #readAtOnce(local: string, fd: number): undefined | Promise<Uint8Array | undefined> {
    try {
      if (readSync(fd, new Uint8Array(1), 0, 1, 0) === 0) {
        closeSync(fd);
        return undefined;
      }
    } catch (error) {
      closeSync(fd);
      throw faultOf(local, error);
    }
    return this.#readPatiently(local, fd);
  }

  /** Off the thread: some files of the kernel wait for something to happen. */
  async #readPatiently(local: string, fd: number): Promise<Uint8Array> {
    const until = performance.now() + UNSIZED_MS;
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const part = new Uint8Array(CHUNK_BYTES);
      const count = await readWithin(fd, part, length, until - performance.now()).catch(
        (error: unknown) => {
          closeSync(fd);
          throw faultOf(local, error);
        },
      );
      // Left open: a read that waits still has the descriptor.
      if (count === undefined) {
        this.isStuck = length === 0;
        const what = this.isStuck ? "nothing came for" : `it continues after ${length} bytes and`;
        throw endless(local, `${what} ${UNSIZED_MS / 1000} s`);
      }
      if (count === 0) break;
      parts.push(part.subarray(0, count));
      length += count;
      if (length <= this.#left) continue;
      closeSync(fd);
      throw endless(local, `it continues after ${length} bytes`);
    }
    closeSync(fd);
    this.#left -= length;
    return Buffer.concat(parts);
  }

  #kindOf(dev: bigint, at: string): number {
    const known = this.#kinds.get(dev);
    if (known !== undefined) return known;
    let kind = 0;
    try {
      kind = statfsSync(at).type;
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
    this.#kinds.set(dev, kind);
    return kind;
  }
}

/** Undefined: it took longer. */
function readWithin(
  fd: number,
  into: Uint8Array,
  position: number,
  ms: number,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), Math.max(ms, 0));
    read(fd, into, 0, into.length, position, (error, count) => {
      clearTimeout(timer);
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

function faultOf(local: string, error: unknown): FaultError {
  const code = errorCode(error);
  if (code === undefined) throw error;
  if (code === "EAGAIN") return endless(local, "it waits for something to happen");
  return new FaultError("unreadable-file", `${local} (${reasonOf(error)})`, { cause: error });
}

function endless(local: string, why: string): FaultError {
  return new FaultError("endless-file", `${local} (${why})`);
}
