/**
 * Saves a tree, or several files, in a folder that the person chose. Every file is written as
 * `name.fileshare-part`, and all get their names at the end, when it is known which are sound.
 * A browser that cannot rename files writes each through its own swap file until that file is whole.
 *
 * The saver touches no file that was in the chosen folder: `tree` becomes `tree (2)` where `tree` is taken.
 */
import { FaultError } from "../../protocol/wire/faults.ts";
import { collisionKey } from "../../protocol/content/names.ts";
import {
  isMissing,
  removeIfThere,
  tryMove,
  type FileHandle,
  type FolderHandle,
} from "../browser/file-system.ts";
import type { Offer, OfferedFile } from "../job/receive-messages.ts";
import { freeName, freeTops, keyOf } from "./free-names.ts";
import { PARTIAL_SUFFIX, placesOf, type Place } from "./names.ts";
import { PartialFile } from "./partial-file.ts";
import { saveFault } from "./save-fault.ts";
import type { Saver, UnfinishedReceive } from "./saver.ts";
import {
  bytesOnDisk,
  Journal,
  type FileNote,
  type KeptPlace,
  type KeptReceives,
} from "./unfinished.ts";

type KeptFolder = Extract<KeptPlace, { way: "folder" }>;

/** Files that close or get their names at once: each waits for other processes of the browser. */
const AT_ONCE = 8;

export class FolderSaver implements Saver {
  readonly way = "folder";
  position = 0;
  readonly unconfirmed = false;
  readonly #files: readonly OfferedFile[];
  readonly #places: readonly Place[];
  readonly #place: KeptFolder;
  readonly #journal: Journal | undefined;
  readonly #folders = new Map<string, Promise<FolderHandle>>();
  /** Files that are whole on disk. */
  readonly #whole = new Set<number>();
  /** Whole files that have their names already. */
  readonly #named = new Set<number>();
  /** Names that are not those of `#places`. */
  readonly #renamed = new Map<number, string>();
  /** Of the paths of all entries on the disk; made when a name is refused. */
  #keys: Set<string> | undefined;
  /** Of the names in the chosen folder; made when files get theirs. */
  #topKeys: ReadonlySet<string> | undefined;
  readonly #closing = new Set<Promise<void>>();
  /** The first fault of a file that closed while the next was written. */
  #fault: FaultError | undefined;
  #current: { readonly file: number; readonly partial: PartialFile } | undefined;

  private constructor({ files }: Offer, place: KeptFolder, journal: Journal | undefined) {
    this.#files = files;
    this.#places = placesOf(files);
    this.#place = place;
    this.#journal = journal;
  }

  /** @param receives where the receive is kept until it is complete */
  static async open(
    handle: FolderHandle,
    receive: UnfinishedReceive,
    receives?: KeptReceives,
  ): Promise<FolderSaver> {
    try {
      const { files } = receive.offer;
      const canMove = await movesFiles(handle);
      const tops = await freeTops(handle, placesOf(files), files);
      const place: KeptFolder = { way: "folder", handle, tops, canMove };
      const journal = await Journal.begin({ receive, place }, receives);
      return new FolderSaver(receive.offer, place, journal);
    } catch (error) {
      throw saveFault(error);
    }
  }

  /** Goes on with what is on disk. */
  static async reopen(
    place: KeptFolder,
    offer: Offer,
    notes: ReadonlyMap<number, FileNote>,
    journal: Journal,
  ): Promise<FolderSaver> {
    const saver = new FolderSaver(offer, place, journal);
    try {
      await saver.#resume(notes);
      return saver;
    } catch (error) {
      await journal.rest();
      throw saveFault(error);
    }
  }

  async write(file: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    if (data.length === 0) return;
    try {
      this.#refuse();
      const offered = this.#files[file];
      if (offered?.type !== "file") throw new FaultError("internal", `no file ${file}`);
      if (this.#current?.file !== file) {
        if (this.#current !== undefined) throw new FaultError("internal", "a file is not complete");
        this.#current = { file, partial: await this.#open(file, 0) };
      }
      const { partial } = this.#current;
      await partial.write(data);
      if (partial.position < offered.size) return;
      this.#current = undefined;
      const closing = this.#close(file, partial).finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
      if (this.#closing.size >= AT_ONCE) await Promise.race(this.#closing);
    } catch (error) {
      throw saveFault(error);
    }
  }

  async finish(unsound: readonly number[]): Promise<readonly string[]> {
    try {
      await Promise.all(this.#closing);
      this.#refuse();
      const bad = new Set(unsound);
      await eachOf(this.#files.keys(), (file) => this.#complete(file, bad.has(file)));
      await this.#journal?.forget();
      return [...this.#place.tops.values()];
    } catch (error) {
      await this.#journal?.rest();
      throw saveFault(error);
    }
  }

  async abandon(): Promise<void> {
    await Promise.all(this.#closing);
    const isPartKept = await this.#endCurrent();
    if (this.#journal !== undefined && (isPartKept || this.#whole.size > 0)) {
      await this.#journal.rest();
      return;
    }
    try {
      await removeKept(this.#place, this.#files);
    } finally {
      // A partial that could not be removed shows by its name that it is none.
      await this.#journal?.forget();
    }
  }

  /** @returns whether a part of the file stays, under a name that shows it */
  async #endCurrent(): Promise<boolean> {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return false;
    const { file, partial } = current;
    try {
      if (this.#place.canMove) {
        await partial.close();
        return true;
      }
    } catch {
      // The last checkpoint stays.
    }
    await partial.abort();
    if (!this.#place.canMove) await this.#remove(file);
    return this.#place.canMove;
  }

  async #resume(notes: ReadonlyMap<number, FileNote>): Promise<void> {
    for (const [file, { type, size }] of this.#files.entries()) {
      if (type === "folder" || size === 0) continue;
      const found = await this.#find(file);
      const bytes = found === undefined ? 0 : bytesOnDisk(notes.get(file), found.content);
      if (bytes === size) {
        this.#whole.add(file);
        if (found?.isNamed === true && this.#place.canMove) this.#named.add(file);
        this.position += size;
        continue;
      }
      if (this.#place.canMove && bytes > 0 && bytes < size) {
        this.#current = { file, partial: await this.#open(file, bytes) };
        this.position += bytes;
      }
      return;
    }
  }

  /** A file as it is on disk: its partial, or the whole file when the page ended while it gave names. */
  async #find(
    file: number,
  ): Promise<{ readonly content: File; readonly isNamed: boolean } | undefined> {
    const { folders } = this.#places[file]!;
    const names = this.#place.canMove
      ? [this.#nameOf(file) + PARTIAL_SUFFIX, this.#nameOf(file)]
      : [this.#nameOf(file)];
    for (const [at, name] of names.entries()) {
      try {
        const handle = await (await this.#folder(folders)).getFileHandle(name);
        return { content: await handle.getFile(), isNamed: at > 0 };
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
    return undefined;
  }

  async #open(file: number, position: number): Promise<PartialFile> {
    const { canMove } = this.#place;
    const handle = await this.#handle(file, canMove ? PARTIAL_SUFFIX : "");
    const journal = this.#journal;
    if (!canMove || journal === undefined) return PartialFile.open(handle, position, {});
    return PartialFile.open(handle, position, { noted: (note) => journal.note(file, note) });
  }

  /** The file on disk, made where it is missing. */
  async #handle(file: number, suffix: string): Promise<FileHandle> {
    const folder = await this.#folder(this.#places[file]!.folders);
    const name = this.#nameOf(file);
    try {
      return await folder.getFileHandle(name + suffix, { create: true });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // Chromium refuses some names that systems act upon, such as `a.lnk`.
      const other = this.#otherName(file, name);
      this.#renamed.set(file, other);
      return folder.getFileHandle(other + suffix, { create: true });
    }
  }

  /** A name in place of one that the browser refuses. No other entry of the share has it, or will. */
  #otherName(file: number, name: string): string {
    this.#keys ??= this.#keysOfAll();
    const { folders } = this.#places[file]!;
    for (let other = `${name}_`; ; other += "_") {
      const key = keyOf([...folders, other]);
      if (this.#keys.has(key)) continue;
      this.#keys.add(key);
      return other;
    }
  }

  #keysOfAll(): Set<string> {
    const { tops } = this.#place;
    const keys = this.#places.map(({ folders, name }) =>
      keyOf(folders.length > 0 ? [...folders, name] : [tops.get(name) ?? name]),
    );
    return new Set(keys);
  }

  async #close(file: number, partial: PartialFile): Promise<void> {
    try {
      const size = await partial.close();
      if (size !== this.#files[file]!.size) {
        throw new FaultError("write-failed", "another program changed a file meanwhile");
      }
      this.#whole.add(file);
      if (this.#place.canMove) return;
      const { lastModified } = await partial.handle.getFile();
      void this.#journal?.note(file, { size, lastModified });
    } catch (error) {
      await partial.abort();
      this.#fault ??= saveFault(error);
    }
  }

  /** Gives an entry its place, or removes it. */
  async #complete(file: number, isUnsound: boolean): Promise<void> {
    const { type, size } = this.#files[file]!;
    const { folders, name } = this.#places[file]!;
    if (type === "folder") {
      await this.#folder([...folders, name]);
      return;
    }
    if (isUnsound) return this.#remove(file);
    if (size === 0) {
      await this.#handle(file, "");
      return;
    }
    if (!this.#whole.has(file)) throw new FaultError("internal", "a file is not complete");
    if (!this.#place.canMove || this.#named.has(file)) return;
    await this.#giveName(file);
  }

  async #giveName(file: number): Promise<void> {
    const { folders, name: top } = this.#places[file]!;
    const wanted = this.#nameOf(file);
    const handle = await this.#wholePartial(file, wanted + PARTIAL_SUFFIX);
    // The chosen folder itself may have got another file of that name since the start.
    const name = folders.length > 0 ? wanted : await this.#freeTop(wanted);
    // As `#handle`: the browser may refuse the name.
    const isNamed =
      (await tryMove(handle, name)) || (await tryMove(handle, this.#otherName(file, name)));
    if (!isNamed)
      throw new FaultError("write-failed", `the browser could not rename ${handle.name}`);
    this.#named.add(file);
    this.#renamed.set(file, handle.name);
    if (folders.length === 0) this.#tops().set(top, handle.name);
  }

  /** The partial of a whole file. An empty or another file must never get its name. */
  async #wholePartial(file: number, name: string): Promise<FileHandle> {
    const folder = await this.#folder(this.#places[file]!.folders);
    const handle: FileHandle = await folder.getFileHandle(name);
    const { size } = await handle.getFile();
    if (size === this.#files[file]!.size) return handle;
    throw new FaultError("write-failed", "another program changed a file meanwhile");
  }

  /** Names of other files of the share are not free, although their files may not have them yet. */
  #freeTop(wanted: string): Promise<string> {
    this.#topKeys ??= new Set([...this.#place.tops.values()].map((name) => collisionKey(name)));
    const keys = this.#topKeys;
    const own = collisionKey(wanted);
    const isTaken = (key: string): boolean => key !== own && keys.has(key);
    return freeName(this.#place.handle, wanted, { isTaken, suffixes: [] });
  }

  async #remove(file: number): Promise<void> {
    const folder = await this.#folder(this.#places[file]!.folders);
    const name = this.#nameOf(file);
    if (this.#place.canMove) await removeIfThere(folder, name + PARTIAL_SUFFIX);
    if (!this.#place.canMove || this.#named.has(file)) await removeIfThere(folder, name);
    if (this.#places[file]!.folders.length === 0) this.#tops().delete(this.#places[file]!.name);
  }

  #tops(): Map<string, string> {
    return this.#place.tops as Map<string, string>;
  }

  #nameOf(file: number): string {
    const renamed = this.#renamed.get(file);
    if (renamed !== undefined) return renamed;
    const { folders, name } = this.#places[file]!;
    return folders.length > 0 ? name : (this.#place.tops.get(name) ?? name);
  }

  /** The folder of a path, made where it is missing. */
  #folder(folders: readonly string[]): Promise<FolderHandle> {
    if (folders.length === 0) return Promise.resolve(this.#place.handle);
    const path = folders.join("/");
    let folder = this.#folders.get(path);
    if (folder === undefined) {
      const last = folders.at(-1)!;
      const name = folders.length > 1 ? last : (this.#place.tops.get(last) ?? last);
      folder = this.#folder(folders.slice(0, -1)).then((parent) =>
        parent.getDirectoryHandle(name, { create: true }),
      );
      this.#folders.set(path, folder);
    }
    return folder;
  }

  #refuse(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }
}

/** Removes all that this receive made, and nothing else of the chosen folder. */
export async function removeKept(
  { handle, tops, canMove }: KeptFolder,
  files: readonly OfferedFile[],
): Promise<void> {
  const isFolder = new Map<string, boolean>();
  for (const [at, { folders, name }] of placesOf(files).entries()) {
    isFolder.set(folders[0] ?? name, folders.length > 0 || files[at]!.type === "folder");
  }
  for (const [top, name] of tops) {
    // The name of a file becomes this receive's own only at the end, if files can be renamed.
    const suffix = canMove && isFolder.get(top) === false ? PARTIAL_SUFFIX : "";
    await removeIfThere(handle, name + suffix);
  }
}

/** Whether this browser can rename files there: a file is made, renamed and removed. */
async function movesFiles(folder: FolderHandle): Promise<boolean> {
  const name = `fileshare-${crypto.randomUUID()}${PARTIAL_SUFFIX}`;
  const handle: FileHandle = await folder.getFileHandle(name, { create: true });
  const moved = `moved-${name}`;
  const isMoved = await tryMove(handle, moved);
  await removeIfThere(folder, isMoved ? moved : name);
  return isMoved;
}

async function eachOf(
  files: Iterable<number>,
  step: (file: number) => Promise<void>,
): Promise<void> {
  const rest = files[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await step(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
