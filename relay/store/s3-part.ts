/**
 * The records of a share in a bucket: each PART_BYTES of them are one object. The layout depends on the size of a frame alone,
 * so that it stays when the end of an open share becomes known.
 *
 *   <prefix>records/<place>/<part>    slot 0 | slot 1 | ...
 *   slot                              sum u64 | length u32 | frame | zeros up to the next slot; none behind the last
 *
 * The sum (xxHash64) is of the length and the frame, and starts from the place and the record's index: a slot of
 * another record or share is wrong too.
 */
import { OPEN_FRAME_BYTES } from "../../protocol/mod.ts";

import type { StoredShape } from "./record-store.ts";

/** At least so much is one object, unless the share ends: few enough requests, and little to send again. bytes */
export const PART_BYTES = 8 * 1024 ** 2;
/**
 * The same where frames are as small as those of an open share. Its sender keeps 16 of them, and waits until the older half
 * is durable: larger parts would be written several times before they are complete. bytes
 */
const SMALL_PART_BYTES = 8 * OPEN_FRAME_BYTES;
const SUM_BYTES = 8;
const LENGTH_BYTES = 4;
const HEAD_BYTES = SUM_BYTES + LENGTH_BYTES;
const SEED_BITS = 64;

export class PartLayout {
  readonly slotBytes: number;
  /** Records of each part but the last. */
  readonly perPart: number;
  readonly #frameBytes: number;
  readonly #seed: bigint;

  constructor({ place, frameBytes }: StoredShape, partBytes: number) {
    this.#frameBytes = frameBytes;
    this.slotBytes = HEAD_BYTES + frameBytes;
    const least =
      frameBytes <= OPEN_FRAME_BYTES ? Math.min(partBytes, SMALL_PART_BYTES) : partBytes;
    this.perPart = Math.ceil(least / this.slotBytes);
    this.#seed = Bun.hash.xxHash64(place);
  }

  partOf(index: number): number {
    return Math.floor(index / this.perPart);
  }

  /** Where the record is in its part. bytes */
  at(index: number): number {
    return (index % this.perPart) * this.slotBytes;
  }

  /** @param slot where the slot begins in `part`. @returns where it ends, without zeros */
  write(part: Uint8Array, slot: number, index: number, frame: Uint8Array): number {
    const view = new DataView(part.buffer, part.byteOffset + slot);
    view.setUint32(SUM_BYTES, frame.length);
    part.set(frame, slot + HEAD_BYTES);
    const end = slot + HEAD_BYTES + frame.length;
    view.setBigUint64(0, this.#sum(part, slot, end, index));
    return end;
  }

  /** The frame in a slot, a view; undefined: the slot is not right. */
  frameIn(part: Uint8Array, slot: number, index: number): Uint8Array | undefined {
    if (part.length < slot + HEAD_BYTES) return undefined;
    const view = new DataView(part.buffer, part.byteOffset + slot);
    const length = view.getUint32(SUM_BYTES);
    const end = slot + HEAD_BYTES + length;
    if (length === 0 || length > this.#frameBytes || end > part.length) return undefined;
    if (view.getBigUint64(0) !== this.#sum(part, slot, end, index)) return undefined;
    return part.subarray(slot + HEAD_BYTES, end);
  }

  #sum(part: Uint8Array, slot: number, end: number, index: number): bigint {
    const seed = BigInt.asUintN(SEED_BITS, this.#seed + BigInt(index));
    return Bun.hash.xxHash64(part.subarray(slot + SUM_BYTES, end), seed);
  }
}
