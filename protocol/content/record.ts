/**
 * RFC 8188 (`aes128gcm`): content as a row of records, each sealed under its own nonce, so that
 * any record can be opened by its index alone. In a share the salt is the share id.
 *
 *   header   | salt 16 | record size u32 | idlen u8 | key id, idlen bytes |
 *   record   | AES-128-GCM( data | delimiter | zeros ) | tag 16 |          record size bytes,
 *                                  1, or 2 in the last record              the last may be shorter
 *
 * A share's frames carry bare records: the header is not authenticated (an altered record size or
 * an added key id decrypts all the same), so a share takes both from its manifest instead.
 */
import { concat, u32, utf8 } from "../wire/bytes.ts";
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  all,
  chain,
  type Aead,
  type MaybePromise,
  type Primitives,
  type SyncPrimitives,
} from "../crypto/crypto.ts";
import { FaultError } from "../wire/faults.ts";
import { RECORD_INDEX } from "../wire/limits.ts";
import { RECORD_OVERHEAD_BYTES } from "../wire/sizes.ts";

export const SALT_BYTES = 16;
/** Of a body without key id. */
export const BODY_HEADER_BYTES = 21;

const KEY_INFO = utf8("Content-Encoding: aes128gcm\0");
const NONCE_INFO = utf8("Content-Encoding: nonce\0");
const MIDDLE = 1;
const LAST = 2;
const DELIMITER = { middle: new Uint8Array([MIDDLE]), last: new Uint8Array([LAST]) } as const;

/** Seals and opens the records of one share, in any order. */
export interface RecordCipher {
  /**
   * The ciphertext of record `index`: 17 bytes more than the parts of its data, and `padding` (0
   * unless given). The same index must never seal two different contents.
   * @param room as an `Aead` takes it
   * @throws RangeError for an index outside 0..RECORD_INDEX-1.
   */
  seal(
    index: number,
    plaintext: Uint8Array[],
    last: boolean,
    padding?: number,
    room?: Uint8Array,
  ): MaybePromise<Uint8Array>;
  /**
   * The data of record `index`, without delimiter and padding. `last` must come from what is
   * authenticated (the manifest), never from the relay. A record that is shorter than it should
   * be opens: its caller knows the length that is due.
   * @param room as an `Aead` takes it
   * @throws FaultError "corrupt-record" (or rejects with it) for all that was not sealed so.
   */
  open(
    index: number,
    ciphertext: Uint8Array,
    last: boolean,
    room?: Uint8Array,
  ): MaybePromise<Uint8Array>;
  /**
   * The data of record `index` of an open share, whose last record says so itself.
   * @param room as an `Aead` takes it
   * @throws FaultError "corrupt-record" (or rejects with it) for all that was not sealed so.
   */
  openAny(index: number, ciphertext: Uint8Array, room?: Uint8Array): MaybePromise<OpenedRecord>;
}

export interface OpenedRecord {
  readonly data: Uint8Array;
  readonly last: boolean;
}

export interface SyncRecordCipher extends RecordCipher {
  seal(
    index: number,
    plaintext: Uint8Array[],
    last: boolean,
    padding?: number,
    room?: Uint8Array,
  ): Uint8Array;
  open(index: number, ciphertext: Uint8Array, last: boolean, room?: Uint8Array): Uint8Array;
  openAny(index: number, ciphertext: Uint8Array, room?: Uint8Array): OpenedRecord;
}

/**
 * The cipher for the records of one share.
 * @param contentKey input keying material of RFC 8188, 16 bytes
 * @param salt 16 bytes, never used for another content: the share id
 */
export function recordCipher(
  contentKey: Uint8Array,
  salt: Uint8Array,
  primitives: SyncPrimitives,
): SyncRecordCipher;
export function recordCipher(
  contentKey: Uint8Array,
  salt: Uint8Array,
  primitives: Primitives,
): MaybePromise<RecordCipher>;
export function recordCipher(
  contentKey: Uint8Array,
  salt: Uint8Array,
  primitives: Primitives,
): MaybePromise<RecordCipher> {
  if (salt.length !== SALT_BYTES) throw new RangeError(`a salt of ${salt.length} bytes`);
  const cek = primitives.hkdf(contentKey, salt, KEY_INFO, AEAD_KEY_BYTES);
  const base = primitives.hkdf(contentKey, salt, NONCE_INFO, AEAD_NONCE_BYTES);
  return chain(
    all<[Aead, Uint8Array]>([chain(cek, (key) => primitives.aead(key)), base]),
    ([aead, nonceBase]) => cipherOf(aead, nonceBase),
  );
}

function cipherOf(aead: Aead, base: Uint8Array): RecordCipher {
  const openAny = (
    index: number,
    ciphertext: Uint8Array,
    room?: Uint8Array,
  ): MaybePromise<OpenedRecord> => {
    if (!isRecordIndex(index)) throw corrupt("index out of range");
    if (ciphertext.length < RECORD_OVERHEAD_BYTES) throw corrupt("record too short");
    return chain(aead.open(recordNonce(base, index), ciphertext, undefined, room), unpad);
  };
  return {
    seal(index, plaintext, last, padding = 0, room) {
      if (!isRecordIndex(index)) throw new RangeError(`record index ${index}`);
      const parts = [...plaintext, last ? DELIMITER.last : DELIMITER.middle];
      if (padding > 0) parts.push(new Uint8Array(padding));
      return aead.seal(recordNonce(base, index), parts, undefined, room);
    },
    open(index, ciphertext, last, room) {
      return chain(openAny(index, ciphertext, room), (record) => {
        if (record.last === last) return record.data;
        throw corrupt(last ? "cut off after this record" : "ends too early");
      });
    },
    openAny,
  };
}

function isRecordIndex(index: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < RECORD_INDEX;
}

/**
 * The nonce of a record: the base XOR the index as a 96-bit big-endian number.
 * Exact for any safe integer; `^` alone would make 2^32 + 1 collide with 1.
 */
export function recordNonce(base: Uint8Array, index: number): Uint8Array<ArrayBuffer> {
  const nonce = new Uint8Array(base);
  const view = new DataView(nonce.buffer);
  const high = Math.floor(index / 2 ** 32);
  view.setUint32(4, view.getUint32(4) ^ high);
  view.setUint32(8, view.getUint32(8) ^ index);
  return nonce;
}

/** Drops delimiter and padding. One pass from the end, over the record at most. */
function unpad(plain: Uint8Array): OpenedRecord {
  let end = plain.length - 1;
  while (end >= 0 && plain[end] === 0) end--;
  const delimiter = plain[end];
  if (delimiter !== MIDDLE && delimiter !== LAST) throw corrupt("no delimiter");
  return { data: plain.subarray(0, end), last: delimiter === LAST };
}

function corrupt(detail: string): FaultError {
  return new FaultError("corrupt-record", detail);
}

/** A whole RFC 8188 body, decoded. */
export interface Body {
  readonly salt: Uint8Array;
  readonly recordSize: number;
  readonly keyId: Uint8Array;
  readonly plaintext: Uint8Array;
}

export interface BodyOptions {
  /** 16 bytes, never used for another content. */
  readonly salt: Uint8Array;
  /** Bytes of a full record, its tag and delimiter included; from 18. */
  readonly recordSize: number;
  /** At most 255 bytes, empty unless given. */
  readonly keyId?: Uint8Array;
  /** Zero bytes of padding by record, 0 unless given. */
  readonly padding?: readonly number[];
}

/** The 21 bytes (and the key id) before the first record of a body. */
export function bodyHeader(
  salt: Uint8Array,
  recordSize: number,
  keyId: Uint8Array = new Uint8Array(),
): Uint8Array {
  if (recordSize <= RECORD_OVERHEAD_BYTES || keyId.length > 255) {
    throw new RangeError(`record size ${recordSize}, key id of ${keyId.length} bytes`);
  }
  return concat(salt, u32(recordSize), new Uint8Array([keyId.length]), keyId);
}

/** Encrypts a whole body with its header. @throws RangeError for options that RFC 8188 excludes. */
export function encodeBody(
  plaintext: Uint8Array,
  contentKey: Uint8Array,
  primitives: SyncPrimitives,
  options: BodyOptions,
): Uint8Array {
  const { salt, recordSize, keyId, padding = [] } = options;
  const cipher = recordCipher(contentKey, salt, primitives);
  const parts = [bodyHeader(salt, recordSize, keyId)];
  let offset = 0;
  for (let index = 0, last = false; !last; index++) {
    const pad = padding[index] ?? 0;
    const room = recordSize - RECORD_OVERHEAD_BYTES - pad;
    if (room < 0) throw new RangeError(`${pad} bytes of padding in one record`);
    const end = Math.min(offset + room, plaintext.length);
    last = end === plaintext.length;
    parts.push(cipher.seal(index, [plaintext.subarray(offset, end)], last, pad));
    offset = end;
  }
  return concat(...parts);
}

/**
 * Decrypts a whole body. With `expectedRecordSize` it must be a body of fileshare: of exactly
 * that record size, and without key id; neither is authenticated, so they are compared here.
 * A body without records is refused although RFC 8188 allows it: a header alone proves nothing.
 * @throws FaultError "corrupt-record"
 */
export function decodeBody(
  bytes: Uint8Array,
  contentKey: Uint8Array,
  primitives: SyncPrimitives,
  expectedRecordSize?: number,
): Body {
  if (bytes.length < BODY_HEADER_BYTES) throw corrupt("header cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const recordSize = view.getUint32(SALT_BYTES);
  const idLength = bytes[BODY_HEADER_BYTES - 1]!;
  if (recordSize <= RECORD_OVERHEAD_BYTES) throw corrupt(`record size ${recordSize}`);
  if (expectedRecordSize !== undefined && (recordSize !== expectedRecordSize || idLength !== 0)) {
    throw corrupt("another header than agreed");
  }
  const first = BODY_HEADER_BYTES + idLength;
  if (bytes.length <= first) throw corrupt("no records");
  const salt = bytes.slice(0, SALT_BYTES);
  const cipher = recordCipher(contentKey, salt, primitives);
  const parts: Uint8Array[] = [];
  for (let start = first, index = 0; start < bytes.length; start += recordSize, index++) {
    const end = Math.min(start + recordSize, bytes.length);
    parts.push(cipher.open(index, bytes.subarray(start, end), end === bytes.length));
  }
  const keyId = bytes.slice(BODY_HEADER_BYTES, first);
  return { salt, recordSize, keyId, plaintext: concat(...parts) };
}
