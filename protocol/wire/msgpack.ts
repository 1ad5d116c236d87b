/**
 * MessagePack for control messages and manifests. msgpackr decodes more than maps, arrays and
 * plain values: records, errors, regular expressions and cyclic pointers come as extension types
 * even with `useRecords: false`. So every input is walked first, and only what JSON could say
 * (and bytes) reaches msgpackr.
 */
// The pure JavaScript entries: the main one loads a native addon that would see network bytes.
import type { Options } from "msgpackr";
import { Packr } from "msgpackr/pack";
import { Unpackr } from "msgpackr/unpack";

import { fromUtf8 } from "./bytes.ts";
import { FaultError } from "./faults.ts";
import { MESSAGE_DEPTH, MESSAGE_VALUES } from "./limits.ts";
import { MsgpackWriter } from "./msgpack-writer.ts";

/** A map as it comes out of the decoder: plain objects, arrays, Uint8Array and plain values. */
export type PlainMap = { [key: string]: unknown };

// The types of msgpackr do not name all of its options.
const packing: Options & { skipValues: unknown[]; useToJSON: boolean } = {
  useRecords: false,
  variableMapSize: true,
  skipValues: [undefined],
  useToJSON: false, // a key of that name is a key
};
const packr = new Packr(packing);
/** For a map before a list, without arrays in it, and its length. */
const LIST_ROOM = 256;
const LENGTH_BYTES = 4;
/** The first byte of a map of 15 entries, the most that it can count. */
const LONGEST_SHORT_MAP = 0x8f;

const unpackr = new Unpackr({
  useRecords: false,
  mapsAsObjects: true,
  int64AsType: "number", // the walk lets only safe integers through
  copyBuffers: true, // binary fields must not alias a receive buffer that is used again
});

/**
 * Encodes a plain object as one MessagePack map, in its own new array. Keys whose value is undefined
 * are left out. The type of the object must allow only what the wire has a form for.
 */
export function packMessage(message: object): Uint8Array {
  return new Uint8Array(packr.pack(message)); // a copy: msgpackr reuses its buffer
}

/**
 * As `packMessage`, for any object: `unpackMap` takes the result.
 * @throws FaultError "internal" when the value holds anything that the wire has no form for.
 */
export function packMap(value: object): Uint8Array {
  try {
    const packed = packMessage(value);
    walkMap(packed);
    return packed;
  } catch (cause) {
    throw new FaultError("internal", "a message that cannot be encoded", { cause });
  }
}

/**
 * Begins what `packMapWithList` takes.
 * @param guess how many bytes it will be, about
 * @param binary bytes of arrays in the map before it, about
 */
export function listWriter(guess: number, binary = 0): MsgpackWriter {
  return new MsgpackWriter(LIST_ROOM + binary, guess);
}

/**
 * A map with one more key at its end, whose list is written already, and the map's length as u32
 * before it. It takes the list's own memory: a second one from the same list overwrites the first.
 * @param behind entries of the map that the writer has behind the list
 */
export function packMapWithList(
  map: object,
  key: string,
  list: MsgpackWriter,
  behind = 0,
): Uint8Array {
  // Without the empty list at its end, which is one byte.
  const start = packMap({ ...map, [key]: [] }).subarray(0, -1);
  const entries = start[0]! + behind;
  if (entries > LONGEST_SHORT_MAP) throw new FaultError("internal", "too many keys before a list");
  start[0] = entries;
  const from = list.room - start.length - LENGTH_BYTES;
  if (from < 0) throw new FaultError("internal", "a map too large to stand before a list");
  const whole = list.bytes.subarray(from);
  whole.set(start, LENGTH_BYTES);
  const view = new DataView(whole.buffer, whole.byteOffset);
  view.setUint32(0, whole.length - LENGTH_BYTES);
  return whole;
}

/**
 * Decodes one MessagePack map of at most `maxBytes`. The result holds plain objects, arrays,
 * strings, numbers, booleans, null and Uint8Array copies only; integers are safe integers.
 * @param maxKeys of all maps in it together, counted before anything is made of them
 * @throws FaultError "bad-message" for anything else.
 */
export function unpackMap(bytes: Uint8Array, maxBytes: number, maxKeys = Infinity): PlainMap {
  if (bytes.length > maxBytes) throw bad(`longer than ${maxBytes} bytes`);
  walkMap(bytes, maxKeys);
  try {
    // A plain view: from a Buffer, binary fields would come as Buffers.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return unpackr.unpack(view) as PlainMap;
  } catch (cause) {
    throw new FaultError("bad-message", "not MessagePack", { cause });
  }
}

function bad(detail: string): FaultError {
  return new FaultError("bad-message", detail);
}

interface Walk {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  offset: number;
  values: number;
  /** Keys that may still come. */
  keys: number;
}

function walkMap(bytes: Uint8Array, maxKeys = Infinity): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = bytes[0];
  if (first === undefined) throw bad("empty");
  if (first >> 4 !== 0x8 && first !== 0xde && first !== 0xdf) throw bad("not a map");
  const walk: Walk = { view, bytes, offset: 0, values: 0, keys: maxKeys };
  walkValue(walk, 1);
  if (walk.offset !== bytes.length) throw bad("bytes after the end");
}

/** Passes over one value. `depth` is the level that a map or array here would have. */
function walkValue(walk: Walk, depth: number): void {
  if (++walk.values > MESSAGE_VALUES) throw bad("too many values");
  const type = unsigned(walk, 1);
  if (type <= 0x7f || type >= 0xe0) return; // a small integer
  if (type <= 0x8f) return walkEntries(walk, type & 0x0f, depth);
  if (type <= 0x9f) return walkItems(walk, type & 0x0f, depth);
  if (type <= 0xbf) return checkText(walk, type & 0x1f);
  switch (type) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return;
    case 0xc4: // bin 8, 16, 32
    case 0xc5:
    case 0xc6:
      return void skip(walk, unsigned(walk, 1 << (type - 0xc4)));
    case 0xca: // float 32, 64
    case 0xcb:
      return void skip(walk, 4 << (type - 0xca));
    case 0xcc: // uint 8, 16, 32
    case 0xcd:
    case 0xce:
      return void skip(walk, 1 << (type - 0xcc));
    case 0xd0: // int 8, 16, 32
    case 0xd1:
    case 0xd2:
      return void skip(walk, 1 << (type - 0xd0));
    case 0xcf: // uint 64, int 64
    case 0xd3:
      return safeInteger(walk, type === 0xd3);
    case 0xd9: // str 8, 16, 32
    case 0xda:
    case 0xdb:
      return checkText(walk, unsigned(walk, 1 << (type - 0xd9)));
    case 0xdc: // array 16, 32
    case 0xdd:
      return walkItems(walk, unsigned(walk, 2 << (type - 0xdc)), depth);
    case 0xde: // map 16, 32
    case 0xdf:
      return walkEntries(walk, unsigned(walk, 2 << (type - 0xde)), depth);
    default: // 0xc1, which is never used, and all extension types
      throw bad(`type 0x${type.toString(16)}`);
  }
}

function walkItems(walk: Walk, count: number, depth: number): void {
  if (depth > MESSAGE_DEPTH) throw bad("too deep");
  for (let i = 0; i < count; i++) walkValue(walk, depth + 1);
}

function walkEntries(walk: Walk, count: number, depth: number): void {
  if (depth > MESSAGE_DEPTH) throw bad("too deep");
  // By what the map says of itself: a map of a thousand keys is not walked to find that out.
  walk.keys -= count;
  if (walk.keys < 0) throw bad("too many keys");
  const keys = new Set<string>();
  for (let i = 0; i < count; i++) {
    const key = walkKey(walk);
    if (key === "__proto__") throw bad("key __proto__");
    if (keys.has(key)) throw bad("a key twice");
    keys.add(key);
    walkValue(walk, depth + 1);
  }
}

function walkKey(walk: Walk): string {
  if (++walk.values > MESSAGE_VALUES) throw bad("too many values");
  const type = unsigned(walk, 1);
  if (type >= 0xa0 && type <= 0xbf) return text(walk, type & 0x1f);
  if (type >= 0xd9 && type <= 0xdb) return text(walk, unsigned(walk, 1 << (type - 0xd9)));
  throw bad("a key that is no string");
}

/** Moves past `count` bytes and gives where they began. */
function skip(walk: Walk, count: number): number {
  const start = walk.offset;
  if (count > walk.bytes.length - start) throw bad("cut off");
  walk.offset = start + count;
  return start;
}

function unsigned(walk: Walk, size: number): number {
  const start = skip(walk, size);
  if (size === 1) return walk.view.getUint8(start);
  return size === 2 ? walk.view.getUint16(start) : walk.view.getUint32(start);
}

function safeInteger(walk: Walk, signed: boolean): void {
  const start = skip(walk, 8);
  const high = signed ? walk.view.getInt32(start) : walk.view.getUint32(start);
  const value = high * 2 ** 32 + walk.view.getUint32(start + 4);
  if (!Number.isSafeInteger(value)) throw bad("an integer beyond 2^53");
}

/** As `text`, for a string that is only checked: most are ASCII, and need not be made. */
function checkText(walk: Walk, length: number): void {
  const start = skip(walk, length);
  for (let i = start; i < walk.offset; i++) {
    if (walk.bytes[i]! < 0x80) continue;
    walk.offset = start;
    text(walk, length);
    return;
  }
}

/** A string, which must be well-formed UTF-8: overlong forms and lone surrogates are refused. */
function text(walk: Walk, length: number): string {
  const start = skip(walk, length);
  try {
    return fromUtf8(walk.bytes.subarray(start, walk.offset));
  } catch (cause) {
    throw new FaultError("bad-message", "a string that is not UTF-8", { cause });
  }
}
