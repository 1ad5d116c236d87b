/**
 * The bytes of many files behind one another, of which a few are open at a time. `KnownSource` cuts
 * them into records. Without `strict` a file that changes or goes away ends nothing: see `FileWatch`.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import { setImmediate } from "node:timers/promises";

import { FaultError } from "../../protocol/wire/faults.ts";
import { COLLECT_FILES, collectAfter, type FileList, type Root } from "./file-list.ts";
import type { ManifestFile } from "../../protocol/content/manifest.ts";
import { attempt } from "./attempt.ts";
import { Descent } from "../system/descent.ts";
import { errorCode, reasonOf } from "../system/system-error.ts";
import { FileWatch } from "./file-watch.ts";
import type { Unsound } from "../job/event-schema.ts";
import { HeldFolder } from "../system/held-folder.ts";
import type { Content, Cut, ReadFor } from "./source.ts";

/** Files that a sender holds open; it closes the one read longest ago. */
export const SOURCE_FILES_OPEN = 16;
/**
 * Zeros that a sender sends for the rest of a file that changed. Above that it offers the share
 * anew, as long as it may.
 */
const FILL_BYTES = 64 * 1024 ** 2;

/** Pieces that are compared before anything else has its turn. */
const PIECES_AT_ONCE = 16;
/** Empty files that are looked at before anything else has its turn. */
const LOOKS_AT_ONCE = 500;

export interface ContentOptions {
  /** A file that is not what it was ends the share. */
  readonly strict?: boolean;
  /** Zeros that may stand for the rest of one file, FILL_BYTES unless given; more end the share. */
  readonly fill?: number;
}

export class FilesContent implements Content {
  readonly name: string;
  readonly more: number;
  readonly kind = "files";
  readonly #list: FileList;
  /** Where each file begins, and the end of all. */
  readonly #starts: Float64Array;
  /** Descriptors by file; the one that was used longest ago first. */
  readonly #open = new Map<number, number>();
  readonly #strict: boolean;
  readonly #mostZeros: number;
  readonly #watch: FileWatch;
  /** Empty files are never read, so they were not looked at since they were found. */
  #emptyLooked = false;
  /** The folder of the files that are opened, held with those on the way to them. */
  #walk: { readonly root: Root; readonly top: HeldFolder; readonly descent: Descent } | undefined;
  #buffer = new Uint8Array(0);
  #about: string;

  /** Opens the first files, so that these are what was named whatever takes their place. */
  constructor(list: FileList, { strict = false, fill = FILL_BYTES }: ContentOptions = {}) {
    const { files, roots } = list;
    this.#list = list;
    this.#strict = strict;
    this.#mostZeros = fill;
    this.#watch = new FileWatch(files.length);
    this.name = roots[0]?.name ?? "";
    this.more = roots.length - 1;
    this.#about = roots[0]?.local ?? "";
    this.#starts = new Float64Array(files.length + 1);
    for (const [at, { size }] of files.entries()) {
      this.#starts[at + 1] = this.#starts[at]! + size;
    }
    try {
      for (const [at, { type }] of files.slice(0, SOURCE_FILES_OPEN).entries()) {
        if (type === "file" && !list.contents.has(at)) this.#openEarly(at);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Of many, one that went away since it was found ends nothing here either. */
  #openEarly(file: number): void {
    try {
      attempt(this.#local(file), () => this.#descriptor(file));
    } catch (error) {
      const isGone = error instanceof FaultError && error.code === "no-such-file";
      if (this.#strict || !isGone || this.#list.files.length === 1) throw error;
    }
  }

  /** The file that was read last. */
  get about(): string {
    return this.#about;
  }

  get files(): readonly ManifestFile[] {
    return this.#list.files;
  }

  /** Content that was made up when it was read is another for the next run. */
  stamps(): BigUint64Array | undefined {
    return this.#list.contents.size > 0 ? undefined : this.#list.identities.stamps();
  }

  get states(): Uint8Array | undefined {
    return this.#strict ? undefined : this.#watch.states;
  }

  get lost(): readonly number[] {
    return this.#watch.lost;
  }

  get unproved(): ReadonlySet<number> {
    return this.#watch.unproved;
  }

  get unsound(): readonly Unsound[] {
    return this.#watch.unsound((entry) => this.#list.files[entry]?.path ?? "");
  }

  get isProved(): boolean {
    return (this.#strict || this.#emptyLooked) && this.#watch.unproved.size === 0;
  }

  read(position: number, length: number, of: ReadFor): Uint8Array {
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
    const end = position + length;
    const first = this.#fileAt(position);
    let at = position;
    for (let file = first; at < end; file++) {
      const start = this.#starts[file]!;
      const stop = Math.min(this.#starts[file + 1]!, end);
      if (stop === at) continue; // a folder, or an empty file
      this.#readPiece(file, at - start, this.#buffer.subarray(at - position, stop - position), of);
      at = stop;
      if ((file - first + 1) % COLLECT_FILES === 0) collectAfter(COLLECT_FILES);
    }
    return this.#buffer.subarray(0, length);
  }

  filesIn(position: number, end: number): number[] {
    const files: number[] = [];
    for (let file = this.#fileAt(position); this.#starts[file]! < end; file++) {
      if (file >= this.#list.files.length) break;
      if (this.#starts[file + 1]! > Math.max(position, this.#starts[file]!)) files.push(file);
    }
    return files;
  }

  async prove(cut: Cut): Promise<void> {
    if (!this.#strict && !this.#emptyLooked) await this.#lookAtEmpty();
    for (const file of this.#watch.unproved) {
      try {
        await this.#prove(file, cut);
        this.#watch.prove(file);
      } catch (error) {
        if (this.#strict || !(error instanceof FaultError)) throw error;
        this.#watch.lose(file, error);
      }
    }
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
    this.#leave();
  }

  #readPiece(file: number, position: number, piece: Uint8Array, of: ReadFor): void {
    const content = this.#list.contents.get(file);
    if (content !== undefined) {
      piece.set(content.subarray(position, position + piece.length));
      return;
    }
    if (this.#watch.isLost(file, of.lostThen)) {
      piece.fill(0);
      return;
    }
    try {
      const fd = this.#fill(file, position, piece);
      if (this.#strict || of.lostThen === undefined) this.#look(file, position, piece, fd, of);
    } catch (error) {
      if (this.#strict || !(error instanceof FaultError)) throw error;
      piece.fill(0);
      // The tag of a record shows that it can't be repeated.
      if (of.lostThen !== undefined) return;
      const zeros = this.#list.files[file]!.size - position;
      if (of.told || zeros > this.#mostZeros) throw error;
      this.#watch.lose(file, error);
    }
  }

  /** @returns the descriptor. @throws FaultError where there is less */
  #fill(file: number, position: number, piece: Uint8Array): number {
    const fd = this.#system(() => this.#descriptor(file));
    let done = 0;
    while (done < piece.length) {
      const count = this.#system(() =>
        readSync(fd, piece, done, piece.length - done, position + done),
      );
      if (count === 0) throw this.#changed();
      done += count;
    }
    return fd;
  }

  /** After it was read: what is something else by now is given up, or has to be proved. */
  #look(file: number, position: number, piece: Uint8Array, fd: number, of: ReadFor): void {
    const { identities, files } = this.#list;
    const isFirst = position === 0;
    const isAll = piece.length === files[file]!.size;
    const stat = this.#system(() => fstatSync(fd, { bigint: true }));
    const likeness = identities.compare(file, stat);
    if (likeness === "unsure" && !this.#watch.isBegun(file)) {
      // The sender had read no byte of the file before this one, so this one goes whole.
      this.#readTwice(file, position, piece);
      identities.adopt(file, stat);
    } else if (likeness !== "same") {
      const changed = likeness === "other" && (this.#strict || !this.#grew(file, stat));
      if (of.told || changed) throw this.#changed();
      if (likeness === "other") this.#watch.grow(file);
      if (isAll) this.#readTwice(file, position, piece);
      // A file that is written to all the time need not be proved for ever.
      else if (!this.#watch.isProved(file) || !this.#watch.isSame(of.record, isFirst, piece))
        this.#watch.doubt(file);
    }
    this.#watch.begin(file);
    if (!isAll) this.#watch.note(of.record, isFirst, piece);
  }

  /** More was written to the very same file; whether all of that is behind the end its content says. */
  #grew(file: number, stat: BigIntStats): boolean {
    const size = BigInt(this.#list.files[file]!.size);
    return stat.size > size && this.#list.identities.isSameInode(file, stat);
  }

  /** It was written to, and may have been caught amid that. @throws FaultError when it was */
  #readTwice(file: number, position: number, piece: Uint8Array): void {
    const again = new Uint8Array(piece.length);
    this.#fill(file, position, again);
    if (Buffer.compare(piece, again) !== 0) throw this.#changed();
  }

  /** @throws FaultError when what left of it is not what it holds */
  async #prove(file: number, { recordAt, endOf, isSealed }: Cut): Promise<void> {
    const [start, end] = [this.#starts[file]!, this.#starts[file + 1]!];
    let buffer = new Uint8Array(0);
    let pieces = 0;
    for (let at = start; at < end;) {
      const record = recordAt(at);
      const stop = Math.min(end, endOf(record));
      if (buffer.length < stop - at) buffer = new Uint8Array(stop - at);
      const piece = buffer.subarray(0, stop - at);
      this.#fill(file, at - start, piece);
      const same = this.#watch.isSame(record, at === start, piece);
      if (same === false || (same === undefined && isSealed(record))) throw this.#changed();
      at = stop;
      if (++pieces % PIECES_AT_ONCE === 0) await setImmediate();
    }
  }

  async #lookAtEmpty(): Promise<void> {
    let looks = 0;
    for (const [file, { type, size }] of this.#list.files.entries()) {
      if (type !== "file" || size > 0 || this.#list.contents.has(file)) continue;
      this.#about = this.#local(file);
      try {
        const stat = this.#system(() => this.#lookAgain(file));
        if (stat.size > 0n) this.#watch.grow(file);
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        this.#watch.lose(file, error);
      }
      if (++looks % LOOKS_AT_ONCE === 0) await setImmediate();
    }
    this.#emptyLooked = true;
  }

  #lookAgain(file: number): BigIntStats {
    const known = this.#open.get(file);
    if (known !== undefined) return fstatSync(known, { bigint: true });
    const fd = this.#openFile(file);
    try {
      return fstatSync(fd, { bigint: true });
    } finally {
      closeSync(fd);
    }
  }

  #changed(): FaultError {
    return new FaultError("source-changed", this.#about);
  }

  /** Opened without blocking: what is there now may be a FIFO, which would wait for a writer. */
  #descriptor(file: number): number {
    this.#about = this.#local(file);
    const known = this.#open.get(file);
    this.#open.delete(file);
    if (known !== undefined) {
      this.#open.set(file, known);
      return known;
    }
    for (const [other, fd] of this.#open) {
      if (this.#open.size < SOURCE_FILES_OPEN) break;
      this.#open.delete(other);
      closeSync(fd);
    }
    const fd = this.#openFile(file);
    this.#open.set(file, fd);
    return fd;
  }
  #openFile(file: number): number {
    const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
    const root = this.#rootOf(file);
    const path = this.#list.files[file]?.path ?? "";
    // A file that was named itself may be a link, and links that are followed are on the way.
    if (this.#list.follow || path === root.name) {
      return openSync(this.#about, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    }
    const spot = this.#descentOf(root).place(path.slice(root.name.length + 1));
    if (spot === undefined) throw gone(this.#about);
    return spot.folder.open(spot.name, O_RDONLY | O_NOCTTY);
  }

  /**
   * Through folders only. Another user may exchange any of them, and a mount that comes back has other
   * numbers: the identity of each file says whether it is the one that was listed.
   */
  #descentOf(root: Root): Descent {
    if (this.#walk?.root === root) return this.#walk.descent;
    this.#leave();
    const top = HeldFolder.hold(root.local);
    const descent = new Descent(top);
    this.#walk = { root, top, descent };
    return descent;
  }

  #leave(): void {
    this.#walk?.descent.close();
    this.#walk?.top.close();
    this.#walk = undefined;
  }

  /** The file with the byte at `position` in it, or an empty one before it. */
  #fileAt(position: number): number {
    return lastWhere(this.#list.files.length, (at) => this.#starts[at]! <= position);
  }

  #local(file: number): string {
    const root = this.#rootOf(file);
    const path = this.#list.files[file]?.path ?? "";
    return root.local + path.slice(root.name.length);
  }

  #rootOf(file: number): Root {
    const { roots } = this.#list;
    const root = roots[lastWhere(roots.length, (at) => roots[at]!.first <= file)];
    if (root === undefined) throw new FaultError("internal", "a file of no folder");
    return root;
  }

  #system<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      const code = errorCode(cause);
      // Of something else in its place: a folder, a link, a pipe.
      const isGone = ELSE_THERE.has(code ?? "");
      const fault = isGone ? "source-changed" : "source-unreadable";
      throw new FaultError(fault, `${this.#about} (${reasonOf(cause)})`, { cause });
    }
  }
}

const ELSE_THERE = new Set([
  "ENOENT",
  "ENOTDIR",
  "ELOOP",
  "ENXIO",
  "EISDIR",
  "ESPIPE",
  // Of a descent that meets a link.
  "in-the-way",
]);

/** As the system says it. */
function gone(path: string): Error {
  return Object.assign(new Error(`another folder: ${path}`), { code: "ENOENT" });
}

/** The last of `count` indexes for which it holds, when it holds for those before too; 0 if for none. */
function lastWhere(count: number, holds: (index: number) => boolean): number {
  let first = 0;
  let last = count - 1;
  while (first < last) {
    const middle = (first + last + 1) >> 1;
    if (holds(middle)) first = middle;
    else last = middle - 1;
  }
  return first;
}
