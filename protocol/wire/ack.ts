/**
 * The acknowledgement, by far the most frequent message that a relay reads. It is read here from the bytes that
 * `encodeControl` writes for it. Any other way to write one is for the general decoder, which gives the same.
 *
 *   84                          a map of four
 *   a1 "t"      a3 "ack"
 *   a5 "share"  c4 10 <16 bytes>
 *   a4 "next"   <whole number>
 *   a6 "window" <whole number>
 */
import { RECORD_INDEX, WINDOW_MOST_RECORDS } from "./limits.ts";

export interface Ack {
  readonly t: "ack";
  readonly share: Uint8Array;
  readonly next: number;
  readonly window: number;
}

const HEAD = latin("\x84\xa1t\xa3ack\xa5share\xc4\x10");
const SHARE_BYTES = 16;
const NEXT = latin("\xa4next");
const WINDOW = latin("\xa6window");

/** Whole numbers by their first byte: below `SHORT_END` it is the number itself. */
const SHORT_END = 0x80;
const UINT_8 = 0xcc;
const UINT_16 = 0xcd;
const UINT_32 = 0xce;

/** Undefined: it is something else, or written in another way. */
export function decodeAck(bytes: Uint8Array): Ack | undefined {
  const nextAt = HEAD.length + SHARE_BYTES + NEXT.length;
  if (!has(bytes, 0, HEAD) || !has(bytes, nextAt - NEXT.length, NEXT)) return undefined;
  const windowAt = nextAt + sizeAt(bytes, nextAt) + WINDOW.length;
  if (!has(bytes, windowAt - WINDOW.length, WINDOW)) return undefined;
  if (windowAt + sizeAt(bytes, windowAt) !== bytes.length) return undefined;
  const next = wholeAt(bytes, nextAt);
  const window = wholeAt(bytes, windowAt);
  if (next > RECORD_INDEX || window > WINDOW_MOST_RECORDS) return undefined;
  return {
    t: "ack",
    share: new Uint8Array(bytes.subarray(HEAD.length, HEAD.length + SHARE_BYTES)),
    next,
    window,
  };
}

function latin(text: string): Uint8Array {
  return Uint8Array.from(text, (each) => each.charCodeAt(0));
}

function has(bytes: Uint8Array, from: number, part: Uint8Array): boolean {
  for (let at = 0; at < part.length; at++) if (bytes[from + at] !== part[at]) return false;
  return true;
}

/** Bytes of a whole number; NaN: it is none, and no sum with it is equal to anything. */
function sizeAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? NaN;
  if (first < SHORT_END) return 1;
  if (first === UINT_8) return 2;
  if (first === UINT_16) return 3;
  return first === UINT_32 ? 5 : NaN;
}

function wholeAt(bytes: Uint8Array, at: number): number {
  const size = sizeAt(bytes, at);
  if (size === 1) return bytes[at] ?? NaN;
  let value = 0;
  for (let each = at + 1; each < at + size; each++) value = value * 256 + (bytes[each] ?? NaN);
  return value;
}
