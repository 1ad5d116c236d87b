/**
 * The kept state of a send that is not through, so that it can offer the same share again after its
 * process was killed. A folder below `sends`, whose name says whose it is, as with partials: one
 * rename claims it, and of two processes that want it only one finds the old name still there.
 *
 *     <share>                              free
 *     <share>.<pid>-<machine>-<start>      a running process has it
 *         entry.json   what `list` shows, the code and the proof; written when a relay took the share
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
import { closeSync, constants, fstatSync, futimesSync, readSync } from "node:fs";
import * as v from "valibot";

import type { Code } from "../../protocol/code/code.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { RECEIVER_BYTES } from "../../protocol/crypto/keys.ts";
import { MANIFEST_BYTES, MANIFEST_FILES, RECEIVERS_PER_SHARE } from "../../protocol/wire/limits.ts";
import { MANIFEST_LENGTH_BYTES } from "../../protocol/content/manifest.ts";
import { errorCode } from "../system/system-error.ts";
import { ROUTES, type Route } from "../job/routes.ts";
import type { HeldFolder } from "../system/held-folder.ts";
import { openOwn, readFully, writeFully } from "../system/own-file.ts";
import { bootId } from "../system/owner.ts";
import { TAG_BYTES } from "./sealed-tags.ts";
import { isFree, ownedName, shareOf, TAGS } from "./send-folder.ts";
import {
  againEntry,
  codeEntry,
  dropOldest,
  furtherEntry,
  openState,
  readEntry,
  stateFolder,
  syncEntry,
  writeEntry,
  writeNew,
  type Again,
} from "../system/state.ts";

/**
 * Unfinished sends that can go on; of more, those are forgotten that were left alone the longest.
 */
export const SENDS_KEPT = 64;

/** inode, size, mtime and ctime in ns: what tells that a file is the one that it was. */
export const STAMP_FIELDS = 4;

export interface SendEntry {
  /** Share id in hex. */
  readonly share: string;
  /** In hex. Its holder may open the share. */
  readonly proof: string;
  readonly code: Code;
  /** WebSocket address, path included. */
  readonly relay: string;
  /** Others of its list, in the order in which they are tried next. */
  readonly further?: readonly string[] | undefined;
  /** How the run came to it. Earlier versions did not say. */
  readonly route?: Route | undefined;
  /** The content of the send and the rules that choose it: equal for the same command. */
  readonly what: string;
  readonly again: Again;
  /** As receivers see it. */
  readonly name: string;
  readonly bytes: number;
  readonly records: number;
  /** Whether its manifest has records of its own; shares of older versions have not. */
  readonly apart: boolean;
  /** Shares that it takes the place of; see editions.ts. */
  readonly editions: number;
  /** Receivers that had all of one of those. */
  readonly verified: number;
  /** Until when it is stored at the relay; 0: it shall be, and is not yet. Undefined: it shall not. ms since 1970 */
  readonly stored?: number | undefined;
}

/** The facts that decide whether the files are still the same. */
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
  further: v.optional(furtherEntry),
  route: v.optional(v.picklist(ROUTES)),
  what: v.string(),
  again: againEntry,
  name: v.string(),
  bytes: whole,
  records: whole,
  apart: v.optional(v.boolean(), false),
  editions: v.optional(whole, 0),
  verified: v.optional(whole, 0),
  stored: v.optional(whole),
});
const runEntry = v.object({ boot: v.nullable(v.string()), stored: v.boolean() });

export const ENTRY = "entry.json";
const HEAD = "head";
const STAMPS = "stamps";
const DONE = "done";
const RUN = "run.json";

export class KeptSend {
  entry: SendEntry;
  /** Of all sends. */
  readonly #sends: HeldFolder;
  readonly #own: HeldFolder;
  readonly #tags: number;
  #open = true;
  /** Whether a relay has taken the share: one that none took is not worth going on with. */
  #accepted: boolean;

  private constructor(entry: SendEntry, sends: HeldFolder, own: HeldFolder, accepted: boolean) {
    this.entry = entry;
    this.#accepted = accepted;
    this.#tags = openOwn(own, TAGS);
    this.#sends = sends;
    this.#own = own;
  }

  /** Keeps a new share, of which nothing may have left yet; listed once it is accepted. @throws what the file system throws */
  static create(entry: SendEntry, { head, stamps }: Content): KeptSend {
    const sends = stateFolder("sends");
    const name = ownedName(entry.share);
    let own: HeldFolder | undefined;
    try {
      dropOldest(sends, SENDS_KEPT - 1, (one) => isFree(sends, one));
      sends.make(name, 0o700);
      own = sends.enter(name);
      writeNew(own, HEAD, head);
      writeNew(own, STAMPS, bytesOf(stamps));
      writeNew(own, TAGS, new Uint8Array(0));
      writeNew(own, DONE, new Uint8Array(0));
      writeEntry(own, RUN, { boot: bootId() ?? null, stored: false });
      return new KeptSend(entry, sends, own, false);
    } catch (error) {
      if (own !== undefined) sends.clear(name);
      own?.close();
      sends.close();
      throw error;
    }
  }

  /**
   * Takes one over that nobody has.
   * @returns undefined when somebody else has it, or not all that left is known any more
   */
  static claim(name: string): KeptSend | undefined {
    const sends = openState("sends");
    if (sends === undefined) return undefined;
    let own: HeldFolder | undefined;
    let kept: KeptSend | undefined;
    try {
      if (!isFree(sends, name)) return undefined;
      const owned = ownedName(shareOf(name));
      sends.move(name, sends, owned);
      own = sends.enter(owned);
      kept = KeptSend.#takeOver(sends, own, owned);
      return kept;
    } catch {
      return undefined; // another was faster, or nothing can be written
    } finally {
      if (kept === undefined) own?.close();
      if (kept === undefined) sends.close();
    }
  }

  /** The send that this process has claimed already. @throws what the file system throws, as long as nothing can be written */
  static #takeOver(sends: HeldFolder, own: HeldFolder, owned: string): KeptSend | undefined {
    const entry = readEntry(own, ENTRY, sendEntry);
    const run = readEntry(own, RUN, runEntry);
    const boot = bootId() ?? null;
    // After the system broke down, what was written last may be missing.
    const complete = run !== undefined && (run.stored || (boot !== null && run.boot === boot));
    if (entry?.share !== shareOf(owned) || !complete) {
      sends.clear(owned);
      return undefined;
    }
    writeEntry(own, RUN, { boot, stored: false });
    syncEntry(own, RUN);
    own.sync();
    return new KeptSend(entry, sends, own, true);
  }

  /** A relay of these took the share: from now on another run may go on with it. @throws what the file system throws */
  accept({ relay, further }: Pick<SendEntry, "relay" | "further"> = this.entry): void {
    const isElsewhere = further !== undefined && relay !== this.entry.relay;
    if (this.#accepted && !isElsewhere) return;
    if (further !== undefined) this.entry = { ...this.entry, relay, further };
    writeEntry(this.#own, ENTRY, this.entry);
    this.#accepted = true;
  }

  /** The relay has all of it until then. @throws what the file system throws */
  noteStored(until: number): void {
    this.entry = { ...this.entry, stored: until };
    writeEntry(this.#own, ENTRY, this.entry);
  }

  /** The manifest and stamps of the send, as they were then. @throws what the file system throws */
  content(): Content {
    const stamps = readBounded(this.#own, STAMPS, 8 * STAMP_FIELDS * MANIFEST_FILES);
    return {
      head: readBounded(this.#own, HEAD, MANIFEST_BYTES + MANIFEST_LENGTH_BYTES),
      stamps: new BigUint64Array(stamps.slice().buffer),
    };
  }

  /** The files are the same, and have these stamps now. @throws what the file system throws */
  restamp(stamps: BigUint64Array): void {
    const { O_WRONLY, O_CREAT, O_TRUNC } = constants;
    const fd = this.#own.open(STAMPS, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
    try {
      writeFully(fd, bytesOf(stamps), 0);
    } finally {
      closeSync(fd);
    }
  }

  /** No record from this one on was ever sent. */
  get end(): number {
    return Math.ceil(fstatSync(this.#tags).size / TAG_BYTES);
  }

  /** Of all records that may have left before; zeros of those that did not. */
  tags(): Uint8Array {
    return readFully(this.#tags, 0, Math.floor(fstatSync(this.#tags).size / TAG_BYTES) * TAG_BYTES);
  }

  /** Whether record `index` may have left before. */
  has(index: number): boolean {
    return this.#tag(index).some((byte) => byte !== 0);
  }

  /**
   * Another run must not take this file for what it was: something else left in its place.
   * @throws what the file system throws
   */
  distrust(entry: number): void {
    const fd = this.#own.open(STAMPS, constants.O_WRONLY);
    try {
      writeFully(fd, new Uint8Array(8 * STAMP_FIELDS), 8 * STAMP_FIELDS * entry);
    } finally {
      closeSync(fd);
    }
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
    const ids = readBounded(this.#own, DONE, RECEIVER_BYTES * RECEIVERS_PER_SHARE);
    // An id that is cut off was never written whole.
    return Array.from({ length: Math.floor(ids.length / RECEIVER_BYTES) }, (_, at) =>
      ids.slice(at * RECEIVER_BYTES, (at + 1) * RECEIVER_BYTES),
    );
  }

  /** A receiver has everything, and is not waited for again. @throws what the file system throws */
  noteDone(receiver: Uint8Array): void {
    const { O_WRONLY, O_CREAT, O_APPEND } = constants;
    const fd = this.#own.open(DONE, O_WRONLY | O_CREAT | O_APPEND, 0o666);
    try {
      // Behind what is there, whatever position is given.
      writeFully(fd, receiver, 0);
    } finally {
      closeSync(fd);
    }
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

  /**
   * Lets go of it, for another run of the command: synced to the disk, it outlasts a power cut. A share
   * that no relay took is forgotten.
   * @throws what the file system throws
   */
  close(): void {
    if (!this.#open) return;
    if (!this.#accepted) {
      this.forget();
      return;
    }
    this.#open = false;
    closeSync(this.#tags);
    const own = this.#own;
    try {
      for (const name of [HEAD, STAMPS, TAGS, DONE, ENTRY]) syncEntry(own, name);
      own.sync();
      writeEntry(own, RUN, { boot: bootId() ?? null, stored: true });
      syncEntry(own, RUN);
      own.sync();
      this.#sends.move(ownedName(this.entry.share), this.#sends, this.entry.share);
    } catch (error) {
      // It was removed meanwhile, or is this process's until that is gone.
      if (errorCode(error) === undefined) throw error;
    } finally {
      this.#letGo();
    }
  }

  /** The share is over, or can't be gone on with. @throws what the file system throws */
  forget(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#tags);
    try {
      this.#sends.clear(ownedName(this.entry.share));
    } finally {
      this.#letGo();
    }
  }

  #letGo(): void {
    this.#own.close();
    this.#sends.close();
  }

  #tag(index: number): Uint8Array {
    const tag = new Uint8Array(TAG_BYTES);
    // A tag that is cut off was never written whole, so its record never left.
    const length = readSync(this.#tags, tag, 0, TAG_BYTES, index * TAG_BYTES);
    return length === TAG_BYTES ? tag : tag.fill(0);
  }
}

function bytesOf(stamps: BigUint64Array): Uint8Array {
  return new Uint8Array(stamps.buffer, stamps.byteOffset, stamps.byteLength);
}

function readBounded(folder: HeldFolder, name: string, most: number): Uint8Array {
  const fd = folder.open(name, constants.O_RDONLY);
  try {
    const { size } = fstatSync(fd);
    if (size > most) throw new FaultError("internal", `${name} is too long`);
    return readFully(fd, 0, size);
  } finally {
    closeSync(fd);
  }
}
