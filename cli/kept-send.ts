/**
 * What is kept of a send that is not through, so that it can offer the same share again after its
 * process was killed. A folder below `sends`, whose name says whose it is, as with partials: one
 * rename claims it, and of two processes that want it only one finds the old name still there.
 *
 *     <share>                              free
 *     <share>.<pid>-<machine>-<start>      a running process has it
 *         entry.json   what `list` shows, the code and the proof; written last
 *         head         the share's plaintext before the files' bytes
 *         stamps       STAMP_FIELDS numbers of 8 bytes for each entry of the manifest
 *         done         the ids, 16 bytes each, of receivers that have everything
 *         tags         16 bytes for each record that was sent: its AES-GCM tag
 *         run.json     whether all of that is on the disk, else during which run of the system
 *
 * One key and nonce must never meet two plaintexts (HOSTILE E8). So a record's tag is written
 * before the record leaves, and a record with another tag than the one before never leaves. The
 * tag is a hash of the whole record under a key that nobody else has, and costs nothing more.
 */
import {
  appendFileSync,
  closeSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import type { Code } from "../protocol/code.ts";
import { FaultError } from "../protocol/faults.ts";
import { RECEIVER_BYTES } from "../protocol/keys.ts";
import {
  MANIFEST_BYTES,
  MANIFEST_FILES,
  RECEIVERS_PER_SHARE,
  SENDS_KEPT,
} from "../protocol/limits.ts";
import { MANIFEST_LENGTH_BYTES } from "../protocol/manifest.ts";
import { errorCode } from "./folder.ts";
import { openOwn, writeFully } from "./own-file.ts";
import { bootId } from "./owner.ts";
import { isFree, ownedName, shareOf, TAGS } from "./send-folder.ts";
import {
  againEntry,
  codeEntry,
  dropOldest,
  readEntry,
  stateFolder,
  statePath,
  writeEntry,
  type Again,
} from "./state.ts";

/** Of AES-GCM. */
export const TAG_BYTES = 16;
/** inode, size, mtime and ctime in ns: what tells that a file is the one that it was. */
export const STAMP_FIELDS = 4;

export interface SendEntry {
  /** Share id in hex. */
  readonly share: string;
  /** In hex. Whoever has it may open the share. */
  readonly proof: string;
  readonly code: Code;
  /** WebSocket address, path included. */
  readonly relay: string;
  /** What is sent and how it is chosen; the same command has the same. */
  readonly what: string;
  readonly again: Again;
  /** As receivers see it. */
  readonly name: string;
  readonly bytes: number;
  readonly records: number;
}

/** What decides whether the files are still the same. */
export interface Content {
  readonly head: Uint8Array;
  readonly stamps: BigUint64Array;
}

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hex = (bytes: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`)));
export const sendEntry = v.object({
  share: hex(16),
  proof: hex(32),
  code: codeEntry,
  relay: v.string(),
  what: v.string(),
  again: againEntry,
  name: v.string(),
  bytes: whole,
  records: whole,
});
const runEntry = v.object({ boot: v.nullable(v.string()), stored: v.boolean() });

export const ENTRY = "entry.json";
const HEAD = "head";
const STAMPS = "stamps";
const DONE = "done";
const RUN = "run.json";

export class KeptSend {
  readonly entry: SendEntry;
  #path: string;
  readonly #tags: number;
  #open = true;

  private constructor(entry: SendEntry, path: string, tags: number) {
    this.entry = entry;
    this.#path = path;
    this.#tags = tags;
  }

  /** Keeps a new share, of which nothing may have left yet. @throws what the file system throws */
  static create(entry: SendEntry, { head, stamps }: Content): KeptSend {
    const folder = stateFolder("sends");
    dropOldest(folder, SENDS_KEPT - 1, (name) => isFree(folder, name));
    const path = join(folder, ownedName(entry.share));
    mkdirSync(path, { mode: 0o700 });
    try {
      const options = { mode: 0o600, flag: "wx" } as const;
      writeFileSync(join(path, HEAD), head, options);
      writeFileSync(join(path, STAMPS), bytesOf(stamps), options);
      writeFileSync(join(path, TAGS), "", options);
      writeFileSync(join(path, DONE), "", options);
      writeEntry(join(path, RUN), { boot: bootId() ?? null, stored: false });
      writeEntry(join(path, ENTRY), entry);
      return new KeptSend(entry, path, openOwn(join(path, TAGS)));
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Takes one over that nobody has.
   * @returns undefined when somebody else has it, or not all that left is known any more
   */
  static claim(name: string): KeptSend | undefined {
    const folder = statePath("sends");
    if (!isFree(folder, name)) return undefined;
    const path = join(folder, ownedName(shareOf(name)));
    try {
      renameSync(join(folder, name), path);
    } catch {
      return undefined; // another was faster
    }
    const entry = readEntry(join(path, ENTRY), sendEntry);
    const run = readEntry(join(path, RUN), runEntry);
    const boot = bootId() ?? null;
    // After the system broke down, what was written last may be missing.
    const complete = run !== undefined && (run.stored || (boot !== null && run.boot === boot));
    if (entry?.share !== shareOf(name) || !complete) {
      rmSync(path, { recursive: true, force: true });
      return undefined;
    }
    try {
      writeEntry(join(path, RUN), { boot, stored: false });
      sync(join(path, RUN));
      sync(path);
      return new KeptSend(entry, path, openOwn(join(path, TAGS)));
    } catch {
      return undefined; // it can't be gone on with as long as nothing can be written
    }
  }

  /** What was sent, as it was then. @throws what the file system throws */
  content(): Content {
    const stamps = readBounded(join(this.#path, STAMPS), 8 * STAMP_FIELDS * MANIFEST_FILES);
    return {
      head: readBounded(join(this.#path, HEAD), MANIFEST_BYTES + MANIFEST_LENGTH_BYTES),
      stamps: new BigUint64Array(stamps.slice().buffer),
    };
  }

  /** The files are the same, and have these stamps now. @throws what the file system throws */
  restamp(stamps: BigUint64Array): void {
    writeFileSync(join(this.#path, STAMPS), bytesOf(stamps), { mode: 0o600 });
  }

  /** No record from this one on was ever sent. */
  get end(): number {
    return Math.ceil(fstatSync(this.#tags).size / TAG_BYTES);
  }

  /** Whether record `index` may have left before. */
  has(index: number): boolean {
    return this.#tag(index).some((byte) => byte !== 0);
  }

  /**
   * To be called before a record leaves.
   * @returns false when it was sent with other bytes before: then it must not leave
   * @throws what the file system throws: then it must not leave either, unless this is forgotten
   */
  note(index: number, tag: Uint8Array): boolean {
    const before = this.#tag(index);
    if (before.every((byte) => byte === 0)) {
      writeFully(this.#tags, tag, index * TAG_BYTES);
      return true;
    }
    return before.every((byte, i) => byte === tag[i]);
  }

  /** Receivers whose receipts verified. @throws what the file system throws */
  get done(): Uint8Array[] {
    const ids = readBounded(join(this.#path, DONE), RECEIVER_BYTES * RECEIVERS_PER_SHARE);
    // What is cut off was never written whole.
    return Array.from({ length: Math.floor(ids.length / RECEIVER_BYTES) }, (_, at) =>
      ids.slice(at * RECEIVER_BYTES, (at + 1) * RECEIVER_BYTES),
    );
  }

  /** A receiver has everything, and is not waited for again. @throws what the file system throws */
  noteDone(receiver: Uint8Array): void {
    appendFileSync(join(this.#path, DONE), receiver);
  }

  /** Shows other machines, which can't look for this process, that it lives. Each KEEPALIVE_MS. */
  touch(): void {
    const now = new Date();
    try {
      futimesSync(this.#tags, now, now);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
  }

  /** Lets go of it, for who runs the command again: brought to the disk, it outlasts all. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#tags);
    const free = join(statePath("sends"), this.entry.share);
    try {
      for (const name of [HEAD, STAMPS, TAGS, DONE, ENTRY]) sync(join(this.#path, name));
      sync(this.#path);
      writeEntry(join(this.#path, RUN), { boot: bootId() ?? null, stored: true });
      sync(join(this.#path, RUN));
      sync(this.#path);
      renameSync(this.#path, free);
    } catch (error) {
      // It was removed meanwhile, or is this process's until that is gone.
      if (errorCode(error) === undefined) throw error;
    }
  }

  /** The share is over, or can't be gone on with. @throws what the file system throws */
  forget(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#tags);
    rmSync(this.#path, { recursive: true, force: true });
  }

  #tag(index: number): Uint8Array {
    const tag = new Uint8Array(TAG_BYTES);
    // What is cut off was never written whole, so its record never left.
    const length = readSync(this.#tags, tag, 0, TAG_BYTES, index * TAG_BYTES);
    return length === TAG_BYTES ? tag : tag.fill(0);
  }
}

function bytesOf(stamps: BigUint64Array): Uint8Array {
  return new Uint8Array(stamps.buffer, stamps.byteOffset, stamps.byteLength);
}

function readBounded(path: string, most: number): Uint8Array {
  const { size } = statSync(path);
  if (size > most) throw new FaultError("internal", `${path} is too long`);
  return readFileSync(path);
}

function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
