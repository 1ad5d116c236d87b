/**
 * Where a share's bytes are until it is whole: a directory beside its destination, with the `data`
 * and a `journal`. The name of the directory says whose it is (`owner.ts`); whoever asks for the
 * same share later takes it over and goes on. The final name only ever holds a whole file.
 */
import {
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  futimesSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { FaultError } from "../protocol/faults.ts";
import type { Manifest } from "../protocol/manifest.ts";
import { parseSafeName, type SafeName } from "../protocol/names.ts";
import { plainOffset, recordBytes } from "../protocol/sizes.ts";
import { diskFault, errorCode, type Folder } from "./folder.ts";
import { writeFully, type Journal } from "./journal.ts";
import { formatPartialName, parsePartialName } from "./owner.ts";
import { finalName, lookAt, place, type FinishPolicy } from "./place.ts";

export const DATA = "data";
export const JOURNAL = "journal";

/** What a partial holds open. Made by `openPartial` and `findPartial`. */
export interface Holdings {
  readonly folder: Folder;
  /** Name of the partial directory in `folder`. */
  readonly name: string;
  readonly journal: Journal;
  /** Descriptor of the data, or the name under which it already is in its place. */
  readonly data: number | { readonly placed: string };
  readonly next: number;
  /** Records known to be on the disk. */
  readonly synced: number;
}

/** As the manifest says, in its units. */
export interface ReceivedFile {
  readonly name: SafeName;
  readonly size: number;
  readonly mode: number;
  readonly mtime: number;
}

export class PartialFile {
  readonly manifest: Manifest;
  /** The partial directory, for messages. */
  readonly path: string;
  readonly #has: Holdings;
  readonly #file: ReceivedFile;
  #next: number;
  #synced: number;
  #journalSynced = false;
  #syncing: Promise<void> | undefined;
  #broken: FaultError | undefined;
  #closed = false;
  #finishing = false;

  constructor(holdings: Holdings) {
    this.#has = holdings;
    this.manifest = holdings.journal.manifest;
    this.path = join(holdings.folder.path, holdings.name);
    this.#file = onlyFile(this.manifest);
    this.#next = holdings.next;
    this.#synced = holdings.synced;
  }

  /** The first record that is still needed; the number of records when none is. */
  get next(): number {
    return this.#next;
  }

  /** Who we are to the sender of this share, as given to `openPartial`. */
  get receiver(): Uint8Array {
    return this.#has.journal.receiver;
  }

  /** Bytes of the share's plaintext before those of its files. */
  get headBytes(): number {
    return this.#has.journal.head.length;
  }

  /**
   * Takes the plaintext of record `next` (the manifest at the share's beginning included) and
   * keeps nothing of the array. After a fault the same record may be written again.
   * @throws FaultError "corrupt-record" for a wrong length or a record too many; "disk-full",
   * "write-failed".
   */
  write(index: number, plaintext: Uint8Array): void {
    if (this.#broken !== undefined) throw this.#broken;
    const { recordSize, records } = this.manifest;
    if (index >= records) throw new FaultError("corrupt-record", `${index}, of ${records}`);
    if (index !== this.#next) throw new FaultError("internal", `record ${index} out of turn`);
    if (plaintext.length !== recordBytes(index, this.headBytes + this.#file.size, recordSize)) {
      throw new FaultError("corrupt-record", `${index}, with ${plaintext.length} bytes`);
    }
    const start = plainOffset(index, recordSize) - this.headBytes;
    const bytes = start < 0 ? plaintext.subarray(Math.min(-start, plaintext.length)) : plaintext;
    try {
      writeFully(this.#fd(), bytes, Math.max(start, 0));
      this.#mark(index + 1);
    } catch (error) {
      throw diskFault(error, this.path);
    }
    this.#next = index + 1;
  }

  /**
   * Brings what is written so far to the disk, off the thread, so that it outlasts a power cut.
   * While one runs, the same promise is returned. Call it now and then also when nothing
   * arrives: it shows receivers on other machines that this one lives.
   * @throws FaultError "disk-full" or "write-failed"; then what was not on the disk is lost and
   * nothing more can be written: close it, and find it again to go on from there.
   */
  checkpoint(): Promise<void> {
    // Finishing brings everything to the disk itself, and then lets go of what a sync needs.
    if (this.#finishing || this.#closed) return Promise.resolve();
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  /**
   * Puts the whole file in its place with its time and removes the partial.
   * @returns its path.
   * @throws FaultError "file-exists", "name-exhausted", "disk-full" or "write-failed"; the partial
   * stays as it is and may be finished again.
   */
  async finish(policy: FinishPolicy): Promise<string> {
    const { data, folder } = this.#has;
    this.#finishing = true;
    try {
      await this.#settled();
      if (this.#broken !== undefined) throw this.#broken;
      if (this.#next !== this.manifest.records) throw new FaultError("internal", "not whole yet");
      const name = typeof data === "number" ? await this.#place(data, policy) : data.placed;
      folder.sync();
      this.#remove();
      return join(folder.path, name);
    } catch (error) {
      throw diskFault(error, this.path);
    } finally {
      this.#finishing = false;
    }
  }

  /**
   * Gives it up; it stays, for whoever receives the same share here later.
   * @returns where it is from now on, undefined when there is none any more.
   */
  async close(): Promise<string | undefined> {
    await this.#settled();
    if (this.#closed) return undefined;
    const { folder, name } = this.#has;
    const { stem, share } = parsePartialName(name)!;
    const free = formatPartialName({ stem, share, owner: undefined });
    let kept = this.path;
    this.#release(() => {
      renameSync(folder.at(name), folder.at(free));
      kept = join(folder.path, free);
    });
    return kept;
  }

  /** Removes it with all that was received. */
  async discard(): Promise<void> {
    if (this.#closed) return;
    await this.#settled();
    this.#remove();
  }

  async #place(fd: number, { onExists, prefix }: FinishPolicy): Promise<string> {
    const { journal, folder, name: directory } = this.#has;
    const { size, mtime } = this.#file;
    const name = finalName(this.#file.name, prefix);
    const { ino, size: found } = fstatSync(fd, { bigint: true });
    if (found !== BigInt(size)) throw new FaultError("write-failed", `${this.path} was changed`);

    try {
      this.#mark(this.#next, true);
      setTime(fd, mtime);
      await promisify(fsync)(fd);
      this.#synced = this.#next;
      this.#mark(this.#next, true);
    } catch (error) {
      throw this.#breakDown(error);
    }

    const data = folder.at(directory, DATA);
    const destiny = journal.destiny();
    const there = destiny && lookAt(folder, destiny.name);
    if (destiny !== undefined && there?.ino === ino) return destiny.name; // linked, then killed
    if (destiny !== undefined && there?.size === 0n && there.ino === destiny.placeholder) {
      renameSync(data, folder.at(destiny.name));
      return destiny.name;
    }
    return place({ folder, data, ino, name, onExists, destine: (to) => journal.destine(to) });
  }

  async #sync(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    const { journal, folder } = this.#has;
    const upTo = this.#next;
    try {
      if (upTo > this.#synced) {
        await promisify(fdatasync)(this.#fd());
        if (!this.#journalSynced) {
          // Once; later cells reach the disk in their own time, and an old one says too little.
          await journal.sync();
          folder.sync();
          this.#journalSynced = true;
        }
        this.#synced = upTo;
      }
      this.#mark(this.#next);
    } catch (error) {
      throw this.#breakDown(error);
    }
  }

  /** A failed sync may have dropped what it could not store, although it can still be read. */
  #breakDown(error: unknown): FaultError {
    this.#broken = diskFault(error, this.path);
    try {
      this.#mark(this.#synced);
      ftruncateSync(this.#fd(), fileOffset(this.#synced, this.manifest, this.headBytes));
      this.#mark(this.#synced);
    } catch {
      // The disk takes nothing at all: what is found later is judged by what is there then.
    }
    return this.#broken;
  }

  #mark(written: number, whole = false): void {
    this.#has.journal.mark({ written, synced: this.#synced, whole });
  }

  #fd(): number {
    const { data } = this.#has;
    if (this.#closed || typeof data !== "number") throw new FaultError("internal", "closed");
    return data;
  }

  async #settled(): Promise<void> {
    await this.#syncing?.catch(() => undefined); // who asked for it has been told
  }

  #remove(): void {
    const { folder, name } = this.#has;
    this.#release(() => removePartial(folder, name));
  }

  #release(last: () => void): void {
    const { folder, journal, data } = this.#has;
    this.#closed = true;
    if (typeof data === "number") closeSync(data);
    journal.close();
    try {
      last();
    } catch {
      // Another took it over, or it cannot be touched: nothing that the file itself depends on.
    } finally {
      folder.close();
    }
  }
}

/** Where the files' bytes of record `index` begin, behind one another; their end at most. */
export function fileOffset(index: number, manifest: Manifest, headBytes: number): number {
  const offset = plainOffset(index, manifest.recordSize) - headBytes;
  return Math.min(Math.max(offset, 0), manifest.bytes);
}

/** The one file of a share. @throws FaultError "bad-manifest" for several, or one in a folder. */
export function onlyFile(manifest: Manifest): ReceivedFile {
  const [file, ...more] = manifest.files;
  const single = file?.type === "file" && more.length === 0 && !manifest.open;
  if (!single || file.path.includes("/")) {
    throw new FaultError("bad-manifest", "only single files can be received yet");
  }
  const { path, size, mode, mtime } = file;
  return { name: parseSafeName(path), size, mode, mtime };
}

/** The data last: what has no journal is nobody's. */
export function removePartial(folder: Folder, name: string): void {
  for (const entry of [DATA, JOURNAL]) rmSync(folder.at(name, entry), { force: true });
  rmdirSync(folder.at(name));
}

/** No transfer fails for its time: what the file system cannot hold is left as it is. */
function setTime(fd: number, mtimeMs: number): void {
  try {
    futimesSync(fd, mtimeMs / 1000, mtimeMs / 1000);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}
