/**
 * The partial of a share of several files, or of folders: its `data` is a folder with all of them
 * under the names that they have in the share. One file is open at a time, and files that are
 * whole have their times already.
 */
import { closeSync, constants, fsync, ftruncateSync, fstatSync } from "node:fs";
import { join } from "node:path";
import { FaultError } from "../../protocol/wire/faults.ts";
import { TREE_STEP, placeTree } from "./place-tree.ts";
import type { ManifestFile } from "../../protocol/content/manifest.ts";
import { Descent } from "../system/descent.ts";
import { DiskNeed, type DiskUse } from "../system/disk-need.ts";
import { blockBytes } from "../system/folder.ts";
import { errorCode } from "../system/system-error.ts";
import type { Unsound } from "../job/event-schema.ts";
import { lstatOf, type HeldFolder, type Spot } from "../system/held-folder.ts";
import {
  modeWhileComing,
  setFinalMode,
  setMode,
  setTime,
  syncFile,
  writeFully,
} from "../system/own-file.ts";
import type { Layout } from "./layout.ts";
import { DATA, PartialShare, type Holdings, type Saved } from "./partial.ts";
import type { FinishPolicy } from "./place.ts";

/** Files of a tree that are synced at once; each is open meanwhile. */
const SYNCS_AT_ONCE = 64;
/** Files of a tree that are synced one by one; for more, the whole file system is synced once. */
const SYNCS_EACH = 512;

const NOTHING: DiskUse = { bytes: 0, inodes: 0 };

export interface TreeHoldings extends Holdings {
  /** The folder of all files. */
  readonly data: HeldFolder;
  readonly layout: Layout;
  /** The entries to fetch, 1 each; the others are at the destination already. */
  readonly wanted: Uint8Array;
  /** 1 for each of them that is here already from an earlier edition; none unless given. */
  readonly here?: Uint8Array;
  /** Everything is written and on the disk; some may have its name already. */
  readonly whole: boolean;
}

export class PartialTree extends PartialShare {
  readonly #data: HeldFolder;
  readonly #layout: Layout;
  readonly #wanted: Uint8Array;
  readonly #here: Uint8Array;
  readonly #writing: Descent;
  readonly #syncing: Descent;
  /** The file that is written. */
  #open: { readonly file: number; readonly fd: number } | undefined;
  /** Files written and not on the disk, the open one included. */
  #dirty = new Set<number>();
  readonly #whole: boolean;
  readonly #need: DiskNeed;
  /** Entries without content before this one are made. */
  #made = 0;
  #saved: readonly Saved[] = [];

  constructor(holdings: TreeHoldings) {
    super(holdings);
    this.#data = holdings.data;
    this.#layout = holdings.layout;
    this.#wanted = holdings.wanted;
    this.#here = holdings.here ?? new Uint8Array(holdings.wanted.length);
    this.#writing = new Descent(holdings.data, true);
    this.#syncing = new Descent(holdings.data);
    this.#whole = holdings.whole;
    const fetched = this.#wanted.map((_, i) => (this.#isFetched(i) ? 1 : 0));
    this.#need = new DiskNeed(this.manifest, fetched, blockBytes(holdings.folder));
    const { synced, next } = holdings;
    const end = this.#layout.position(next);
    const { length } = this.manifest.files;
    // An earlier run wrote this and did not bring it to the disk.
    for (let i = this.#layout.fileAt(this.#layout.position(synced)); i < length; i++) {
      if (this.#layout.begin(i) >= end) break;
      if (!this.#whole && this.#wanted[i] === 1 && this.manifest.files[i]!.size > 0)
        this.#dirty.add(i);
    }
  }

  override get bytes(): number {
    return this.#layout.position(this.next);
  }

  override get left(): DiskUse {
    return this.#whole ? NOTHING : this.#need.left(this.bytes, this.#made);
  }

  override get saved(): readonly Saved[] {
    return this.#saved;
  }

  override get unsound(): readonly Unsound[] {
    return this.states.unsound(this.#wanted);
  }

  protected override after(index: number): number {
    return this.#layout.nextWanted(index, (file) => this.#isFetched(file));
  }

  protected override put(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    let at = position;
    for (let file = this.#layout.fileAt(at); at < end; file++) {
      const begin = this.#layout.begin(file);
      const stop = Math.min(this.#layout.end(file), end);
      if (stop > at && this.#isFetched(file)) {
        const fd = this.#fdOf(file, at === begin);
        const part = bytes.subarray(at - position, stop - position);
        writeFully(fd, part, at - begin);
        this.sums?.written(file, part, at - begin);
        if (stop === this.#layout.end(file)) this.#closeFile();
      }
      at = stop;
    }
  }

  protected override async syncData(): Promise<void> {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    try {
      if (dirty.length > SYNCS_EACH && (await this.has.folder.syncAll())) return;
      for (let i = 0; i < dirty.length; i += SYNCS_AT_ONCE) {
        const some = dirty.slice(i, i + SYNCS_AT_ONCE);
        await Promise.all(some.map((file) => this.#syncFile(file)));
      }
    } catch (error) {
      for (const file of dirty) this.#dirty.add(file);
      throw error;
    }
  }

  protected override cut(synced: number): void {
    const position = this.#layout.position(synced);
    const file = this.#layout.fileAt(position);
    this.#closeFile();
    if (file >= this.manifest.files.length || !this.#isFetched(file)) return;
    const at = this.#writing.place(this.#pathOf(file));
    if (at === undefined) return;
    const fd = openAgain(at);
    try {
      ftruncateSync(fd, position - this.#layout.begin(file));
    } finally {
      closeSync(fd);
    }
  }

  protected override async place(policy: FinishPolicy): Promise<string> {
    const { folder, journal, name } = this.has;
    if (!this.#whole) {
      await this.#makeEmpty();
      this.#dropUnusable();
      await this.settleWhole(false);
    }
    const wanted = this.#wanted.map((each, i) => (this.states.isUsable(i) ? each : 0));
    const { sums } = this;
    const from = { folder, journal, directory: name, data: this.#data, wanted, sums };
    const placed = await placeTree(from, policy);
    const dir = folder.whereabouts;
    this.#saved = placed.map(({ name: as, ...rest }) => ({ path: join(dir, as), ...rest }));
    const [only, ...more] = placed;
    return only !== undefined && more.length === 0 ? only.name : "";
  }

  protected override letGo(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
    this.#writing.close();
    this.#syncing.close();
    this.#data.close();
  }

  /** Files and folders that hold nothing, in steps, as there may be very many. */
  async #makeEmpty(): Promise<void> {
    let made = 0;
    for (const [i, file] of this.manifest.files.entries()) {
      this.#made = i;
      if (file.size > 0 || this.#wanted[i] !== 1 || !this.states.isUsable(i)) continue;
      if (file.type === "file") {
        this.#fdOf(i, true);
        this.#closeFile();
      } else {
        setFolderTime(this.#writing.enter(file.path, true), file.mtime);
      }
      if (++made % TREE_STEP === 0) await new Promise(setImmediate);
    }
    this.#made = this.manifest.files.length;
  }

  /** A file that an earlier edition has whole, on the same file system. @throws what the file system throws */
  takeOver(entry: number, from: Spot): void {
    const to = this.#writing.place(this.#pathOf(entry), true)!;
    from.folder.move(from.name, to.folder, to.name);
    this.#here[entry] = 1;
    this.#dirty.add(entry);
  }

  /** Where a file is that came whole, for an edition that takes the place of this one. */
  wholeFile(entry: number): Spot | undefined {
    const { size } = this.manifest.files[entry]!;
    const isWritten = this.#here[entry] === 1 || this.#layout.end(entry) <= this.bytes;
    if (size === 0 || this.#wanted[entry] !== 1 || !isWritten) return undefined;
    if (!this.states.isUsable(entry)) return undefined;
    const at = this.#syncing.place(this.#pathOf(entry));
    const there = lstatOf(at);
    return there?.isFile() === true && there.size === BigInt(size) ? at : undefined;
  }

  #isFetched(entry: number): boolean {
    return this.#wanted[entry] === 1 && this.#here[entry] !== 1;
  }

  /** A file that is not whole may not have the name of one. */
  #dropUnusable(): void {
    for (const [i, { path, size }] of this.manifest.files.entries()) {
      if (size === 0 || this.#wanted[i] !== 1 || this.states.isUsable(i)) continue;
      if (this.#open?.file === i) this.#closeFile();
      const at = this.#writing.place(path);
      at?.folder.clear(at.name);
    }
  }

  #fdOf(file: number, anew: boolean): number {
    if (this.#open?.file === file) return this.#open.fd;
    this.#closeFile();
    const entry = this.manifest.files[file]!;
    const at = this.#writing.place(entry.path, true)!;
    const fd = anew ? createFile(at, entry) : openAgain(at);
    this.#open = { file, fd };
    this.#dirty.add(file);
    return fd;
  }

  #closeFile(): void {
    if (this.#open === undefined) return;
    const { file, fd } = this.#open;
    const { mode, mtime, size } = this.manifest.files[file]!;
    this.#open = undefined;
    this.#dirty.add(file);
    try {
      if (fstatSync(fd).size === size) {
        setTime(fd, mtime);
        setFinalMode(fd, mode);
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Through a descriptor of its own: the one that writes may be closed meanwhile. */
  async #syncFile(file: number): Promise<void> {
    if (!this.states.isUsable(file)) return;
    const at = this.#syncing.place(this.#pathOf(file));
    if (at === undefined) throw new FaultError("write-failed", `${this.path} was changed`);
    const fd = at.folder.open(at.name, constants.O_RDONLY);
    try {
      await syncFile(fd, fsync);
    } finally {
      closeSync(fd);
    }
  }

  #pathOf(file: number): string {
    return this.manifest.files[file]!.path;
  }
}

/** The file that an earlier run left under that name is of no use. */
function createFile({ folder, name }: Spot, { mode }: ManifestFile): number {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  const create = (): number => folder.open(name, O_RDWR | O_CREAT | O_EXCL, modeWhileComing(mode));
  try {
    return create();
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    folder.clear(name);
    return create();
  }
}

/** A file that was whole may be closed to writing. */
function openAgain({ folder, name }: Spot): number {
  try {
    return folder.open(name, constants.O_RDWR);
  } catch (error) {
    if (errorCode(error) !== "EACCES") throw error;
    const fd = folder.open(name, constants.O_RDONLY);
    setMode(fd, 0o600 | fstatSync(fd).mode);
    closeSync(fd);
    return folder.open(name, constants.O_RDWR);
  }
}

function setFolderTime(folder: HeldFolder | undefined, mtimeMs: number): void {
  try {
    folder?.setTimes(mtimeMs);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

/** The folder that holds the tree, made unless it is there. */
export function createTree(own: HeldFolder): HeldFolder {
  try {
    own.make(DATA);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  return own.enter(DATA);
}
