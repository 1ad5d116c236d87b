/**
 * One share that comes in: preview, known, agreed. It opens records and reads the manifest; the driver
 * gives it records in order, and takes the pieces.
 *
 *   preview --head is here--> known --agree--> agreed
 */
import { dangersOf } from "../../protocol/content/dangers.ts";
import {
  decodeManifest,
  MANIFEST_LENGTH_BYTES,
  manifestLength,
  stateBytes,
  type Manifest,
} from "../../protocol/content/manifest.ts";
import { ANY_SYSTEM, type Naming } from "../../protocol/content/renames.ts";
import {
  recordCipher,
  type OpenedRecord,
  type RecordCipher,
} from "../../protocol/content/record.ts";
import type { Primitives } from "../../protocol/crypto/crypto.ts";
import { receiptMac, type Keys } from "../../protocol/crypto/keys.ts";
import { concat, toHex } from "../../protocol/wire/bytes.ts";
import { isOpen, type OfferSeen } from "../../protocol/wire/control.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { dataPerRecord, plainOffset, recordBytes } from "../../protocol/wire/sizes.ts";
import type { Offer } from "../job/receive-messages.ts";
import { ShareContent } from "./share-content.ts";

/**
 * A browser does not say what its file system is like, so names that any system takes for one, or for
 * another place, get other names. The person has no option to ask for that.
 */
const NAMES: Naming = { ...ANY_SYSTEM, renames: true };

type Stage =
  | { readonly at: "preview" }
  | { readonly at: "known"; readonly manifest: Manifest; readonly headBytes: number }
  | {
      readonly at: "agreed";
      readonly manifest: Manifest;
      readonly headBytes: number;
      readonly content: ShareContent;
      /** Of a text: its parts, TEXT_BYTES at most as the manifest was checked. */
      readonly text: Uint8Array[] | undefined;
    };

/** A record that was opened: its place in the plaintext, and its data. */
export interface OpenedPart extends OpenedRecord {
  readonly offset: number;
  /** Of the data, whose buffer may be given away. */
  readonly length: number;
}

export class Incoming {
  readonly offer: OfferSeen;
  /** Our id for this share. */
  readonly receiver: Uint8Array;
  readonly #keys: Keys;
  readonly #primitives: Primitives;
  readonly #cipher: RecordCipher;
  #stage: Stage = { at: "preview" };
  /** Plaintext before the agreement: the head, and what the last of its records has behind it. */
  #early = new EarlyBytes();
  #next = 0;
  /** Bytes of plaintext before record `next`. */
  #plainBytes = 0;
  #records: number;

  private constructor(
    offer: OfferSeen,
    receiver: Uint8Array,
    keys: Keys,
    primitives: Primitives,
    cipher: RecordCipher,
  ) {
    this.offer = offer;
    this.receiver = receiver;
    this.#keys = keys;
    this.#primitives = primitives;
    this.#cipher = cipher;
    this.#records = offer.records;
  }

  static async open(
    offer: OfferSeen,
    receiver: Uint8Array,
    keys: Keys,
    primitives: Primitives,
  ): Promise<Incoming> {
    const cipher = await recordCipher(keys.content, offer.share, primitives);
    return new Incoming(offer, receiver, keys, primitives, cipher);
  }

  /** In hex. */
  get share(): string {
    return toHex(this.offer.share);
  }

  /** The first record that is not here. */
  get next(): number {
    return this.#next;
  }

  /** How many there are, as far as that is known; see OfferSeen. */
  get records(): number {
    return this.#records;
  }

  get manifest(): Manifest | undefined {
    return this.#stage.at === "preview" ? undefined : this.#stage.manifest;
  }

  get content(): ShareContent | undefined {
    return this.#stage.at === "agreed" ? this.#stage.content : undefined;
  }

  /** Of an agreed text: its parts, which the page gets as one. */
  get text(): Uint8Array[] | undefined {
    return this.#stage.at === "agreed" ? this.#stage.text : undefined;
  }

  /** As the page asks about it. */
  describe(): Offer {
    const { manifest } = this;
    if (manifest === undefined) throw new FaultError("internal", "a share without its manifest");
    const { kind, bytes, open, files } = manifest;
    const { stored } = this.offer;
    return {
      stored: stored && { until: stored.until * 1000, downloads: stored.downloads },
      share: this.share,
      receiver: toHex(this.receiver),
      kind,
      bytes,
      open,
      files: files.map((file) => {
        const { path, sent, type, size, mtime } = file;
        const modified = mtime === 0 ? undefined : mtime;
        return { path, sent, type, size, modified, dangers: dangersOf(file) };
      }),
    };
  }

  /**
   * Opens record `next`; nothing of it counts before `stored`.
   * @throws FaultError `corrupt-record`
   */
  async decipher(ciphertext: Uint8Array): Promise<OpenedPart> {
    const index = this.#next;
    const opened = await this.#openRecord(index, ciphertext);
    this.#checkLength(index, opened);
    return { ...opened, offset: this.#plainBytes, length: opened.data.length };
  }

  /**
   * The opened record is kept: as a part of the head, or because all its pieces were given away.
   * @returns whether the manifest became known by it
   * @throws FaultError `bad-manifest`, `unsafe-name`
   */
  stored({ data, last, length }: OpenedPart): boolean {
    if (this.#stage.at === "known") throw new FaultError("internal", "a record before the answer");
    if (this.#stage.at === "preview") this.#early.add(data);
    this.#plainBytes += length;
    this.#next++;
    if (last && isOpen(this.offer)) this.#records = this.#next;
    return this.#stage.at === "preview" && this.#readManifest();
  }

  /**
   * A person takes the share.
   * @param position bytes of content that are saved already
   * @returns what the records before the answer hold of the content; its pieces come first
   */
  agree(position: number): { readonly offset: number; readonly data: Uint8Array } | undefined {
    if (this.#stage.at !== "known") return undefined;
    const { manifest, headBytes } = this.#stage;
    // The page saves no text: it comes whole.
    const from = manifest.kind === "text" ? 0 : position;
    const content = new ShareContent(manifest, headBytes, from);
    const text = manifest.kind === "text" ? [] : undefined;
    this.#stage = { at: "agreed", manifest, headBytes, content, text };
    const data = this.#early.bytes.slice(headBytes);
    this.#early = new EarlyBytes();
    return { offset: headBytes, data };
  }

  /** After the pieces of the records before the answer: jumps over those that the saver has. */
  jump(): void {
    if (this.#stage.at !== "agreed") return;
    const next = this.#stage.content.nextRecord(this.#next);
    if (next === this.#next) return;
    this.#next = next;
    this.#plainBytes = plainOffset(next, this.offer.recordSize);
  }

  /** The proof for the sender, and for it alone, that this receiver decrypted all records. */
  async receipt(): Promise<Uint8Array> {
    const { share } = this.offer;
    return receiptMac(this.#keys, this.#primitives, share, this.receiver, this.#records);
  }

  async #openRecord(index: number, ciphertext: Uint8Array): Promise<OpenedRecord> {
    if (isOpen(this.offer)) return this.#cipher.openAny(index, ciphertext);
    const last = index === this.offer.records - 1;
    return { data: await this.#cipher.open(index, ciphertext, last), last };
  }

  /** A record of another length would move all that follows, or never bring the head to its end. */
  #checkLength(index: number, { data, last }: OpenedRecord): void {
    if (data.length === this.#dueLength(index, { data, last })) return;
    throw new FaultError("corrupt-record", `record ${index} has ${data.length} bytes`);
  }

  #dueLength(index: number, { data, last }: OpenedRecord): number {
    const { recordSize } = this.offer;
    if (isOpen(this.offer)) return data.length === 0 && !last ? 1 : data.length;
    if (this.#stage.at === "preview") return last ? data.length : dataPerRecord(recordSize);
    const { manifest, headBytes } = this.#stage;
    return recordBytes(index, headBytes + manifest.bytes + stateBytes(manifest), recordSize);
  }

  #readManifest(): boolean {
    const early = this.#early.bytes;
    if (early.length < MANIFEST_LENGTH_BYTES) {
      if (this.#next >= this.#records) throw new FaultError("bad-manifest", "it is cut off");
      return false;
    }
    const headBytes = MANIFEST_LENGTH_BYTES + manifestLength(early);
    if (early.length < headBytes) {
      if (this.#next >= this.#records) throw new FaultError("bad-manifest", "it is cut off");
      return false;
    }
    const bytes = early.slice(MANIFEST_LENGTH_BYTES, headBytes);
    const manifest = decodeManifest(bytes, this.offer, undefined, NAMES);
    if (manifest.open !== isOpen(this.offer)) {
      throw new FaultError("bad-manifest", "its end differs from the offer");
    }
    this.#stage = { at: "known", manifest, headBytes };
    return true;
  }
}

/** Grows by doubling: records of an open share may have a single byte each. */
class EarlyBytes {
  #buffer = new Uint8Array();
  #length = 0;

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  add(data: Uint8Array): void {
    const length = this.#length + data.length;
    if (length > this.#buffer.length) {
      const room = Math.max(length, 2 * this.#buffer.length);
      this.#buffer = concat(this.bytes, new Uint8Array(room - this.#length));
    }
    this.#buffer.set(data, this.#length);
    this.#length = length;
  }
}
