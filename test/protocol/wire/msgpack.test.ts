import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Packr } from "msgpackr";
import { concat, fromHex, utf8 } from "../../../protocol/wire/bytes.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import { CONTROL_BYTES, MESSAGE_DEPTH } from "../../../protocol/wire/limits.ts";
import { packMap, unpackMap } from "../../../protocol/wire/msgpack.ts";
import { faultOf } from "../../support/faults.ts";

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(" ", ""))!;
const refused = (bytes: Uint8Array): FaultError =>
  faultOf(() => unpackMap(bytes, 1 << 20), "bad-message");

test("maps come back as they were, in plain objects and arrays", () => {
  const value = {
    t: "offer",
    share: new Uint8Array([1, 2, 3]),
    small: 5,
    negative: -7,
    big: 5 * 1024 ** 3,
    biggest: Number.MAX_SAFE_INTEGER,
    half: 0.5,
    yes: true,
    nothing: null,
    list: [{ a: "é" }, [1, 2], "😀"],
  };
  const back = unpackMap(packMap(value), CONTROL_BYTES);
  expect(back).toEqual(value);
  expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
});

test("any plain value survives the round trip", () => {
  const leaf = fc.oneof(
    fc.boolean(),
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).map((number) => number + 0), // -0 is sent as 0
    fc.string({ unit: "grapheme" }),
    fc.uint8Array(),
  );
  const key = fc.string({ maxLength: 40 }).filter((name) => name !== "__proto__");
  const inner = fc.oneof(leaf, fc.array(leaf), fc.dictionary(key, leaf, { noNullPrototype: true }));
  const map = fc.dictionary(key, inner, { noNullPrototype: true });
  fc.assert(
    fc.property(map, (value) => {
      expect(unpackMap(packMap(value), CONTROL_BYTES)).toEqual(value);
    }),
  );
});

test("keys that JavaScript has a meaning for are keys like others", () => {
  const value = { toJSON: 1, hasOwnProperty: 2, constructor: "x", length: 3, "0": 4 };
  const back = unpackMap(packMap({ value }), CONTROL_BYTES);
  expect(back).toEqual({ value });
});

test("keys without a value are left out", () => {
  expect(packMap({ t: "x", token: undefined })).toEqual(packMap({ t: "x" }));
});

test("a value that the wire has no form for is our own fault, before it is sent", () => {
  const deep = { a: [[[[[[1]]]]]] };
  for (const value of [{ a: 2n ** 64n }, { a: new Date(0) }, { a: [undefined] }, deep]) {
    faultOf(() => packMap(value), "internal");
  }
});

test("neither result aliases a buffer that is used again", () => {
  const first = packMap({ t: "first" });
  const before = first.slice();
  packMap({ t: "second" });
  expect(first).toEqual(before);

  const wire = packMap({ share: new Uint8Array([1, 2, 3]) });
  const { share } = unpackMap(wire, CONTROL_BYTES);
  wire.fill(0);
  expect(share).toEqual(new Uint8Array([1, 2, 3]));
});

test("binary fields are plain Uint8Arrays, from a Buffer too", () => {
  const wire = Buffer.from(packMap({ share: new Uint8Array([1, 2, 3]) }));
  expect(unpackMap(wire, CONTROL_BYTES)["share"]).toStrictEqual(new Uint8Array([1, 2, 3]));
});

test("64-bit integers of other encoders are numbers while they are safe", () => {
  expect(unpackMap(hex("81 a1 61 cf 0000000100000000"), 99)).toEqual({ a: 2 ** 32 });
  expect(unpackMap(hex("81 a1 61 cf 001fffffffffffff"), 99)).toEqual({ a: 2 ** 53 - 1 });
  expect(unpackMap(hex("81 a1 61 d3 ffffffffffffffff"), 99)).toEqual({ a: -1 });
  expect(unpackMap(hex("81 a1 61 d3 ffe0000000000001"), 99)).toEqual({ a: -(2 ** 53 - 1) });
});

const hostile: [name: string, bytes: Uint8Array][] = [
  ["empty input", hex("")],
  ["no map: an array", hex("91 01")],
  ["no map: a string", hex("a1 61")],
  ["bytes after the end", hex("80 00")],
  ["a value that is missing", hex("81 a1 61")],
  ["a key that is no string", hex("81 01 01")],
  ["a key twice", hex("82 a1 61 01 a1 61 02")],
  ["the key __proto__", concat(hex("81 a9"), utf8("__proto__"), hex("80"))],
  ["the never used 0xc1", hex("81 a1 61 c1")],
  ["undefined, as msgpackr writes it", hex("81 a1 61 d4 00 00")],
  ["a record definition, 0x72", hex("81 a1 61 d4 72 40 91 a1 62 01")],
  ["an error, 0x65", hex("81 a1 61 d4 65 00 93 a1 62 a1 62 a1 62")],
  ["a regular expression, 0x78", hex("81 a1 61 d4 78 00 92 a1 62 a0")],
  ["an id for cycles, 0x69", hex("81 a1 61 d6 69 00000001 80")],
  ["a pointer, 0x70", hex("81 a1 61 d6 70 00000001")],
  ["a timestamp", hex("81 a1 61 d6 ff 00000001")],
  ["ext 8, 16, 32", hex("81 a1 61 c7 01 05 00")],
  ["uint 64 beyond 2^53", hex("81 a1 61 cf 0020000000000000")],
  ["uint 64 of 2^64 - 1", hex("81 a1 61 cf ffffffffffffffff")],
  ["int 64 below -2^53", hex("81 a1 61 d3 8000000000000000")],
  ["an array of 2^32 - 1", hex("81 a1 61 dd ffffffff")],
  ["a map of 2^32 - 1", hex("81 a1 61 df ffffffff")],
  ["bytes of 2^32 - 1", hex("81 a1 61 c6 ffffffff")],
  ["a string of 2^32 - 1", hex("81 a1 61 db ffffffff")],
  ["a map of 2^32 - 1 at the top", hex("df ffffffff")],
  ["an overlong /", hex("81 a1 61 a2 c0 af")],
  ["a lone surrogate", hex("81 a1 61 a3 ed a0 80")],
  ["a key that is not UTF-8", hex("81 a1 ff 01")],
  ["10^5 nested arrays", concat(hex("81 a1 61"), new Uint8Array(1e5).fill(0x91), hex("c0"))],
  ["10^5 nested maps", concat(...Array<Uint8Array>(1e5).fill(hex("81 a1 61")), hex("c0"))],
];

test.each(hostile)("M1 refused: %s", (_name, bytes) => {
  refused(bytes);
});

test("M3 as many levels as the limit are taken, one more is refused", () => {
  const nested = (levels: number): Uint8Array =>
    concat(hex("81 a1 61"), new Uint8Array(levels - 1).fill(0x91), hex("c0"));
  unpackMap(nested(MESSAGE_DEPTH), 99);
  refused(nested(MESSAGE_DEPTH + 1));
});

test("M2 the length is checked before anything else", () => {
  const message = packMap({ a: "x".repeat(100) });
  unpackMap(message, message.length);
  faultOf(() => unpackMap(message, message.length - 1), "bad-message");
});

test("M3 millions of tiny values are refused", () => {
  const count = 2 ** 21;
  const header = hex("81 a1 61 dd 00200000");
  faultOf(
    () => unpackMap(concat(header, new Uint8Array(count).fill(0x80)), count * 2),
    "bad-message",
  );
});

test("M5 records of msgpackr itself are refused", () => {
  const recording = new Packr({ useRecords: true });
  refused(new Uint8Array(recording.pack({ a: { b: 1 }, c: { b: 2 } })));
  refused(packMapLike({ a: new Error("x") }));
  refused(packMapLike({ a: new Set([1]) }));
});

function packMapLike(value: object): Uint8Array {
  const generous = new Packr({ useRecords: false, moreTypes: true, structuredClone: true });
  return new Uint8Array(generous.pack(value));
}

test("M1 any input ends as a map or as our fault", () => {
  const seed = packMap({ t: "join", share: new Uint8Array(16), from: 3, list: [{ a: 1 }, "x"] });
  const mutated = fc
    .array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const bytes = seed.slice();
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      try {
        expect(typeof unpackMap(bytes, CONTROL_BYTES)).toBe("object");
      } catch (error) {
        expect(error).toBeInstanceOf(FaultError);
      }
    }),
    { numRuns: 2000 },
  );
});
