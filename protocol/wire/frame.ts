import { FRAME_BYTES, RECORD_INDEX } from "./limits.ts";
import { FaultError } from "./faults.ts";

/*
 * A frame is one record on the wire, built once by the sender and passed on as it is.
 * Big-endian:
 *
 *    0      1      2             4                           8                          16
 *   +------+------+-------------+---------------------------+---------------------------+---
 *   | 0xC1 | 0x01 | flags u16   | record index u32          | share tag, 8 bytes        | ciphertext
 *   +------+------+-------------+---------------------------+---------------------------+---
 *
 * 0xC1 is the one byte that MessagePack never uses, so the first byte tells frames from control
 * messages. Flag bit 0 says that the record is the last. The share tag is the first 8 bytes of the
 * share id.
 */

export const FRAME_MARK = 0xc1;
export const FRAME_HEADER_BYTES = 16;
export const SHARE_TAG_BYTES = 8;

const KIND_RECORD = 0x01;
const KIND_AT = 1;
const FLAGS_AT = 2;
const INDEX_AT = 4;
const TAG_AT = 8;
const FLAG_LAST = 0x0001;

/** A frame taken apart. `ciphertext` and `tag` are views into the frame, not copies. */
export interface Frame {
  readonly index: number;
  readonly last: boolean;
  readonly tag: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** True when a binary message is meant as a frame; says nothing about whether it is a good one. */
export function isFrame(message: Uint8Array): boolean {
  return message[0] === FRAME_MARK;
}

/**
 * Builds the frame of one record.
 * @param share the share id, 16 bytes, of which the first 8 are written
 * @param ciphertext not copied where it lies in `room` already, right behind the header
 * @param room the frame is written into the beginning of it where it is long enough; unless given, an
 *   array of its own
 * @throws RangeError when the frame would pass FRAME_BYTES or the index RECORD_INDEX: a mistake of ours
 */
export function encodeFrame(
  share: Uint8Array,
  index: number,
  last: boolean,
  ciphertext: Uint8Array,
  room?: Uint8Array,
): Uint8Array {
  const length = FRAME_HEADER_BYTES + ciphertext.length;
  if (length > FRAME_BYTES) throw new RangeError(`frame of ${length} bytes`);
  if (!Number.isInteger(index) || index < 0 || index >= RECORD_INDEX) {
    throw new RangeError(`record index ${index}`);
  }
  const isRoom = room !== undefined && room.length >= length;
  const frame = isRoom ? room.subarray(0, length) : new Uint8Array(length);
  const view = new DataView(frame.buffer, frame.byteOffset, length);
  frame[0] = FRAME_MARK;
  frame[KIND_AT] = KIND_RECORD;
  view.setUint16(FLAGS_AT, last ? FLAG_LAST : 0);
  view.setUint32(INDEX_AT, index);
  frame.set(share.subarray(0, SHARE_TAG_BYTES), TAG_AT);
  const place = frame.byteOffset + FRAME_HEADER_BYTES;
  const isInPlace = ciphertext.buffer === frame.buffer && ciphertext.byteOffset === place;
  if (!isInPlace) frame.set(ciphertext, FRAME_HEADER_BYTES);
  return frame;
}

/**
 * Takes a frame apart without copying.
 * @throws FaultError `bad-message` when it is too short, too long, of another kind, has unknown
 *   flags or an index beyond RECORD_INDEX
 */
export function decodeFrame(message: Uint8Array): Frame {
  if (message.length <= FRAME_HEADER_BYTES || message.length > FRAME_BYTES) {
    throw new FaultError("bad-message", `a frame of ${message.length} bytes`);
  }
  const view = new DataView(message.buffer, message.byteOffset, FRAME_HEADER_BYTES);
  if (message[0] !== FRAME_MARK || message[KIND_AT] !== KIND_RECORD) {
    throw new FaultError("bad-message", "a frame of an unknown kind");
  }
  const flags = view.getUint16(FLAGS_AT);
  if ((flags & ~FLAG_LAST) !== 0) throw new FaultError("bad-message", "a frame with unknown flags");
  const index = view.getUint32(INDEX_AT);
  if (index >= RECORD_INDEX) throw new FaultError("bad-message", `a record index of ${index}`);
  return {
    index,
    last: flags === FLAG_LAST,
    tag: message.subarray(TAG_AT, TAG_AT + SHARE_TAG_BYTES),
    ciphertext: message.subarray(FRAME_HEADER_BYTES),
  };
}

/** Whether a frame's tag is the start of this share id. */
export function isOfShare(tag: Uint8Array, share: Uint8Array): boolean {
  for (let at = 0; at < SHARE_TAG_BYTES; at++) if (tag[at] !== share[at]) return false;
  return true;
}
