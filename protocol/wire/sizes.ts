/**
 * Plain bytes <-> records <-> bytes on the wire: arithmetic only, exact up to 2^53 bytes.
 *
 *   plaintext   | data 0          | data 1          | data 2     |   dataPerRecord(rs) = rs - 17
 *   ciphertext  | data 0 | 1 | tag | data 1 | 1 | tag | data 2 | 2 | tag |        rs bytes at most
 *   frame       | header | ciphertext |  ...                       16 bytes more, FRAME_BYTES at most
 */
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { FRAME_BYTES, OPEN_FRAME_BYTES } from "./limits.ts";

/** An Ed25519 public key (RFC 8032). */
export const PUBLIC_KEY_BYTES = 32;
/** An Ed25519 signature. */
export const SIGNATURE_BYTES = 64;

/** The delimiter byte of RFC 8188 and the tag of AES-GCM. */
export const RECORD_OVERHEAD_BYTES = 17;

/** The record size of a share, unless its sender chose another: a frame of exactly FRAME_BYTES. */
export const RECORD_SIZE = FRAME_BYTES - FRAME_HEADER_BYTES;
export const MAX_RECORD_SIZE = RECORD_SIZE;
export const OPEN_RECORD_SIZE = OPEN_FRAME_BYTES - FRAME_HEADER_BYTES;
/** RFC 8188 allows 18; smaller records than this would be nearly all overhead. */
export const MIN_RECORD_SIZE = 64;

/** Plain bytes in every record but the last. */
export function dataPerRecord(recordSize: number): number {
  return recordSize - RECORD_OVERHEAD_BYTES;
}

/** Records of a share with so many plain bytes: at least one, which may be empty. */
export function recordCount(plainBytes: number, recordSize: number): number {
  checkSize(plainBytes);
  const data = dataPerRecord(recordSize);
  // Not Math.ceil of a quotient, which rounds wrongly near 2^53.
  const rest = plainBytes % data;
  return Math.max(1, (plainBytes - rest) / data + (rest === 0 ? 0 : 1));
}

/** A share's content takes this many records at least, so padding of one record is at most a 16th of it. */
const APART_RECORDS = 16;
/** Content up to this length is one record: more frames would cost more than the padding. bytes */
const APART_LEAST_BYTES = 16 * 1024;

/**
 * The record size, `most` at most, of a share whose manifest has records of its own. Padding fills
 * them, so that all records are of one size; of a small share large ones would be nearly all padding.
 * @param headBytes of the manifest, about
 * @param bytes of all files
 */
export function recordSizeApart(headBytes: number, bytes: number, most: number): number {
  const content = Math.max(Math.min(bytes, APART_LEAST_BYTES), Math.ceil(bytes / APART_RECORDS));
  const size = Math.max(headBytes, content) + RECORD_OVERHEAD_BYTES;
  return Math.min(Math.max(size, MIN_RECORD_SIZE), most);
}

export function plainOffset(index: number, recordSize: number): number {
  return index * dataPerRecord(recordSize);
}

/** Plain bytes of record `index`. @throws RangeError for an index that the share does not have. */
export function recordBytes(index: number, plainBytes: number, recordSize: number): number {
  const count = recordCount(plainBytes, recordSize);
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new RangeError(`record ${index} of ${count}`);
  }
  const data = dataPerRecord(recordSize);
  return index < count - 1 ? data : plainBytes - index * data;
}

/** Bytes of the frame that carries record `index`, header included. */
export function frameBytes(index: number, plainBytes: number, recordSize: number): number {
  const overhead = FRAME_HEADER_BYTES + RECORD_OVERHEAD_BYTES;
  return recordBytes(index, plainBytes, recordSize) + overhead;
}

/** Bytes of all frames of a share with so many plain bytes. */
export function wireBytes(plainBytes: number, recordSize: number = RECORD_SIZE): number {
  const overhead = FRAME_HEADER_BYTES + RECORD_OVERHEAD_BYTES;
  return plainBytes + recordCount(plainBytes, recordSize) * overhead;
}

function checkSize(plainBytes: number): void {
  if (!Number.isSafeInteger(plainBytes) || plainBytes < 0) {
    throw new RangeError(`${plainBytes} is no number of bytes`);
  }
}
