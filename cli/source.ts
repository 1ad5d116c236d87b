/** The file that a sender shares, read record by record, in any order, again when asked. */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  statSync,
  type BigIntStats,
} from "node:fs";
import { basename, resolve } from "node:path";
import { FaultError } from "../protocol/faults.ts";
import { encodeManifest, OWNER_EXECUTE, type EncodedManifest } from "../protocol/manifest.ts";
import { senderName, type SafeName } from "../protocol/names.ts";
import { plainOffset, recordBytes, recordCount } from "../protocol/sizes.ts";
import { errorCode } from "./folder.ts";

/**
 * Opens a regular file; symlinks are followed, as the person named this path.
 * @throws FaultError "no-such-file", "is-folder", "not-a-file", "unreadable-file", or
 * "unsafe-name" for a name that receivers would refuse.
 */
export function openSource(path: string): Source {
  // Looked at first and opened without blocking: a FIFO would wait for a writer, a device may act.
  checkKind(
    path,
    attempt(path, () => statSync(path, { bigint: true })),
  );
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);
  const fd = attempt(path, () => openSync(path, flags));
  try {
    const stat = fstatSync(fd, { bigint: true });
    checkKind(path, stat);
    return new Source(path, fd, stat, senderName(basename(resolve(path))));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export class Source {
  readonly path: string;
  readonly name: SafeName;
  /** Bytes. */
  readonly size: number;
  readonly mtimeMs: number;
  /** OWNER_EXECUTE when its owner may execute it, else 0. */
  readonly mode: number;
  readonly #fd: number;
  readonly #opened: BigIntStats;
  #share: EncodedManifest | undefined;
  #buffer = new Uint8Array(0);
  #hashes = new BigUint64Array(0);

  /** Use `openSource`. */
  constructor(path: string, fd: number, stat: BigIntStats, name: SafeName) {
    this.path = path;
    this.name = name;
    this.size = Number(stat.size);
    this.mtimeMs = Number(stat.mtimeMs);
    this.mode = Number(stat.mode) & OWNER_EXECUTE;
    this.#fd = fd;
    this.#opened = stat;
  }

  /**
   * The manifest of a share of this file, with what `read` needs to cut records of `recordSize`
   * bytes of ciphertext. Once per source: a share id belongs to one content.
   */
  describe(share: Uint8Array, recordSize: number): EncodedManifest {
    if (this.#share !== undefined) throw new FaultError("internal", "a source described twice");
    const { name: path, size, mode, mtimeMs: mtime } = this;
    this.#share = encodeManifest({
      share,
      recordSize,
      files: [{ path, type: "file", size, mode, mtime }],
    });
    return this.#share;
  }

  /** By entry of the manifest: inode, size, mtime and ctime in ns, as it was opened. */
  stamps(): BigUint64Array {
    const { ino, size, mtimeNs, ctimeNs } = this.#opened;
    return BigUint64Array.of(ino, size, mtimeNs, ctimeNs);
  }

  /**
   * The plaintext of record `index`, in parts that follow one another. They are valid until the
   * next call, which uses the same buffer. What was read once is the same when read again, so
   * that no two plaintexts are ever encrypted under one key and nonce (HOSTILE E8).
   * @throws FaultError "source-changed" or "source-unreadable".
   */
  read(index: number): Uint8Array[] {
    if (this.#share === undefined) throw new FaultError("internal", "read before describe");
    const { manifest, head, plainBytes } = this.#share;
    if (
      !Number.isInteger(index) ||
      index < 0 ||
      index >= recordCount(plainBytes, manifest.recordSize)
    ) {
      throw new FaultError("internal", `no record ${index}`);
    }
    const start = plainOffset(index, manifest.recordSize);
    const end = start + recordBytes(index, plainBytes, manifest.recordSize);
    const parts: Uint8Array[] = [];
    if (start < head.length) parts.push(head.subarray(start, end));
    if (end > head.length) {
      const from = Math.max(start - head.length, 0);
      parts.push(this.#readFile(from, end - head.length - from));
    }
    this.#checkUnchanged();
    this.#checkSame(index, parts, manifest.records);
    return parts;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #readFile(position: number, length: number): Uint8Array {
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = this.#system(() =>
        readSync(this.#fd, this.#buffer, done, length - done, position + done),
      );
      if (count === 0) throw new FaultError("source-changed", this.path);
      done += count;
    }
    return this.#buffer.subarray(0, length);
  }

  #checkUnchanged(): void {
    const now = this.#system(() => fstatSync(this.#fd, { bigint: true }));
    const { size, mtimeNs, ino } = this.#opened;
    if (now.size !== size || now.mtimeNs !== mtimeNs || now.ino !== ino) {
      throw new FaultError("source-changed", this.path);
    }
  }

  /** Times can be set back and writes through a mapping show late; the bytes themselves cannot lie. */
  #checkSame(index: number, parts: Uint8Array[], records: number): void {
    let hash = 0n;
    for (const part of parts) hash = Bun.hash.xxHash3(part, hash);
    if (hash === 0n) hash = 1n; // 0 is: not read yet
    if (index >= this.#hashes.length) {
      const grown = new BigUint64Array(Math.min(records, Math.max(64, 2 * index)));
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    const before = this.#hashes[index];
    if (before !== 0n && before !== hash) throw new FaultError("source-changed", this.path);
    this.#hashes[index] = hash;
  }

  #system<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      throw new FaultError("source-unreadable", `${this.path} (${errorCode(cause)})`, { cause });
    }
  }
}

function checkKind(path: string, stat: BigIntStats): void {
  if (stat.isDirectory()) throw new FaultError("is-folder", path);
  if (!stat.isFile()) throw new FaultError("not-a-file", path);
}

function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    const code = errorCode(cause);
    const missing = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];
    if (missing.includes(code ?? "")) throw new FaultError("no-such-file", path, { cause });
    if (code === "ENXIO") throw new FaultError("not-a-file", path, { cause });
    throw new FaultError("unreadable-file", `${path} (${code})`, { cause });
  }
}
