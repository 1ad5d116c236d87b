import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from "node:fs";

import { FaultError } from "../protocol/faults.ts";
import { COLLECT_FILES, SOURCE_FILES_OPEN } from "../protocol/limits.ts";
import type { ManifestFile } from "../protocol/manifest.ts";
import { attempt, type FileList, type Root } from "./file-list.ts";
import { collectAfter } from "./collect.ts";
import { Descent } from "./descent.ts";
import { errorCode } from "./folder.ts";
import { HeldFolder } from "./held-folder.ts";
import type { Content } from "./source.ts";

/** The bytes of many files behind one another, of which a few are open at a time. */
export class FilesContent implements Content {
  readonly name: string;
  readonly more: number;
  readonly kind = "files";
  readonly #list: FileList;
  /** Where each file begins, and the end of all. */
  readonly #starts: Float64Array;
  /** Descriptors by file; the one that was used longest ago first. */
  readonly #open = new Map<number, number>();
  /** The folder of the files that are opened, held with those on the way to them. */
  #walk: { readonly root: Root; readonly top: HeldFolder; readonly descent: Descent } | undefined;
  #buffer = new Uint8Array(0);
  /** 1 for each file of which something was read. */
  readonly #begun: Uint8Array;
  #about: string;

  /** Opens the first files, so that these are what was named whatever takes their place. */
  constructor(list: FileList) {
    const { files, roots } = list;
    this.#list = list;
    this.name = roots[0]?.name ?? "";
    this.more = roots.length - 1;
    this.#about = roots[0]?.local ?? "";
    this.#begun = new Uint8Array(files.length);
    this.#starts = new Float64Array(files.length + 1);
    for (const [at, { size }] of files.entries()) {
      this.#starts[at + 1] = this.#starts[at]! + size;
    }
    try {
      for (const [at, { type }] of files.slice(0, SOURCE_FILES_OPEN).entries()) {
        if (type === "file" && !list.contents.has(at))
          attempt(this.#local(at), () => this.#descriptor(at));
      }
    } catch (error) {
      this.close();
      throw error;
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

  read(position: number, length: number): Uint8Array {
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
    const end = position + length;
    const first = this.#fileAt(position);
    let at = position;
    for (let file = first; at < end; file++) {
      const stop = Math.min(this.#starts[file + 1]!, end);
      if (stop === at) continue; // a folder, or an empty file
      this.#readFile(file, at - this.#starts[file]!, at - position, stop - at);
      at = stop;
      if ((file - first + 1) % COLLECT_FILES === 0) collectAfter(COLLECT_FILES);
    }
    return this.#buffer.subarray(0, length);
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
    this.#leave();
  }

  #readFile(file: number, position: number, offset: number, length: number): void {
    const content = this.#list.contents.get(file);
    if (content !== undefined) {
      this.#buffer.set(content.subarray(position, position + length), offset);
      return;
    }
    const fd = this.#system(() => this.#descriptor(file));
    let done = 0;
    while (done < length) {
      const count = this.#system(() =>
        readSync(fd, this.#buffer, offset + done, length - done, position + done),
      );
      if (count === 0) throw new FaultError("source-changed", this.#about);
      done += count;
    }
    // After it was read: what is something else by now is not sent.
    this.#checkIdentity(
      file,
      this.#system(() => fstatSync(fd, { bigint: true })),
    );
    this.#begun[file] = 1;
  }

  #checkIdentity(file: number, stat: BigIntStats): void {
    const { identities } = this.#list;
    const likeness = identities.compare(file, stat);
    if (likeness === "same") return;
    // Nothing of the one before was read, so whatever is there now is sent whole.
    if (likeness === "unsure" && this.#begun[file] === 0) identities.adopt(file, stat);
    else throw new FaultError("source-changed", this.#about);
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
      throw new FaultError(fault, `${this.#about} (${code})`, { cause });
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
