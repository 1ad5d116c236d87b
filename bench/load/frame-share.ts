/** The facts of a share that both sides of a run know, and the place of its records in the source. */
import {
  FRAME_BYTES,
  FRAME_HEADER_BYTES,
  shareIdFromProof,
  type Offer,
  type Signer,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";

/** bytes of the source in each record but the last; nothing is encrypted */
export const RECORD_BYTES = FRAME_BYTES - FRAME_HEADER_BYTES;
/** bytes, the least that the protocol lets a record have */
const LEAST_RECORD_BYTES = 18;

export interface FrameShare {
  /** The path that leads to the relay. */
  readonly url: string;
  /** Of the channel, whose code nobody has. */
  readonly signer: Signer;
  readonly proof: Uint8Array;
  readonly offer: Offer;
}

/** Proves the channel that is made from the id of a run. @param id 32 hex digits */
export function channelSigner(id: string): Signer {
  return nodePrimitives.signer(nodePrimitives.sha256(Uint8Array.fromHex(id)));
}

/** @param id 32 hex digits */
export function frameShare(url: string, id: string, size: number): FrameShare {
  const half = Uint8Array.fromHex(id);
  const proof = new Uint8Array(Buffer.concat([half, half]));
  return {
    url: `${url.replace(/^http/, "ws")}/ws`,
    signer: channelSigner(id),
    proof,
    offer: {
      share: shareIdFromProof(proof, nodePrimitives),
      recordSize: RECORD_BYTES,
      records: Math.ceil(size / RECORD_BYTES),
      bytes: size,
      seekable: true,
    },
  };
}

/** The least size from `size` on whose last record is not too small for the protocol. */
export function sendableSize(size: number): number {
  const over = size % RECORD_BYTES;
  return over > 0 && over < LEAST_RECORD_BYTES ? size - over + LEAST_RECORD_BYTES : size;
}

export function recordLength(index: number, size: number): number {
  return Math.min(RECORD_BYTES, size - index * RECORD_BYTES);
}
