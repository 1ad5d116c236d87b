import {
  FaultError,
  MANIFEST_LENGTH_BYTES,
  concat,
  decodeManifest,
  manifestLength,
  type Manifest,
  type OfferSeen,
} from "../../protocol/mod.ts";
import { ANY_SYSTEM } from "../../protocol/content/renames.ts";

import type { MemoryBudget, MemoryPlace } from "../limits/memory-budget.ts";

/** Memory of a record beside its bytes, so that many empty ones count too. bytes */
const RECORD_COST = 128;
/** Memory of a decoded manifest, as a multiple of its bytes. */
const READ_COST = 3;

export interface ReadHead {
  readonly manifest: Manifest;
  /** Of the plaintext, before the first file. */
  readonly bytes: number;
  /** The record where the manifest ends, and the offset of the first file in it. */
  readonly record: number;
  readonly first: number;
}

export interface HeadRecord {
  readonly index: number;
  readonly data: Uint8Array;
}

/**
 * The start of a share, up to the end of its manifest. Thousands of downloads of one share use the same manifest of
 * up to MANIFEST_BYTES, as they use the same opened records.
 */
export class ShareHead {
  readonly #memory: MemoryPlace;
  #records: Uint8Array[] = [];
  /** Of `#records`. */
  #bytes = 0;
  /** Where the first file begins; undefined: not known yet. */
  #end: number | undefined;
  #read: ReadHead | undefined;
  #fault: FaultError | undefined;

  constructor(memory: MemoryBudget) {
    const nothing = (): void => undefined;
    this.#memory = memory.enter({ address: undefined, room: nothing, cut: nothing }, "kept");
  }

  /**
   * A download reached this record, in order.
   * @returns undefined: the head goes on
   * @throws FaultError for content that no share has; `too-many` without memory for it
   */
  take({ index, data }: HeadRecord, offer: OfferSeen): ReadHead | undefined {
    if (this.#fault === undefined && this.#read === undefined && index === this.#records.length) {
      this.#add(index, data, offer);
    }
    if (this.#fault !== undefined) throw this.#fault;
    const read = this.#read;
    if (read === undefined || index < read.record) return undefined;
    const { recordSize, records } = read.manifest;
    if (recordSize !== offer.recordSize || records !== offer.records) {
      throw new FaultError("bad-manifest", "it was offered otherwise before");
    }
    return read;
  }

  /** No client takes the share any more. */
  leave(): void {
    this.#records = [];
    this.#read = undefined;
    this.#memory.leave();
  }

  #add(index: number, data: Uint8Array, offer: OfferSeen): void {
    const cost = data.length + RECORD_COST;
    if (!this.#memory.fits(cost)) throw new FaultError("too-many", "no memory for its manifest");
    this.#memory.hold(this.#memory.bytes + cost);
    this.#records.push(data);
    this.#bytes += data.length;
    try {
      this.#read = this.#readAt(index, data, offer);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#fault = error;
    }
    if (this.#read === undefined && this.#fault === undefined) return;
    this.#records = [];
    this.#memory.hold(this.#read === undefined ? 0 : READ_COST * this.#read.bytes);
  }

  #readAt(index: number, data: Uint8Array, offer: OfferSeen): ReadHead | undefined {
    const isOne = this.#records.length === 1;
    // The first record holds the length.
    this.#end ??= MANIFEST_LENGTH_BYTES + manifestLength(data);
    if (this.#bytes < this.#end) return undefined;
    // Most manifests lie in one record, which needs no copy.
    const plain = isOne ? data : concat(...this.#records);
    const bytes = this.#end;
    const manifest = decodeManifest(
      plain.subarray(MANIFEST_LENGTH_BYTES, bytes),
      offer,
      undefined,
      ANY_SYSTEM, // nothing is known of the systems of clients in clear
    );
    return { manifest, bytes, record: index, first: bytes - (this.#bytes - data.length) };
  }
}
