/** Bytes and their text forms. Works alike in Bun and in a browser. */

export function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Native in Bun and in browsers since 2025 (Chrome 140, Firefox 133, Safari 18.2). */
const HEX_IS_NATIVE = "toHex" in Uint8Array.prototype && "fromHex" in Uint8Array;

export function toHex(bytes: Uint8Array): string {
  return HEX_IS_NATIVE ? bytes.toHex() : toHexByHand(bytes);
}

/** The bytes of an even number of hex digits of either case, or undefined for any other text. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!HEX_IS_NATIVE) return fromHexByHand(text);
  try {
    return Uint8Array.fromHex(text);
  } catch {
    return undefined;
  }
}

/** `toHex` for browsers from before 2025. */
export function toHexByHand(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** `fromHex` for browsers from before 2025. */
export function fromHexByHand(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}

/** Whether both hold the same bytes; for equal lengths the time does not tell where they differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

const encoder = new TextEncoder();
// ignoreBOM: a leading U+FEFF is a character of the text, not a mark to be dropped.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8; a lone surrogate becomes U+FFFD, so check `isWellFormed()` where that matters. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** @throws TypeError for anything but well-formed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Big-endian, 4 bytes. @throws RangeError outside 0..2^32-1. */
export function u32(value: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new RangeError(`${value} is no unsigned 32-bit integer`);
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
