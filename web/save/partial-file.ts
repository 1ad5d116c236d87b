/**
 * Writes one file through the File System Access API. A browser writes to a swap file, and the file
 * itself changes when the writer closes. So a long file is closed and opened again now and then:
 * those checkpoints are what a reload or a crash leaves.
 */
import { concat } from "../../protocol/wire/bytes.ts";
import type { FileHandle } from "../browser/file-system.ts";
import type { FileNote } from "./unfinished.ts";

/** A checkpoint may copy the whole file, so it comes when the file has doubled, and not before this. bytes */
export const CHECKPOINT_LEAST_BYTES = 64 * 1024 ** 2;
/** Pieces are joined up to this, as each write crosses to another process. A longer one is written as it is. bytes */
const WRITE_BYTES = 512 * 1024;

/** The size at which the next checkpoint is due. All checkpoints together copy less than the file twice. */
export function nextCheckpoint(position: number): number {
  return Math.max(2 * position, CHECKPOINT_LEAST_BYTES);
}

interface PartialOptions {
  /** Undefined: no checkpoints, the file changes at its end alone. */
  readonly noted?: ((note: FileNote) => Promise<void>) | undefined;
}

export class PartialFile {
  readonly handle: FileHandle;
  readonly #noted: ((note: FileNote) => Promise<void>) | undefined;
  #writer: FileSystemWritableFileStream;
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #held = 0;
  /** bytes, those that are held too */
  #position: number;
  #checkpointAt: number;
  /** The file as it is on disk. */
  #note: FileNote;

  /** @param position bytes on disk to keep; what is behind them is cut off */
  static async open(
    handle: FileHandle,
    position: number,
    { noted }: PartialOptions,
  ): Promise<PartialFile> {
    const { size, lastModified } = await handle.getFile();
    const writer = await openWriter(handle, position);
    return new PartialFile(handle, position, { size, lastModified }, writer, noted);
  }

  private constructor(
    handle: FileHandle,
    position: number,
    note: FileNote,
    writer: FileSystemWritableFileStream,
    noted: PartialOptions["noted"],
  ) {
    this.handle = handle;
    this.#position = position;
    this.#note = note;
    this.#writer = writer;
    this.#noted = noted;
    this.#checkpointAt = nextCheckpoint(position);
  }

  get position(): number {
    return this.#position;
  }

  async write(data: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#pieces.push(data);
    this.#held += data.length;
    this.#position += data.length;
    if (this.#held >= WRITE_BYTES) await this.#flush();
    if (this.#noted === undefined || this.#position < this.#checkpointAt) return;
    await this.close();
    this.#writer = await openWriter(this.handle, this.#position);
    this.#checkpointAt = nextCheckpoint(this.#position);
  }

  /** Everything so far is in the file. @returns its size, which differs when something else wrote too */
  async close(): Promise<number> {
    await this.#flush();
    // A short file is fetched again soon: it does not wait for the storage of its notes.
    const isLong = this.#position >= CHECKPOINT_LEAST_BYTES;
    if (isLong) await this.#noted?.({ ...this.#note, closing: this.#position });
    await this.#writer.close();
    const { size, lastModified } = await this.handle.getFile();
    this.#note = { size, lastModified };
    const stored = this.#noted?.(this.#note);
    if (isLong) await stored;
    return size;
  }

  /** The file stays as it was at its last checkpoint. */
  async abort(): Promise<void> {
    this.#pieces = [];
    this.#held = 0;
    try {
      await this.#writer.abort();
    } catch {
      // It failed or ended before.
    }
  }

  async #flush(): Promise<void> {
    if (this.#held === 0) return;
    const [first] = this.#pieces;
    // Chromium writes an array directly. A Blob takes it through another process first, at twice the cost.
    const data = this.#pieces.length === 1 && first !== undefined ? first : concat(...this.#pieces);
    this.#pieces = [];
    this.#held = 0;
    await this.#writer.write(data);
  }
}

async function openWriter(
  handle: FileHandle,
  position: number,
): Promise<FileSystemWritableFileStream> {
  const writer = await handle.createWritable({ keepExistingData: position > 0 });
  if (position > 0) {
    await writer.truncate(position);
    await writer.seek(position);
  }
  return writer;
}
