import { lstatSync } from "node:fs";
import { join } from "node:path";

import {
  FaultError,
  MANIFEST_LENGTH_BYTES,
  concat,
  decodeManifest,
  manifestLength,
  receiptMac,
  recordCipher,
  type Keys,
  type Manifest,
  type OfferSeen,
  type SyncRecordCipher,
} from "../protocol/mod.ts";
import { nodePrimitives as primitives } from "../protocol/crypto-node.ts";

import { findPartial, openPartial } from "./find-partial.ts";
import { fileOffset, type PartialFile } from "./partial.ts";
import { finalName, type FinishPolicy } from "./place.ts";

/**
 * Where an incoming share stands on this machine: first only records in memory until they hold the
 * manifest, then, agreed to, a partial on the disk.
 */
type Stage =
  | { readonly at: "preview"; readonly plain: Uint8Array[] }
  | {
      readonly at: "known";
      readonly plain: Uint8Array[];
      readonly manifest: Manifest;
      readonly head: Uint8Array;
    }
  | { readonly at: "partial"; readonly partial: PartialFile };

/** One share as it arrives: deciphers its records and keeps them. */
export class Incoming {
  readonly offer: OfferSeen;
  /** Who we are for this share; kept with the partial, so that a later run is the same receiver. */
  readonly receiver: Uint8Array;
  readonly #dir: string;
  readonly #keys: Keys;
  readonly #cipher: SyncRecordCipher;
  /** A partial of this share id with other records than offered: not ours to touch or to go on with. */
  readonly #unfit: PartialFile | undefined;
  #stage: Stage;

  /**
   * Takes up a share: with what an earlier run left of it in `dir`, or from its beginning.
   * @throws FaultError of the disk
   */
  constructor(offer: OfferSeen, keys: Keys, dir: string) {
    this.offer = offer;
    this.#dir = dir;
    this.#keys = keys;
    this.#cipher = recordCipher(keys.content, offer.share, primitives);
    const partial = findPartial({ dir, share: offer.share });
    if (partial !== undefined && fits(partial.manifest, offer)) {
      this.#stage = { at: "partial", partial };
      this.receiver = partial.receiver;
    } else {
      this.#unfit = partial;
      this.#stage = { at: "preview", plain: [] };
      this.receiver = primitives.randomBytes(16);
    }
  }

  /** The first record needed. */
  get next(): number {
    return this.#stage.at === "partial" ? this.#stage.partial.next : this.#stage.plain.length;
  }

  /** Whether an earlier run was told to take it. */
  get agreed(): boolean {
    return this.#stage.at === "partial";
  }

  get manifest(): Manifest | undefined {
    switch (this.#stage.at) {
      case "preview":
        return undefined;
      case "known":
        return this.#stage.manifest;
      case "partial":
        return this.#stage.partial.manifest;
    }
  }

  /** Bytes of the files that are here. */
  get bytes(): number {
    const { manifest } = this;
    return manifest === undefined ? 0 : fileOffset(this.next, manifest, this.#headBytes());
  }

  /**
   * Deciphers record `next` and keeps it.
   * @returns whether the manifest became known by it
   * @throws FaultError `corrupt-record`, `bad-manifest`, `unsafe-name`, or of the disk
   */
  take(ciphertext: Uint8Array): "stored" | "manifest-known" {
    const index = this.next;
    const plain = this.#cipher.open(index, ciphertext, index === this.offer.records - 1);
    if (this.#stage.at === "partial") {
      this.#stage.partial.write(index, plain);
      return "stored";
    }
    if (this.#stage.at === "known") throw new FaultError("internal", "a record before the answer");
    this.#stage.plain.push(plain);
    return this.#readManifest(this.#stage.plain) ? "manifest-known" : "stored";
  }

  /** Whether a file of the name that `finish` would give is there already. */
  exists(prefix: string): boolean {
    const name = this.manifest?.files[0]?.path;
    if (name === undefined || name.includes("/")) return false;
    const path = join(this.#dir, finalName(name, prefix));
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  }

  /**
   * The person agreed: from here on it is kept on the disk.
   * @throws FaultError `bad-manifest`, `unsafe-name`, or of the disk
   */
  begin(): void {
    if (this.#stage.at !== "known") return;
    const { plain, manifest, head } = this.#stage;
    const partial = openPartial({ dir: this.#dir, manifest, head, receiver: this.receiver });
    this.#stage = { at: "partial", partial };
    for (const [index, record] of plain.entries()) partial.write(index, record);
  }

  /** Brings what is here to the disk; see PartialFile.checkpoint. */
  async checkpoint(): Promise<void> {
    if (this.#stage.at === "partial") await this.#stage.partial.checkpoint();
  }

  /** Everything is here: gives it its name, and returns its path. */
  finish(policy: FinishPolicy): Promise<string> {
    if (this.#stage.at !== "partial") throw new FaultError("internal", "nothing to finish");
    return this.#stage.partial.finish(policy);
  }

  /** What proves to the sender, and to it alone, that all records were deciphered here. */
  receipt(): Uint8Array {
    const { share, records } = this.offer;
    return receiptMac(this.#keys, primitives, share, this.receiver, records);
  }

  /** Lets go of it; what is on the disk stays for the next run. @returns where that is, if it is. */
  async close(): Promise<string | undefined> {
    await this.#unfit?.close();
    return this.#stage.at === "partial" ? await this.#stage.partial.close() : undefined;
  }

  #headBytes(): number {
    switch (this.#stage.at) {
      case "preview":
        return 0;
      case "known":
        return this.#stage.head.length;
      case "partial":
        return this.#stage.partial.headBytes;
    }
  }

  #readManifest(plain: Uint8Array[]): boolean {
    const arrived = plain.reduce((sum, { length }) => sum + length, 0);
    if (arrived < MANIFEST_LENGTH_BYTES) return false;
    const bytes = concat(...plain);
    const end = MANIFEST_LENGTH_BYTES + manifestLength(bytes);
    if (arrived < end) return false;
    const head = bytes.slice(0, end);
    const manifest = decodeManifest(head.subarray(MANIFEST_LENGTH_BYTES), this.offer);
    this.#stage = { at: "known", plain, manifest, head };
    return true;
  }
}

function fits(manifest: Manifest, offer: OfferSeen): boolean {
  return manifest.recordSize === offer.recordSize && manifest.records === offer.records;
}
