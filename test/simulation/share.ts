import {
  RECORD_INDEX,
  encodeFrame,
  shareIdFromProof,
  toHex,
  type Offer,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";

import type { Random } from "./random.ts";

/** The shortest that a sealed name is. */
const SEALED_NAME_BYTES = 60;

export interface ShareSize {
  readonly records: number;
  /** Bytes of ciphertext of every record but the last. */
  readonly recordSize: number;
  readonly lastBytes: number;
  readonly seekable: boolean;
  /** Of an open share, from one record to the next; undefined: its end is known. ms */
  readonly produceMs?: number | undefined;
}

/** A share without encryption: its records are bytes that chance makes. */
export class SimShare {
  readonly offer: Offer;
  readonly proof: Uint8Array;
  readonly key: string;
  readonly isOpen: boolean;
  readonly #produceMs: number;
  readonly #ciphertexts: Uint8Array[];

  /** @param admits whether its sender says of each receiver whether it may have it */
  constructor(random: Random, size: ShareSize, admits: boolean) {
    const { records, recordSize, lastBytes, seekable, produceMs } = size;
    this.isOpen = produceMs !== undefined;
    this.#produceMs = produceMs ?? 0;
    this.proof = random.bytes(32);
    const share = shareIdFromProof(this.proof, nodePrimitives);
    this.key = toHex(share);
    const bytes = (records - 1) * recordSize + lastBytes;
    const known = this.isOpen ? { records: RECORD_INDEX, bytes: 0 } : { records, bytes };
    this.offer = { share, recordSize, seekable, ...known, ...(admits ? { admit: true } : {}) };
    const body = random.bytes(bytes);
    this.#ciphertexts = Array.from({ length: records }, (_, index) =>
      body.subarray(index * recordSize, Math.min((index + 1) * recordSize, bytes)),
    );
  }

  /** Those that there are, whatever the offer says. */
  get records(): number {
    return this.#ciphertexts.length;
  }

  /** From the start of its sender. ms */
  producedAfter(index: number): number {
    return index * this.#produceMs;
  }

  ciphertext(index: number): Uint8Array {
    const ciphertext = this.#ciphertexts[index];
    if (ciphertext === undefined) throw new RangeError(`record ${index} of ${this.records}`);
    return ciphertext;
  }

  frame(index: number): Uint8Array {
    const last = index === this.records - 1;
    return encodeFrame(this.offer.share, index, last, this.ciphertext(index));
  }

  /** A receiver's name as it crosses the relay: no other receiver and no other share has it. */
  name(receiver: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(SEALED_NAME_BYTES);
    sealed.set(receiver.map((byte, at) => byte ^ this.offer.share[at]!));
    return sealed;
  }

  /** A receipt: any function of share, receiver and number of records will do. */
  mac(receiver: Uint8Array, records: number): Uint8Array {
    return receiver.map(
      (byte, at) => byte ^ this.offer.share[at]! ^ ((records >> (at % 4)) & 0xff),
    );
  }
}
