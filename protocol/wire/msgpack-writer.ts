import { utf8 } from "./bytes.ts";

/** Longest head of a text, a number or a list, in bytes. */
const HEAD_BYTES = 9;

/**
 * Writes MessagePack piece by piece into one array: of 100,000 maps an encoder of whole values leaves
 * more behind than they are long.
 */
export class MsgpackWriter {
  /** Bytes that are left free before what is written. */
  readonly room: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #end: number;

  /**
   * @param room see there
   * @param guess how many bytes it will be, about
   */
  constructor(room: number, guess: number) {
    this.room = room;
    this.#bytes = new Uint8Array(room + guess + HEAD_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
    this.#end = room;
  }

  /** Where the next piece goes, from the beginning of the room. */
  get end(): number {
    return this.#end;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Of at most 15 entries, which follow: key, value, key, value. */
  map(entries: number): void {
    this.#grow(0);
    this.#bytes[this.#end++] = 0x80 | entries;
  }

  list(items: number): void {
    this.#head(items, [0x90, 16, undefined, 0xdc, 0xdd]);
  }

  text(text: string): void {
    const ascii = isAscii(text);
    const bytes = ascii ? undefined : utf8(text);
    const length = bytes?.length ?? text.length;
    this.#head(length, [0xa0, 32, 0xd9, 0xda, 0xdb]);
    this.#grow(length);
    if (bytes !== undefined) this.#bytes.set(bytes, this.#end);
    else for (let i = 0; i < length; i++) this.#bytes[this.#end + i] = text.charCodeAt(i);
    this.#end += length;
  }

  /** An integer, exact up to 2^53; a negative one always with all its bytes. */
  number(value: number): void {
    if (value >= 0 && value < 2 ** 32) {
      this.#head(value, [0x00, 128, 0xcc, 0xcd, 0xce]);
      return;
    }
    this.#grow(0);
    this.#bytes[this.#end] = 0xcb;
    this.#view.setFloat64(this.#end + 1, value);
    this.#end += 9;
  }

  /** Zeros as binary, with the longest head, so that each more is one byte more. */
  zeros(count: number): void {
    this.#grow(count);
    this.#bytes[this.#end] = 0xc6;
    this.#view.setUint32(this.#end + 1, count);
    const from = this.#end + 5;
    this.#end = from + count;
    this.#bytes.fill(0, from, this.#end);
  }

  /** A number with its type: the shortest of within the type's byte, of 8, 16 or 32 bits. */
  #head(
    value: number,
    [short, limit, u8, u16, u32]: readonly [number, number, number | undefined, number, number],
  ): void {
    this.#grow(0);
    const at = this.#end;
    if (value < limit) {
      this.#bytes[at] = short | value;
      this.#end += 1;
    } else if (u8 !== undefined && value < 2 ** 8) {
      this.#bytes[at] = u8;
      this.#bytes[at + 1] = value;
      this.#end += 2;
    } else if (value < 2 ** 16) {
      this.#bytes[at] = u16;
      this.#view.setUint16(at + 1, value);
      this.#end += 3;
    } else {
      this.#bytes[at] = u32;
      this.#view.setUint32(at + 1, value);
      this.#end += 5;
    }
  }

  /** Room for a head and `length` bytes. */
  #grow(length: number): void {
    const needed = this.#end + HEAD_BYTES + length;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.ceil(1.25 * needed));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
