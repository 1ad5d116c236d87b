/**
 * A source whose length is known: files or a text. It describes the share and cuts its content into
 * records, each of which can be read at any time. `openSource` makes it; `Sending` reads it.
 */
import { FaultError } from "../../protocol/wire/faults.ts";
import { encodeManifest, type EncodedManifest } from "../../protocol/content/encode-manifest.ts";
import { MANIFEST_VERSION, STATES_VERSION } from "../../protocol/content/manifest.ts";
import { dataPerRecord, plainOffset, recordBytes, RECORD_SIZE } from "../../protocol/wire/sizes.ts";
import { collectAfter } from "./file-list.ts";
import type { Unsound } from "../job/event-schema.ts";
import type { SkippedEntry } from "./skipped.ts";
import type { Content, Cut, EditionOf, RecordData, Source } from "./source.ts";

/** The plan by which a share of known length is cut into records. */
interface Described {
  readonly head: Uint8Array;
  /** Where the files end and their states begin. */
  readonly filesEnd: number;
  readonly plainBytes: number;
  readonly recordSize: number;
  readonly records: number;
}

/**
 * A source whose length is known, so that any record can be had by arithmetic. It remembers how many
 * files had been given up when a record was sealed: of these the record had zeros, and has again.
 */
export class KnownSource implements Source {
  readonly name: string;
  readonly more: number;
  readonly skipped: readonly SkippedEntry[];
  readonly seekable = true;
  onReady: () => void = () => undefined;
  isSealed: (index: number) => boolean = () => false;
  readonly #content: Content;
  /** At most. */
  readonly #recordSize: number;
  /** By record, where files had been given up before it was sealed. */
  readonly #lostThen = new Map<number, number>();
  #proving = false;
  #fault: FaultError | undefined;
  #share: Described | undefined;

  constructor(content: Content, skipped: readonly SkippedEntry[], recordSize = RECORD_SIZE) {
    this.name = content.name;
    this.more = content.more;
    this.skipped = skipped;
    this.#content = content;
    this.#recordSize = recordSize;
  }

  get about(): string {
    return this.#content.about;
  }

  get records(): number | undefined {
    return this.#share?.records;
  }

  get isRenewable(): boolean {
    return this.#content.states !== undefined;
  }

  get lost(): readonly number[] {
    return this.#content.lost;
  }

  get unsound(): readonly Unsound[] {
    return this.#content.unsound;
  }

  describe(share: Uint8Array, apart = false, editionOf?: EditionOf): EncodedManifest {
    if (this.#share !== undefined) throw new FaultError("internal", "a source described twice");
    const { files, kind, states } = this.#content;
    const edition = editionOf?.(files, this.#content.stamps());
    const version = (states ?? edition) === undefined ? MANIFEST_VERSION : STATES_VERSION;
    const most = { recordSize: this.#recordSize };
    const encoded = encodeManifest({ version, share, ...most, files, kind, apart, edition });
    const { head, plainBytes, manifest } = encoded;
    collectAfter(files.length);
    // Not the manifest: of 100,000 files it is larger than all else.
    const { recordSize, records, bytes } = manifest;
    const filesEnd = head.length + bytes;
    this.#share = { head, filesEnd, plainBytes, recordSize, records };
    return encoded;
  }

  read(index: number): RecordData | undefined {
    if (this.#fault !== undefined) throw this.#fault;
    const share = this.#described();
    const { head, filesEnd, plainBytes, recordSize, records } = share;
    if (!Number.isInteger(index) || index < 0 || index >= records) {
      throw new FaultError("internal", `no record ${index}`);
    }
    const start = plainOffset(index, recordSize);
    const end = start + recordBytes(index, plainBytes, recordSize);
    const parts: Uint8Array[] = [];
    if (start < head.length) parts.push(head.subarray(start, end));
    const isSealed = this.isSealed(index);
    const from = Math.max(start, head.length);
    const to = Math.min(end, filesEnd);
    if (to > from) {
      const lostThen = isSealed ? (this.#lostThen.get(index) ?? 0) : undefined;
      const of = { record: index, lostThen, told: this.#isTold };
      parts.push(this.#content.read(from - head.length, to - from, of));
      const { length: lost } = this.#content.lost;
      if (!isSealed && lost > 0) this.#lostThen.set(index, lost);
    }
    // A share in doubt may not come to its end, also where no states are told.
    const tells = end > filesEnd || index === records - 1;
    if (tells && !this.#isTold && !this.#content.isProved) {
      void this.#prove();
      return undefined;
    }
    if (end > filesEnd) {
      // Under --strict all are whole, or there is no end.
      const states = this.#content.states ?? new Uint8Array(this.#content.files.length);
      parts.push(states.subarray(Math.max(0, start - filesEnd), end - filesEnd));
    }
    return { parts, last: index === records - 1, padding: 0 };
  }

  doubtfulWith(index: number): ReadonlySet<number> {
    const { head, filesEnd, recordSize } = this.#described();
    const start = Math.max(plainOffset(index, recordSize), head.length);
    const end = Math.min(plainOffset(index + 1, recordSize), filesEnd);
    const { lost, unproved } = this.#content;
    const there = end > start ? this.#content.filesIn(start - head.length, end - head.length) : [];
    return new Set([...lost, ...unproved, ...there]);
  }

  bytesBefore(index: number): number {
    const { head, filesEnd, recordSize } = this.#described();
    const end = Math.min(plainOffset(index, recordSize), filesEnd);
    return Math.max(end - head.length, 0);
  }

  stamps(): BigUint64Array | undefined {
    return this.#content.stamps();
  }

  close(): void {
    this.#content.close();
  }

  /** Whether a record with states in it was sealed, or the last one: they are what they are from then on. */
  get #isTold(): boolean {
    const { filesEnd, records } = this.#described();
    const first = Math.min(this.#recordAt(filesEnd), records - 1);
    for (let index = first; index < records; index++) {
      if (this.isSealed(index)) return true;
    }
    return false;
  }

  async #prove(): Promise<void> {
    if (this.#proving) return;
    this.#proving = true;
    try {
      await this.#content.prove(this.#cut());
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#fault = error;
    } finally {
      this.#proving = false;
    }
    this.onReady();
  }

  #cut(): Cut {
    const { head, recordSize } = this.#described();
    return {
      recordAt: (position) => this.#recordAt(head.length + position),
      endOf: (record) => plainOffset(record + 1, recordSize) - head.length,
      isSealed: (record) => this.isSealed(record),
    };
  }

  #recordAt(offset: number): number {
    return Math.floor(offset / dataPerRecord(this.#described().recordSize));
  }

  #described(): Described {
    if (this.#share === undefined) throw new FaultError("internal", "read before describe");
    return this.#share;
  }
}
