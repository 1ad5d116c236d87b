/**
 * Where a share's bytes are until it is whole: a directory beside its destination, with the data
 * and a `journal`. The name of the directory says whose it is (`owner.ts`); whoever asks for the
 * same share later takes it over and goes on. Final names only ever hold what is whole.
 */
import { join } from "node:path";
import { FaultError } from "../../protocol/wire/faults.ts";
import { stateBytes, type Manifest } from "../../protocol/content/manifest.ts";
import { plainOffset, recordBytes } from "../../protocol/wire/sizes.ts";
import type { DiskUse } from "../system/disk-need.ts";
import type { Unsound } from "../job/event-schema.ts";
import { checkSpace, type Folder } from "../system/folder.ts";
import { diskFault } from "../system/system-error.ts";
import { swapped, type HeldFolder } from "../system/held-folder.ts";
import { JOURNAL, type Journal } from "./journal.ts";
import { formatPartialName, parsePartialName } from "../system/owner.ts";
import type { FinishPolicy } from "./place.ts";
import type { Policy } from "../job/jobs.ts";
import { ReceivedStates, STATES } from "./received-states.ts";
import type { ShareSums } from "./share-sums.ts";

/** The one file of a share, or the folder with all that is in it. */
export const DATA = "data";

/** The handles that a partial holds open. */
export interface Holdings {
  readonly folder: Folder;
  /** Name of the partial directory in `folder`. */
  readonly name: string;
  /** The partial directory itself, whatever has its name by now. */
  readonly own: HeldFolder;
  readonly journal: Journal;
  readonly next: number;
  /** Records known to be on the disk. */
  readonly synced: number;
}

/** An outermost file or folder in its place. */
export interface Saved {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

/** Made by `openPartial` and `findPartial`; `PartialFile` and `PartialTree` are the kinds of it. */
export abstract class PartialShare {
  readonly manifest: Manifest;
  /** The partial directory, for messages. */
  readonly path: string;
  /** Counts what is written, for --checksum-file; undefined: nobody asked. */
  sums: ShareSums | undefined;
  protected readonly has: Holdings;
  protected readonly states: ReceivedStates;
  #next: number;
  #records: number;
  #synced: number;
  #journalSynced = false;
  #syncing: Promise<void> | undefined;
  #broken: FaultError | undefined;
  #closed = false;
  #finishing = false;

  constructor(holdings: Holdings) {
    this.has = holdings;
    this.manifest = holdings.journal.manifest;
    this.states = ReceivedStates.of(holdings.own, this.manifest);
    this.path = join(holdings.folder.path, holdings.name);
    this.#next = holdings.next;
    this.#synced = holdings.synced;
    const { written, whole } = holdings.journal.found;
    this.#records = whole ? written : this.manifest.records;
  }

  /** The first record that is still needed; the number of records when none is. */
  get next(): number {
    return this.#next;
  }

  /** Of the whole share; of an open one RECORD_INDEX until its last record came. */
  get records(): number {
    return this.#records;
  }

  /** Bytes of the files that are here. */
  abstract get bytes(): number;

  /** The space that the rest of the share needs; zero where its size is unknown. */
  abstract get left(): DiskUse;

  /** This receiver's id to the sender of this share, as given to `openPartial`. */
  get receiver(): Uint8Array {
    return this.has.journal.receiver;
  }

  /** The agreed policy for taken names. */
  get policy(): Policy {
    return this.has.journal.policy;
  }

  /** Bytes of the share's plaintext before those of its files. */
  get headBytes(): number {
    return this.has.journal.headBytes;
  }

  /**
   * Takes the plaintext of record `next` (the manifest at the share's beginning included) and
   * keeps nothing of the array. After a fault the same record may be written again.
   * @param last an open share ends with this record
   * @throws FaultError "corrupt-record" for a wrong length or a record too many; "disk-full",
   * "write-failed".
   */
  write(index: number, plaintext: Uint8Array, last = false): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#closed) throw new FaultError("internal", "closed");
    const { recordSize, open, bytes } = this.manifest;
    const plainBytes = this.headBytes + bytes + stateBytes(this.manifest);
    if (index >= this.#records)
      throw new FaultError("corrupt-record", `record ${index} is behind the end`);
    if (index !== this.#next) throw new FaultError("internal", `record ${index} out of turn`);
    if (!open && plaintext.length !== recordBytes(index, plainBytes, recordSize)) {
      throw new FaultError("corrupt-record", `record ${index} has ${plaintext.length} bytes`);
    }
    const start = plainOffset(index, recordSize) - this.headBytes;
    const head = start < 0 ? Math.min(-start, plaintext.length) : 0;
    try {
      this.#put(plaintext.subarray(head), Math.max(start, 0));
      if (last) this.#records = index + 1;
      const next = last ? index + 1 : this.after(index + 1);
      this.#mark(next);
      this.#next = next;
    } catch (error) {
      throw diskFault(error, this.path);
    }
  }

  /**
   * Refuses early what cannot fit beside what is written; nothing once it is in its place or given up.
   * @throws FaultError "disk-full"
   */
  checkSpace(): void {
    if (!this.#closed) checkSpace(this.has.folder, this.left);
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
   * Puts what is whole in its place with its times and removes the partial.
   * @returns the path of the file or folder, or the folder with all of them when they are several.
   * @throws FaultError "file-exists", "in-the-way", "name-exhausted", "disk-full" or "write-failed";
   * the partial stays as it is and may be finished again.
   */
  async finish(policy: FinishPolicy): Promise<string> {
    const { folder } = this.has;
    this.#finishing = true;
    try {
      await this.#settled();
      if (this.#broken !== undefined) throw this.#broken;
      if (this.#next !== this.#records) throw new FaultError("internal", "not whole yet");
      this.#checkName();
      const name = await this.#placeWhole(policy);
      folder.sync();
      const path = join(folder.whereabouts, name);
      this.#remove();
      return path;
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
    const { folder, name, own } = this.has;
    const { stem, share } = parsePartialName(name)!;
    const free = formatPartialName({ stem, share, owner: undefined });
    let kept = own.isGone ? undefined : own.whereabouts;
    this.#release(() => {
      if (!folder.moveSame(name, free, (there) => own.is(there))) return;
      kept = join(folder.whereabouts, free);
    });
    return kept;
  }

  /** Removes it with all that was received. */
  async discard(): Promise<void> {
    if (this.#closed) return;
    await this.#settled();
    this.#remove();
  }

  // The kinds of partials differ in these methods

  /** Writes bytes of the files; `position` is where they belong, behind one another. */
  protected abstract put(bytes: Uint8Array, position: number): void;
  /** The first record needed when all before `index` was. */
  protected abstract after(index: number): number;
  /** Brings what is written to the disk, off the thread. */
  protected abstract syncData(): Promise<void>;
  /** The disk did not take it: drops what follows the synced records, of which this is the number. */
  protected abstract cut(synced: number): void;
  /** Gives everything its name. @returns what to tell of it, in the destination. */
  protected abstract place(policy: FinishPolicy): Promise<string>;
  /** After `finish`: what got which name. */
  abstract get saved(): readonly Saved[];
  /** Fetched files that are not what they were offered as, once all is here. */
  abstract get unsound(): readonly Unsound[];
  /** Closes what it holds besides the journal and the folder. */
  protected abstract letGo(): void;

  /** Open shares: bytes written, and those of them on the disk. */
  protected get positions(): { readonly position?: number; readonly syncedPosition?: number } {
    return {};
  }

  /**
   * Everything on the disk, and noted to be whole, before any of it is moved.
   * @param first whether that is noted before too, as bringing it to the disk changes times
   */
  protected async settleWhole(first: boolean): Promise<void> {
    try {
      if (first) this.#mark(this.#next, true);
      await this.syncData();
      this.#synced = this.#next;
      this.#mark(this.#next, true);
    } catch (error) {
      throw this.#breakDown(error);
    }
  }

  async #placeWhole(policy: FinishPolicy): Promise<string> {
    try {
      return await this.place(policy);
    } catch (error) {
      const { folder, name } = this.has;
      const { code, detail = "" } = diskFault(error, folder.path);
      if (error instanceof FaultError || code !== "write-failed") throw error;
      // The owner leaves its name once this is closed, where the file system renames it.
      const { stem, share } = parsePartialName(name)!;
      const place = join(folder.path, `${stem}.${share}-*.partial`, DATA);
      const why = `${detail}: it got no name there; all of it is in ${place}`;
      throw new FaultError(code, why, { cause: error });
    }
  }

  /** The states of files follow the last one. */
  #put(content: Uint8Array, position: number): void {
    const { open, bytes } = this.manifest;
    const ofFiles = open ? content.length : Math.min(content.length, Math.max(bytes - position, 0));
    this.put(content.subarray(0, ofFiles), open ? position : Math.min(position, bytes));
    if (ofFiles === content.length) return;
    this.states.take(content.subarray(ofFiles), Math.max(position - bytes, 0));
    this.states.keep(this.has.own);
  }

  async #sync(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    this.#checkName();
    const { journal, folder } = this.has;
    const upTo = this.#next;
    try {
      if (upTo > this.#synced) {
        await this.syncData();
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
      this.cut(this.#synced);
      this.#mark(this.#synced);
    } catch {
      // The disk takes nothing at all: what is found later is judged by what is there then.
    }
    return this.#broken;
  }

  /**
   * The held directory can be written whatever its name leads to, but no later run would find it.
   * @throws FaultError "write-failed" when the partial directory is gone, or another has its name
   */
  #checkName(): void {
    const { folder, name, own } = this.has;
    const there = folder.lstat(name);
    if (there === undefined) {
      throw new FaultError("write-failed", `${this.path} (another program renamed or removed it)`);
    }
    if (!own.is(there)) throw swapped(this.path);
  }

  #mark(written: number, moves = false): void {
    // This mark alone tells that an open share is whole.
    const whole = moves || (this.manifest.open && written === this.#records);
    this.has.journal.mark({ written, synced: this.#synced, whole, ...this.positions });
  }

  async #settled(): Promise<void> {
    await this.#syncing?.catch(() => undefined); // who asked for it has been told
  }

  #remove(): void {
    const { folder, name, own } = this.has;
    this.#release(() => removePartial(folder, name, own));
  }

  #release(last: () => void): void {
    const { folder, own, journal } = this.has;
    this.#closed = true;
    this.letGo();
    journal.close();
    try {
      last();
    } catch {
      // Another took it over, or it cannot be touched: nothing that the files themselves depend on.
    } finally {
      own.close();
      folder.close();
    }
  }
}

/** The journal last: what has none is nobody's. The directory stays where another has its name. */
export function removePartial(folder: Folder, name: string, own: HeldFolder): void {
  for (const entry of [DATA, STATES, JOURNAL]) own.clear(entry);
  if (own.is(folder.lstat(name))) folder.removeFolder(name);
}
