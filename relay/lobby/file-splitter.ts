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

/** What lies in a record, as a part that can be read again. */
export type Source = (from: number, to: number) => Part;

/** Bytes of a share's plaintext, from one up to before the other. */
export interface PlainPart {
  readonly from: number;
  readonly to: number;
}

/** Where the files of the lobby leave in clear. */
export interface ClearSink {
  /** It takes no more before `LobbyReceiver.drained`. */
  readonly isFull: boolean;
  /**
   * What of this share is for this client: all files, that `begin` takes, a part of the plaintext, of
   * which nothing begins but `end` tells that it is through, or nothing.
   * @param headBytes of the plaintext, before the first file's
   */
  wants(manifest: Manifest, headBytes: number): "files" | PlainPart | undefined;
  /**
   * A file begins, of an open share if nobody knows its size. False: this client does not want it, and
   * what it holds is passed over.
   */
  begin(file: ManifestFile): boolean;
  /** A part of it. */
  data(part: Part): void;
  end(): void;
  /** The share is whole, or broke; after a fault within a file the client must not think it has it. */
  over(fault: FaultCode | undefined): void;
  /** The relay let go of this client: nothing comes any more. */
  cutOff(fault: FaultCode): void;
}

/** A record with the content of files from `first` on. */
interface Taken {
  readonly frame: OpenedFrame;
  readonly source: Source;
  readonly first: number;
}

/** The records of a share, in clear and in order, as the files that they hold. */
export class FileSplitter {
  readonly #offer: OfferSeen;
  readonly #sink: ClearSink;
  /** The part of the manifest that all receivers of this share have in common. */
  readonly #head: ShareHead;
  #manifest: Manifest | undefined;
  #wanted: "files" | PlainPart | undefined;
  #passedOver = false;
  #records: number;
  /** The file at hand, its bytes to come (of an open one: all), and whether the sink takes it. */
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

  /** Whether something of it was not taken. */
  get passedOver(): boolean {
    return this.#passedOver;
  }

  /** How many there are; of an open share known with the last. */
  get records(): number {
    return this.#records;
  }

  /** @throws FaultError for what no share holds */
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
    // Only what is sealed says where a share ends, before anybody thinks so.
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

  /** @param length of what is there, at `position` of the plaintext */
  #takePart({ from, to }: PlainPart, source: Source, length: number, position: number): void {
    const first = Math.max(from - position, 0);
    const end = Math.min(to - position, length);
    if (first < end) this.#sink.data(source(first, end));
    if (position < to && position + length >= to) this.#sink.end();
  }

  /** Goes on to the next file that has bytes; folders are nothing in clear, empty files begin and end. */
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
