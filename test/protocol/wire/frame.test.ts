import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { fromHex } from "../../../protocol/wire/bytes.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import {
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
  isFrame,
  isOfShare,
} from "../../../protocol/wire/frame.ts";
import { FRAME_BYTES, RECORD_INDEX } from "../../../protocol/wire/limits.ts";
import { faultOf } from "../../support/faults.ts";

const share = hex("00010203 04050607 08090a0b 0c0d0e0f");

function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(/\s|\(.*?\)/g, ""));
  if (bytes === undefined) throw new Error(`no hex: ${text}`);
  return bytes;
}

test.each<{ what: string; index: number; last: boolean; ciphertext: string; frame: string }>([
  {
    what: "the first of several",
    index: 0,
    last: false,
    ciphertext: "aabb",
    frame: "c1 (frame) 01 (record) 0000 (flags) 00000000 (index) 0001020304050607 (tag) aabb",
  },
  {
    what: "the last",
    index: 258,
    last: true,
    ciphertext: "ff",
    frame: "c1 01 0001 (last) 00000102 0001020304050607 ff",
  },
  {
    what: "the last that any share may have",
    index: RECORD_INDEX - 1,
    last: true,
    ciphertext: "00",
    frame: "c1 01 0001 0fffffff 0001020304050607 00",
  },
])("a frame is these bytes: $what", ({ index, last, ciphertext, frame }) => {
  const bytes = encodeFrame(share, index, last, hex(ciphertext));
  expect(bytes).toEqual(hex(frame));
  expect(isFrame(bytes)).toBe(true);
  const decoded = decodeFrame(bytes);
  expect(decoded).toEqual({ index, last, tag: share.subarray(0, 8), ciphertext: hex(ciphertext) });
  expect(isOfShare(decoded.tag, share)).toBe(true);
});

test.each([
  ["nothing", ""],
  ["a mark alone", "c1"],
  ["a header without ciphertext", "c1 01 0000 00000000 0001020304050607"],
  ["a header cut short", "c1 01 0000 00000000 00010203040506"],
  ["another mark", "c0 01 0000 00000000 0001020304050607 aa"],
  ["another kind", "c1 02 0000 00000000 0001020304050607 aa"],
  ["an unknown flag", "c1 01 0002 00000000 0001020304050607 aa"],
  ["an unknown flag beside a known one", "c1 01 8001 00000000 0001020304050607 aa"],
  ["P6 an index beyond all shares", "c1 01 0000 10000000 0001020304050607 aa"],
  ["P6 the highest index there is", "c1 01 0000 ffffffff 0001020304050607 aa"],
])("%s is no frame", (_what, bytes) => {
  faultOf(() => decodeFrame(hex(bytes)), "bad-message");
});

test("T5 the largest frame passes, and one byte more does not", () => {
  const bytes = new Uint8Array(FRAME_BYTES + 1);
  bytes.set(hex("c1 01 0000 00000000 0001020304050607"));
  expect(decodeFrame(bytes.subarray(0, FRAME_BYTES)).ciphertext).toHaveLength(FRAME_BYTES - 16);
  faultOf(() => decodeFrame(bytes), "bad-message");
});

describe("a frame of ours that can't be is a mistake, not a fault", () => {
  test.each([-1, 1.5, NaN, RECORD_INDEX, 2 ** 32])("index %p", (index) => {
    expect(() => encodeFrame(share, index, false, new Uint8Array(1))).toThrow(RangeError);
  });
  test("size", () => {
    const ciphertext = new Uint8Array(FRAME_BYTES - 15);
    expect(() => encodeFrame(share, 0, false, ciphertext)).toThrow(RangeError);
  });
});

test("the parts of a frame are views, and those of one built from parts are not", () => {
  const ciphertext = hex("aabb");
  const bytes = encodeFrame(share, 0, false, ciphertext);
  const decoded = decodeFrame(bytes);
  ciphertext.fill(0);
  expect(decoded.ciphertext).toEqual(hex("aabb"));
  bytes.fill(0);
  expect(decoded.ciphertext).toEqual(hex("0000"));
});

test("a frame that is written into room is the same, and longer room keeps the rest", () => {
  const room = new Uint8Array(64).fill(0xff);
  const ciphertext = hex("aabb");
  const frame = encodeFrame(share, 7, true, ciphertext, room);
  expect(frame).toEqual(encodeFrame(share, 7, true, ciphertext));
  expect(frame.buffer).toBe(room.buffer);
  expect(room.subarray(frame.length).every((byte) => byte === 0xff)).toBe(true);
  const short = new Uint8Array(4);
  expect(encodeFrame(share, 7, true, ciphertext, short)).toEqual(frame);
  expect(short).toEqual(new Uint8Array(4));
});

test("a ciphertext that lies in the room behind the header becomes the frame where it lies", () => {
  const room = new Uint8Array(64).fill(0xff);
  const ciphertext = room.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + 2);
  ciphertext.set(hex("aabb"));
  const frame = encodeFrame(share, 7, true, ciphertext, room);
  expect(frame).toEqual(encodeFrame(share, 7, true, hex("aabb")));
  expect(frame.buffer).toBe(room.buffer);
  // A byte further on it is another place.
  const beside = room.subarray(FRAME_HEADER_BYTES + 1, FRAME_HEADER_BYTES + 3);
  beside.set(hex("ccdd"));
  expect(encodeFrame(share, 7, true, beside, room)).toEqual(
    encodeFrame(share, 7, true, hex("ccdd")),
  );
});

test("any bytes are a frame that is the same again, or a fault", () => {
  const looksRight = fc
    .tuple(fc.uint8Array({ maxLength: 40 }), fc.boolean())
    .map(([bytes, right]) => (right ? Uint8Array.of(0xc1, 0x01, 0, ...bytes) : bytes));
  fc.assert(
    fc.property(looksRight, (bytes) => {
      try {
        const { index, last, tag, ciphertext } = decodeFrame(bytes);
        expect(encodeFrame(tag, index, last, ciphertext)).toEqual(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(FaultError);
        expect(error).toHaveProperty("code", "bad-message");
      }
    }),
  );
});
