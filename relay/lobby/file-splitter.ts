/**
 * Splits the records of a share, in clear and in order, into its files. `LobbyReceiver` gives it each record; it
 * reads the manifest from the first ones and calls a `ClearSink`, a download by HTTP or a receiver of the original app.
 */
import {
  FaultError,
  dataPerRecord,
  plainOffset,
  type FaultCode,
  type Manifest,
  type ManifestFile,
  type OfferSeen,
} from "../../protocol/mod.ts";

import type { OpenedFrame } from "./record-cache.ts";
import type { Part } from "./body.ts";
import type { ShareHead } from "./share-head.ts";

/** Bytes of a record, as a part that can be read again. */
export type Source = (from: number, to: number) => Part;

/** Bytes of a share's plaintext, from one up to before the other. */
export interface PlainPart {
  readonly from: number;
  readonly to: number;
}

/** Takes the files of a share in clear: a download by HTTP, or a receiver of the original app. */
export interface ClearSink {
  /** It takes no more before `LobbyReceiver.drained`. */
  readonly isFull: boolean;
  /**
   * The wish of this client: the files that `begin` takes, a part of the plaintext (without `begin`, but
   * with `end`), or nothing.
   * @param headBytes of the plaintext, before the first file
   */
  wants(manifest: Manifest, headBytes: number): "files" | PlainPart | undefined;
  /** A file begins. False: this client does not want it. */
  begin(file: ManifestFile): boolean;
  data(part: Part): void;
  end(): void;
  /** The share is whole, or broke. After a fault within a file the client must not take it for whole. */
  over(fault: FaultCode | undefined): void;
  /** The relay disconnects this client: nothing follows. */
  cutOff(fault: FaultCode): void;
}

/** A record with the content of files from `first` on. */
interface Taken {
  readonly frame: OpenedFrame;
  readonly source: Source;
  readonly first: number;
}

export class FileSplitter {
  readonly #offer: OfferSeen;
  readonly #sink: ClearSink;
  readonly #head: ShareHead;
  #manifest: Manifest | undefined;
  #wanted: "files" | PlainPart | undefined;
  #passedOver = false;
  #records: number;
  /** The current file, its bytes to come, and whether the sink takes it. */
  #file = -1;
  #left = 0;
  #takes = false;

  constructor(offer: OfferSeen, head: ShareHead, sink: ClearSink) {
    this.#offer = offer;
    this.#head = head;
    this.#sink = sink;
    this.#records = offer.records;
  }

  /** Undefined: it is not here yet. */
  get manifest(): Manifest | undefined {
    return this.#manifest;
  }

  get wanted(): "files" | PlainPart | undefined {
    return this.#wanted;
  }

  /** The record to begin with, where a part is wanted. */
  get firstWanted(): number | undefined {
    if (this.#wanted === undefined || this.#wanted === "files") return undefined;
    return Math.floor(this.#wanted.from / dataPerRecord(this.#offer.recordSize));
  }

  /** Whether the sink did not take all of it. */
  get passedOver(): boolean {
    return this.#passedOver;
  }

  /** Of an open share known with the last record. */
  get records(): number {
    return this.#records;
  }

  /** @throws FaultError for content that no share has */
  take(frame: OpenedFrame, source: Source): void {
    const known = this.#manifest;
    if (known !== undefined) {
      const position = plainOffset(frame.index, this.#offer.recordSize);
      this.#takeIn(known, { frame, source, first: 0 }, position);
      return;
    }
    const head = this.#head.take(frame, this.#offer);
    if (head === undefined) return;
    const { manifest, bytes, first } = head;
    this.#manifest = manifest;
    this.#wanted = this.#sink.wants(manifest, bytes);
    this.#passedOver = this.#wanted !== "files";
    if (this.#wanted === "files") this.#nextFile(manifest);
    this.#takeIn(manifest, { frame, source, first }, bytes - first);
  }

  /** @param position of the record in the plaintext */
  #takeIn(manifest: Manifest, { frame, source, first }: Taken, position: number): void {
    const { index, data, last } = frame;
    // The sealed manifest says where a share ends.
    if (!manifest.open && last !== (index === manifest.records - 1)) {
      throw new FaultError("corrupt-record", "another end");
    }
    if (this.#wanted === undefined) return;
    if (this.#wanted === "files") this.#takeFiles(manifest, source, first, data.length);
    else this.#takePart(this.#wanted, source, data.length, position);
    if (!manifest.open || !last) return;
    this.#records = index + 1;
    this.#endFile();
  }

  #takeFiles(manifest: Manifest, source: Source, first: number, end: number): void {
    let at = first;
    while (at < end) {
      if (this.#file >= manifest.files.length) throw new FaultError("corrupt-record", "too long");
      const length = Math.min(end - at, this.#left);
      if (this.#takes) this.#sink.data(source(at, at + length));
      at += length;
      this.#left -= length;
      if (this.#left > 0) continue;
      this.#endFile();
      this.#nextFile(manifest);
    }
  }

  /** @param length of the record, at `position` of the plaintext */
  #takePart({ from, to }: PlainPart, source: Source, length: number, position: number): void {
    const first = Math.max(from - position, 0);
    const end = Math.min(to - position, length);
    if (first < end) this.#sink.data(source(first, end));
    if (position < to && position + length >= to) this.#sink.end();
  }

  /** Goes on to the next file with bytes. Folders are skipped; empty files begin and end. */
  #nextFile(manifest: Manifest): void {
    for (;;) {
      this.#file++;
      const file = manifest.files[this.#file];
      if (file === undefined) return;
      if (file.type === "folder") continue;
      this.#takes = this.#sink.begin(file);
      this.#passedOver ||= !this.#takes;
      this.#left = manifest.open ? Infinity : file.size;
      if (this.#left > 0) return;
      this.#endFile();
    }
  }

  #endFile(): void {
    if (this.#takes) this.#sink.end();
    this.#takes = false;
  }
}
