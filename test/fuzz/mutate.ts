/** Makes broken bytes of sound ones, and odd messages of usual ones. */
import { concat, u32 } from "../../protocol/wire/bytes.ts";
import type { Random } from "../simulation/random.ts";

/** Bytes at which formats turn: ends of ranges, MessagePack's kinds, the frame's mark, ASCII. */
const BYTES = [
  0x00, 0x01, 0x0a, 0x0d, 0x20, 0x2e, 0x2f, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
  0xc4, 0xc6, 0xc7, 0xca, 0xcb, 0xcf, 0xd3, 0xd4, 0xd8, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0,
  0xff,
];
export const NUMBERS = [
  0,
  1,
  2,
  15,
  16,
  17,
  31,
  32,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  1_048_559,
  1_048_560,
  2 ** 20,
  2 ** 28 - 1,
  2 ** 28,
  2 ** 28 + 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
];
const CHANGES_AT_MOST = 6;
const GROWN_AT_MOST = 96 * 1024;

/**
 * Some bytes of `from` changed, by a few of: bits and bytes set, lengths overwritten, parts cut out,
 * doubled, swapped, put in from another of the corpus.
 */
export function mutate(
  random: Random,
  from: Uint8Array,
  corpus: readonly Uint8Array[],
): Uint8Array {
  let bytes: Uint8Array = from.slice();
  const changes = random.whole(1, CHANGES_AT_MOST);
  for (let change = 0; change < changes; change++) bytes = changed(random, bytes, corpus);
  return bytes;
}

function changed(random: Random, bytes: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
  if (bytes.length === 0) return random.bytes(random.whole(0, 8));
  const at = random.whole(0, bytes.length - 1);
  const length = random.whole(1, Math.min(16, bytes.length - at));
  switch (random.whole(0, 9)) {
    case 0:
      bytes[at]! ^= 1 << random.whole(0, 7);
      return bytes;
    case 1:
      bytes[at] = random.pick(BYTES);
      return bytes;
    case 2:
      bytes[at] = random.whole(0, 255);
      return bytes;
    case 3: {
      const number = u32(Math.min(random.pick(NUMBERS), 0xffff_ffff));
      bytes.set(number.subarray(0, bytes.length - at), at);
      return bytes;
    }
    case 4:
      return bytes.slice(0, at);
    case 5:
      return concat(bytes.subarray(0, at), bytes.subarray(at + length));
    case 6: {
      const part = bytes.subarray(at, at + length);
      const times = random.chance(0.1) ? random.whole(1, 2000) : 1;
      if (bytes.length + times * length > GROWN_AT_MOST) return bytes;
      return concat(
        bytes.subarray(0, at),
        ...Array<Uint8Array>(times).fill(part),
        bytes.subarray(at),
      );
    }
    case 7:
      return concat(bytes.subarray(0, at), random.bytes(length), bytes.subarray(at));
    case 8: {
      const other = random.pick(corpus);
      const from = random.whole(0, other.length);
      const part = other.subarray(from, from + random.whole(0, 64));
      return concat(bytes.subarray(0, at), part, bytes.subarray(at + length));
    }
    default: {
      const to = random.whole(0, bytes.length - length);
      const part = bytes.slice(at, at + length);
      bytes.copyWithin(at, to, to + length);
      bytes.set(part, to);
      return bytes;
    }
  }
}

/** A value like this one, and not as usual; of the same type mostly. */
export function odd(random: Random, value: unknown, ids: readonly Uint8Array[]): unknown {
  if (random.chance(0.05))
    return random.pick([null, true, "", 0, -1, 1.5, {}, [], new Uint8Array(16)]);
  if (typeof value === "number") {
    if (random.chance(0.5)) return Math.max(0, value + random.whole(-2, 2));
    return random.chance(0.9) ? random.pick(NUMBERS) : random.pick([-1, 0.5, NaN, 2 ** 53]);
  }
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return random.chance(0.5) ? `${value}x` : "";
  if (value instanceof Uint8Array) {
    if (random.chance(0.8)) return random.pick(ids);
    return random.bytes(random.whole(0, random.chance(0.1) ? 600 : 40));
  }
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    if (list.length === 0 || random.chance(0.3)) return [];
    const times = random.chance(0.1) ? random.whole(1, 200) : 1;
    return [...list, ...Array<unknown>(times).fill(oddEntry(random, random.pick(list), ids))];
  }
  return oddEntry(random, value, ids);
}

/** A map of which one value is odd, or a key gone, or one too many. */
export function oddEntry(random: Random, value: unknown, ids: readonly Uint8Array[]): unknown {
  if (typeof value !== "object" || value === null) return odd(random, value, ids);
  const entries: [string, unknown][] = Object.entries(value);
  const [key, old]: [string, unknown] = entries.length === 0 ? ["t", 0] : random.pick(entries);
  if (random.chance(0.05)) return Object.fromEntries(entries.filter(([name]) => name !== key));
  if (random.chance(0.05)) return { ...value, added: old };
  return { ...value, [key]: odd(random, old, ids) };
}
