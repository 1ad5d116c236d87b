/**
 * The content of an agreed share as it passes through the worker: plain data of records in, pieces of
 * files out. Positions are bytes of content, in the order of the manifest:
 *
 *   plaintext   | head: length, manifest | bytes of file 0 | of file 1 | ... | states |
 *   content                              0                                   bytes
 *
 * A piece counts only once it was given away, so a share that is left amid a record goes on there.
 */
import { isUsable, stateOf } from "../../protocol/content/file-marks.ts";
import { stateBytes, type Manifest } from "../../protocol/content/manifest.ts";
import { Offsets } from "../../protocol/wire/offsets.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { dataPerRecord } from "../../protocol/wire/sizes.ts";

/** A part of one file. Its buffer may be given away. */
export interface Piece {
  readonly file: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

export class ShareContent {
  readonly #manifest: Manifest;
  readonly #headBytes: number;
  readonly #offsets: Offsets;
  /** Bytes of content that are given away, or were saved before. */
  #position: number;
  readonly #states: Uint8Array;
  #statesKnown = 0;

  /** @param position bytes of content that the saver has; clamped to what there is */
  constructor(manifest: Manifest, headBytes: number, position: number) {
    const most = manifest.open ? Number.MAX_SAFE_INTEGER : manifest.bytes;
    this.#manifest = manifest;
    this.#headBytes = headBytes;
    this.#offsets = new Offsets(manifest.files);
    this.#position = Math.min(Math.max(Math.trunc(position) || 0, 0), most);
    this.#states = new Uint8Array(stateBytes(manifest));
  }

  get position(): number {
    return this.#position;
  }

  get isWhole(): boolean {
    const { open, bytes } = this.#manifest;
    return open || (this.#position === bytes && this.#statesKnown === this.#states.length);
  }

  /** Indexes of the files that are not what was offered. */
  get unsound(): number[] {
    const unsound: number[] = [];
    this.#states.forEach((state, file) => {
      if (!isUsable(stateOf(state))) unsound.push(file);
    });
    return unsound;
  }

  /**
   * The first record that is needed, at least `least`. The records of an open share have any length, so
   * there the saved bytes come again, and are cut off.
   */
  nextRecord(least: number): number {
    const { open, bytes, records, recordSize } = this.#manifest;
    if (open) return least;
    if (this.#position === bytes && this.#states.length === 0) return Math.max(least, records);
    const plain = this.#headBytes + this.#position;
    return Math.max(least, Math.floor(plain / dataPerRecord(recordSize)));
  }

  /**
   * The pieces of files in this data that are needed, one by one: `took` has to follow each.
   * @param offset of its first byte in the plaintext
   */
  *pieces(offset: number, data: Uint8Array): Generator<Piece> {
    const start = offset - this.#headBytes;
    const end = this.#endOfFiles(start + data.length);
    if (start > this.#position && this.#position < end) {
      throw new FaultError("internal", `a gap at byte ${this.#position} of the content`);
    }
    const from = this.#position;
    while (this.#position < end) {
      const file = this.#manifest.open ? 0 : this.#offsets.at(this.#position);
      const until = this.#manifest.open ? end : Math.min(end, this.#offsets.end(file));
      const view = data.subarray(this.#position - start, until - start);
      // A piece that is all that this data has takes the buffer along; others share it.
      const isAlone = this.#position === from && until === end;
      const whole = isAlone && view.buffer instanceof ArrayBuffer;
      yield { file, data: whole ? (view as Uint8Array<ArrayBuffer>) : new Uint8Array(view) };
    }
  }

  /** A piece of that length was given away. */
  took(length: number): void {
    this.#position += length;
  }

  /** The states in this data; to be called before its buffer is given away. */
  takeStates(offset: number, data: Uint8Array): void {
    if (this.#states.length === 0) return;
    const start = offset - this.#headBytes - this.#manifest.bytes;
    const skip = Math.max(0, this.#statesKnown - start);
    const fresh = data.subarray(Math.max(skip, 0));
    if (start + skip !== this.#statesKnown || fresh.length === 0) return;
    if (this.#statesKnown + fresh.length > this.#states.length) {
      throw new FaultError("corrupt-record", "more than the share has");
    }
    this.#states.set(fresh, this.#statesKnown);
    this.#statesKnown += fresh.length;
  }

  #endOfFiles(end: number): number {
    return this.#manifest.open ? end : Math.min(end, this.#manifest.bytes);
  }
}
