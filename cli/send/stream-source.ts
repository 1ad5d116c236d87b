/**
 * A source that is read once, as it comes: the standard input. It keeps the last CREDIT_RECORDS records,
 * as the relay may ask for them again. `openSource` makes it; `Sending` reads it.
 */
import { fstatSync, read as readFd } from "node:fs";

import { FaultError } from "../../protocol/wire/faults.ts";
import { CREDIT_RECORDS } from "../../protocol/wire/limits.ts";
import { encodeManifest, type EncodedManifest } from "../../protocol/content/encode-manifest.ts";
import type { SafeName } from "../../protocol/content/names.ts";
import { dataPerRecord, OPEN_RECORD_SIZE } from "../../protocol/wire/sizes.ts";
import type { RecordData, Source } from "./source.ts";
import { reasonOf } from "../system/system-error.ts";

/** How long an open share waits for more bytes before it sends what it has. */
const OPEN_FLUSH_MS = 50;

const STDIN = 0;
const ROOM = dataPerRecord(OPEN_RECORD_SIZE);
/** A standard input that somebody else made non-blocking is looked at again after so long. */
const AGAIN_MS = 10;

/** A record as it was sent, in case the link breaks. */
interface Produced {
  readonly data: Uint8Array;
  readonly last: boolean;
  /** Bytes of the stream before it. */
  readonly before: number;
}

/**
 * The standard input, read once and no further than it is asked for: one record is filled, and the
 * pipe fills up behind it. A part of a record waits OPEN_FLUSH_MS for more and then leaves.
 */
export class StreamSource implements Source {
  readonly name: SafeName;
  readonly more = 0;
  readonly about = "the standard input";
  readonly skipped = [];
  readonly seekable = false;
  readonly isRenewable = false;
  readonly unsound = [];
  readonly lost = [];
  onReady: () => void = () => undefined;
  isSealed: (index: number) => boolean = () => false;
  records: number | undefined;
  readonly #fd: number;
  readonly #kept = new Map<number, Produced>();
  #next = 0;
  /** Bytes of the stream in all records so far. */
  #produced = 0;
  readonly #filling = new Uint8Array(ROOM);
  /** The read under way. Its bytes go behind the bytes that are filled by then. */
  readonly #chunk = new Uint8Array(ROOM);
  #filled = 0;
  #ended = false;
  #reading = false;
  /** A record that is filled in part may leave. */
  #flush = false;
  #timer: NodeJS.Timeout | undefined;
  #fault: FaultError | undefined;
  #closed = false;

  constructor(name: SafeName, fd = STDIN) {
    this.name = name;
    this.#fd = fd;
    try {
      fstatSync(fd);
    } catch (cause) {
      throw new FaultError("unreadable-file", `${this.about} (${reasonOf(cause)})`, { cause });
    }
  }

  describe(share: Uint8Array): EncodedManifest {
    if (this.#next > 0) throw new FaultError("internal", "a source described twice");
    const file = { path: this.name, type: "file", size: 0, mode: 0, mtime: Date.now() } as const;
    const source = { share, recordSize: OPEN_RECORD_SIZE, files: [file], open: true };
    const encoded = encodeManifest(source);
    if (encoded.head.length > ROOM) throw new FaultError("internal", "a long name");
    // The manifest goes alone, so that receivers are asked before anything is produced.
    this.#keep(encoded.head, false);
    return encoded;
  }

  read(index: number): RecordData | undefined {
    if (index === this.#next) this.#produce();
    const kept = this.#kept.get(index);
    if (kept === undefined) {
      if (index < this.#next) throw new FaultError("internal", `record ${index} is gone`);
      return undefined;
    }
    const { data, last } = kept;
    return { parts: [data], last, padding: ROOM - data.length };
  }

  doubtfulWith(): ReadonlySet<number> {
    return new Set([0]);
  }

  stamps(): undefined {
    return undefined;
  }

  bytesBefore(index: number): number {
    return this.#kept.get(index)?.before ?? this.#produced;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #produce(): void {
    if (this.records !== undefined) return;
    if (this.#fault !== undefined) throw this.#fault;
    if (!this.#ended && !this.#flush) {
      this.#fill();
      return;
    }
    const data = this.#filling.slice(0, this.#filled);
    this.#filled = 0;
    this.#flush = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#keep(data, this.#ended);
    this.#produced += data.length;
    if (this.#ended) this.records = this.#next;
  }

  #keep(data: Uint8Array, last: boolean): void {
    this.#kept.set(this.#next, { data, last, before: this.#produced });
    this.#next++;
    // The relay may want so many again when a line breaks, and the one that is sent next.
    this.#kept.delete(this.#next - CREDIT_RECORDS - 2);
  }

  #fill(): void {
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    const room = ROOM - this.#filled;
    readFd(this.#fd, this.#chunk, 0, room, null, (error, count) => {
      this.#reading = false;
      if (this.#closed) return;
      if (error === null) this.#took(count);
      else this.#failed(error);
    });
  }

  #took(count: number): void {
    this.#filling.set(this.#chunk.subarray(0, count), this.#filled);
    this.#filled += count;
    this.#ended = count === 0;
    if (this.#ended || this.#filled === ROOM) this.#leave();
    else {
      this.#timer ??= setTimeout(() => this.#leave(), OPEN_FLUSH_MS);
      this.#fill();
    }
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (error.code === "EAGAIN") {
      setTimeout(() => this.#fill(), AGAIN_MS);
      return;
    }
    if (error.code === "EOF") {
      this.#took(0);
      return;
    }
    const detail = `${this.about} (${reasonOf(error)})`;
    this.#fault = new FaultError("source-unreadable", detail, { cause: error });
    this.onReady();
  }

  #leave(): void {
    this.#flush = true;
    this.onReady();
  }
}
