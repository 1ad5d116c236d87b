import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  concat,
  equalBytes,
  fromHex,
  fromHexByHand,
  fromUtf8,
  toHex,
  toHexByHand,
  u32,
  utf8,
} from "../../../protocol/wire/bytes.ts";

test.each([
  { how: "hex", to: toHex, from: fromHex },
  { how: "hex in a browser from before 2025", to: toHexByHand, from: fromHexByHand },
])("$how comes back, and nothing else is hex", ({ to, from }) => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(from(to(bytes))).toEqual(bytes);
      expect(to(bytes)).toBe(toHex(bytes));
    }),
  );
  expect(from("C0ffEE")).toEqual(new Uint8Array([0xc0, 0xff, 0xee]));
  for (const text of ["0", "0g", " 00", "00 ", "+1", "0x00", "é0"]) {
    expect(from(text)).toBeUndefined();
  }
});

test("concat joins in order into an array of its own", () => {
  const part = new Uint8Array([1, 2]);
  const joined = concat(part, new Uint8Array(), new Uint8Array([3]));
  part.fill(0);
  expect(joined).toEqual(new Uint8Array([1, 2, 3]));
  expect(concat()).toEqual(new Uint8Array());
});

test("equalBytes says whether all bytes are the same", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (a, at, change) => {
      const b = a.slice();
      expect(equalBytes(a, b)).toBe(true);
      b[at % b.length]! ^= change;
      expect(equalBytes(a, b)).toBe(false);
      expect(equalBytes(a, a.subarray(1))).toBe(false);
    }),
  );
});

test("UTF-8 is strict and keeps every character, a leading U+FEFF too", () => {
  for (const text of ["", "é😀", "\u{feff}x", "\0"]) expect(fromUtf8(utf8(text))).toBe(text);
  for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
    expect(() => fromUtf8(new Uint8Array(bytes))).toThrow(TypeError);
  }
});

test("u32 is big-endian and refuses what does not fit", () => {
  expect(u32(0xfffe_0102)).toEqual(new Uint8Array([0xff, 0xfe, 1, 2]));
  for (const value of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => u32(value)).toThrow(RangeError);
});
