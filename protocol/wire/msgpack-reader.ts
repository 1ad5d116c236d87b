/** Makes values of MessagePack that `unpackMap` has walked: lengths, types and texts are right, and nothing is checked here. */
import { fromUtf8 } from "./bytes.ts";

/** A map as it comes out of the decoder: plain objects, arrays, Uint8Array and plain values. */
export type PlainMap = { [key: string]: unknown };

/** A decoder is slower than this for texts as short as keys. bytes */
const SHORT_TEXT = 24;

export function readMap(bytes: Uint8Array): PlainMap {
  return new MsgpackReader(bytes).value() as PlainMap;
}

class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // A plain view: a part of a Buffer would be a Buffer.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(): unknown {
    const type = this.#bytes[this.#at++]!;
    if (type <= 0x7f) return type;
    if (type >= 0xe0) return type - 0x100;
    if (type <= 0x8f) return this.#map(type & 0x0f);
    if (type <= 0x9f) return this.#list(type & 0x0f);
    if (type <= 0xbf) return this.#text(type & 0x1f);
    switch (type) {
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4: // bin 8, 16, 32
      case 0xc5:
      case 0xc6:
        return this.#binary(this.#unsigned(1 << (type - 0xc4)));
      case 0xca:
        return this.#view.getFloat32(this.#pass(4));
      case 0xcb:
        return this.#view.getFloat64(this.#pass(8));
      case 0xcc: // uint 8, 16, 32
      case 0xcd:
      case 0xce:
        return this.#unsigned(1 << (type - 0xcc));
      case 0xd0:
        return this.#view.getInt8(this.#pass(1));
      case 0xd1:
        return this.#view.getInt16(this.#pass(2));
      case 0xd2:
        return this.#view.getInt32(this.#pass(4));
      case 0xcf: // uint 64, int 64
        return this.#unsigned(4) * 2 ** 32 + this.#unsigned(4);
      case 0xd3:
        return this.#view.getInt32(this.#pass(4)) * 2 ** 32 + this.#unsigned(4);
      case 0xd9: // str 8, 16, 32
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(1 << (type - 0xd9)));
      case 0xdc: // array 16, 32
      case 0xdd:
        return this.#list(this.#unsigned(2 << (type - 0xdc)));
      case 0xde: // map 16, 32
      case 0xdf:
        return this.#map(this.#unsigned(2 << (type - 0xde)));
      default: // nil: the walk passes no other type
        return null;
    }
  }

  #map(count: number): PlainMap {
    const map: PlainMap = {};
    for (let i = 0; i < count; i++) {
      const key = this.value() as string;
      map[key] = this.value();
    }
    return map;
  }

  #list(count: number): unknown[] {
    const list: unknown[] = [];
    for (let i = 0; i < count; i++) list.push(this.value());
    return list;
  }

  /** A copy: the array that was received is used again. */
  #binary(length: number): Uint8Array {
    const start = this.#pass(length);
    return this.#bytes.slice(start, this.#at);
  }

  #text(length: number): string {
    const start = this.#pass(length);
    if (length > SHORT_TEXT) return fromUtf8(this.#bytes.subarray(start, this.#at));
    let text = "";
    for (let at = start; at < this.#at; at++) {
      const byte = this.#bytes[at]!;
      if (byte >= 0x80) return fromUtf8(this.#bytes.subarray(start, this.#at));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #unsigned(size: number): number {
    const start = this.#pass(size);
    if (size === 1) return this.#view.getUint8(start);
    return size === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }

  /** @returns where the bytes begin that it passes */
  #pass(count: number): number {
    const start = this.#at;
    this.#at += count;
    return start;
  }
}
