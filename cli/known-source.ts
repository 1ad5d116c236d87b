import { FaultError } from "../protocol/faults.ts";
import { encodeManifest, type EncodedManifest } from "../protocol/manifest.ts";
import { plainOffset, recordBytes, RECORD_SIZE } from "../protocol/sizes.ts";
import { collectAfter } from "./collect.ts";
import { RecordHashes } from "./record-hashes.ts";
import type { SkippedEntry } from "./skipped.ts";
import type { Content, RecordData, Source } from "./source.ts";

/** What a share of known length needs when records are cut. */
interface Described {
  readonly head: Uint8Array;
  readonly plainBytes: number;
  readonly recordSize: number;
  readonly records: number;
}

/** A source whose length is known, so that any record can be had by arithmetic. */
export class KnownSource implements Source {
  readonly name: string;
  readonly more: number;
  readonly skipped: readonly SkippedEntry[];
  readonly seekable = true;
  onReady: () => void = () => undefined; // everything is there already
  readonly #content: Content;
  /** At most. */
  readonly #recordSize: number;
  readonly #hashes = new RecordHashes();
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

  describe(share: Uint8Array, apart = false): EncodedManifest {
    if (this.#share !== undefined) throw new FaultError("internal", "a source described twice");
    const { files, kind } = this.#content;
    const encoded = encodeManifest({ share, recordSize: this.#recordSize, files, kind, apart });
    const { head, plainBytes, manifest } = encoded;
    collectAfter(files.length);
    // Not the manifest: of 100,000 files it is larger than all else.
    const { recordSize, records } = manifest;
    this.#share = { head, plainBytes, recordSize, records };
    return encoded;
  }

  read(index: number): RecordData {
    const share = this.#described();
    const { head, plainBytes, recordSize, records } = share;
    if (!Number.isInteger(index) || index < 0 || index >= records) {
      throw new FaultError("internal", `no record ${index}`);
    }
    const start = plainOffset(index, recordSize);
    const end = start + recordBytes(index, plainBytes, recordSize);
    const parts: Uint8Array[] = [];
    if (start < head.length) parts.push(head.subarray(start, end));
    if (end > head.length) {
      const from = Math.max(start - head.length, 0);
      parts.push(this.#content.read(from, end - head.length - from));
    }
    // Times can be set back and writes through a mapping show late; the bytes themselves cannot lie.
    if (!this.#hashes.isSame(index, parts)) throw new FaultError("source-changed", this.about);
    return { parts, last: index === records - 1, padding: 0 };
  }

  bytesBefore(index: number): number {
    const { head, plainBytes, recordSize } = this.#described();
    const end = Math.min(plainOffset(index, recordSize), plainBytes);
    return Math.max(end - head.length, 0);
  }

  stamps(): BigUint64Array | undefined {
    return this.#content.stamps();
  }

  close(): void {
    this.#content.close();
  }

  #described(): Described {
    if (this.#share === undefined) throw new FaultError("internal", "read before describe");
    return this.#share;
  }
}
