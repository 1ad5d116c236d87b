/**
 * Saves one file that the person chose. While it grows it has another name, `big.iso.fileshare-part`,
 * and checkpoints. A browser that cannot rename it writes to its own swap file until the end, so
 * the chosen file stays empty, and a reload begins anew.
 */
import { tryMove, type FileHandle } from "../browser/file-system.ts";
import type { Offer } from "../job/receive-messages.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { numbered, PARTIAL_SUFFIX } from "./names.ts";
import { PartialFile } from "./partial-file.ts";
import { saveFault, unsoundFault } from "./save-fault.ts";
import type { Saver, UnfinishedReceive } from "./saver.ts";
import {
  bytesOnDisk,
  Journal,
  type FileNote,
  type KeptPlace,
  type KeptReceives,
} from "./unfinished.ts";

/** Names for the whole file that are tried: another program may have taken the first meanwhile. */
const RENAMES_TRIED = 8;

export class FileSaver implements Saver {
  readonly way = "file";
  readonly position: number;
  readonly unconfirmed = false;
  readonly #name: string;
  /** bytes; undefined: known at the end */
  readonly #size: number | undefined;
  readonly #file: PartialFile;
  readonly #journal: Journal | undefined;
  readonly #isMoved: boolean;

  private constructor(
    name: string,
    { files, open }: Offer,
    file: PartialFile,
    journal: Journal | undefined,
    isMoved: boolean,
  ) {
    this.#name = name;
    this.#size = open ? undefined : files[0]?.size;
    this.#file = file;
    this.#journal = journal;
    this.#isMoved = isMoved;
    this.position = file.position;
  }

  /** @param receives where the receive is kept until it is complete */
  static async open(
    handle: FileHandle,
    receive: UnfinishedReceive,
    receives?: KeptReceives,
  ): Promise<FileSaver> {
    const { name } = handle;
    let journal: Journal | undefined;
    try {
      const isMoved = await tryMove(handle, name + PARTIAL_SUFFIX);
      const place: KeptPlace = { way: "file", handle, name };
      journal = isMoved ? await Journal.begin({ receive, place }, receives) : undefined;
      const file = await PartialFile.open(handle, 0, noting(journal));
      return new FileSaver(name, receive.offer, file, journal, isMoved);
    } catch (error) {
      await discard(handle);
      await journal?.forget();
      throw saveFault(error);
    }
  }

  /** Goes on with what is on disk. */
  static async reopen(
    { handle, name }: Extract<KeptPlace, { way: "file" }>,
    offer: Offer,
    note: FileNote | undefined,
    journal: Journal,
  ): Promise<FileSaver> {
    try {
      const found = await handle.getFile();
      const size = offer.open ? undefined : offer.files[0]?.size;
      const bytes = bytesOnDisk(note, found);
      const position = size !== undefined && bytes > size ? 0 : bytes;
      const file = await PartialFile.open(handle, position, noting(journal));
      return new FileSaver(name, offer, file, journal, true);
    } catch (error) {
      await journal.rest();
      throw saveFault(error);
    }
  }

  async write(_file: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#file.write(data);
    } catch (error) {
      throw saveFault(error);
    }
  }

  async finish(unsound: readonly number[]): Promise<readonly string[]> {
    if (unsound.length > 0) {
      await this.#remove();
      throw unsoundFault();
    }
    try {
      const size = await this.#file.close();
      if (size !== (this.#size ?? this.#file.position)) {
        await this.#remove();
        throw new FaultError("write-failed", "another program changed the file meanwhile");
      }
      const name = this.#isMoved ? await this.#giveName() : this.#name;
      await this.#journal?.forget();
      return [name];
    } catch (error) {
      await this.#journal?.rest();
      throw saveFault(error);
    }
  }

  async abandon(): Promise<void> {
    if (this.#journal === undefined || this.#file.position === 0) return this.#remove();
    try {
      await this.#file.close();
    } catch {
      // The last checkpoint stays.
      await this.#file.abort();
    }
    await this.#journal.rest();
  }

  async #giveName(): Promise<string> {
    for (let number = 1; number <= RENAMES_TRIED; number++) {
      const name = numbered(this.#name, number);
      if (await tryMove(this.#file.handle, name)) return name;
    }
    const { name } = this.#file.handle;
    throw new FaultError(
      "write-failed",
      `the file is complete, but the browser could not rename ${name}`,
    );
  }

  async #remove(): Promise<void> {
    await this.#file.abort();
    await discard(this.#file.handle);
    await this.#journal?.forget();
  }
}

function noting(journal: Journal | undefined): {
  readonly noted?: (note: FileNote) => Promise<void>;
} {
  return journal === undefined ? {} : { noted: (note) => journal.note(0, note) };
}

/** Removes the file, or empties it where the browser cannot remove it. */
export async function discard(handle: FileHandle): Promise<void> {
  try {
    if (handle.remove === undefined) await (await handle.createWritable()).close();
    else await handle.remove();
  } catch {
    // It has the name of a partial, or it is empty: it never looks complete.
  }
}
