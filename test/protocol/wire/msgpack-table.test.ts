/**
 * What is known to hurt MessagePack decoders, at all three doors that MessagePack comes through: as a
 * map, as a control message and as a manifest.
 */
import { describe, expect, test } from "bun:test";
import { Packr } from "msgpackr";
import { concat, fromHex, u32, utf8 } from "../../../protocol/wire/bytes.ts";
import { decodeControl } from "../../../protocol/wire/control.ts";
import { CONTROL_BYTES, MANIFEST_BYTES, MANIFEST_FILES } from "../../../protocol/wire/limits.ts";
import { decodeHead } from "../../../protocol/content/manifest.ts";
import { unpackMap } from "../../../protocol/wire/msgpack.ts";
import { faultOf } from "../../support/faults.ts";

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(" ", ""))!;
const nested = (count: number, type: number): Uint8Array => new Uint8Array(count).fill(type);
/** A map with one key, `a`. */
const under = (...value: Uint8Array[]): Uint8Array => concat(hex("81 a1 61"), ...value);
const MiB = 1024 * 1024;

const generous = new Packr({ useRecords: false, moreTypes: true, structuredClone: true });
const packed = (value: unknown): Uint8Array => new Uint8Array(generous.pack(value));
const cycle: Record<string, unknown> = {};
cycle["self"] = cycle;

interface Row {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const ROWS: readonly Row[] = [
  { name: "10^5 nested arrays", bytes: under(nested(100_000, 0x91), hex("c0")) },
  { name: "10^6 nested arrays", bytes: under(nested(1_000_000, 0x91), hex("c0")) },
  { name: "10^5 nested arrays without a map around them", bytes: nested(100_000, 0x91) },
  { name: "an array of 2^32 - 1 in 5 bytes", bytes: under(hex("dd ffffffff")) },
  { name: "a map of 2^32 - 1 in 5 bytes", bytes: hex("df ffffffff") },
  { name: "bytes of 2^32 - 1 in 5 bytes", bytes: under(hex("c6 ffffffff")) },
  { name: "a string of 2^32 - 1 in 5 bytes", bytes: under(hex("db ffffffff")) },
  { name: "an extension of 2^32 - 1 in 6 bytes", bytes: under(hex("c9 ffffffff 01")) },
  { name: "a key of 2^32 - 1", bytes: hex("81 db ffffffff 61 01") },
  {
    name: "the key __proto__",
    bytes: concat(hex("81 a9"), utf8("__proto__"), hex("81 a5"), utf8("admin"), hex("c3")),
  },
  {
    name: "the key __proto__ further in",
    bytes: under(concat(hex("81 a9"), utf8("__proto__"), hex("81 a5"), utf8("admin"), hex("c3"))),
  },
  { name: "a record, extension 0x72", bytes: under(hex("d4 72 40 91 a1 62 01")) },
  { name: "an error, extension 0x65", bytes: under(packed(new Error("x"))) },
  { name: "a regular expression, extension 0x78", bytes: under(packed(/(a+)+$/)) },
  { name: "a cyclic pointer, extensions 0x69 and 0x70", bytes: packed(cycle) },
  { name: "a set, a map and a typed array", bytes: under(packed(new Set([new Float64Array(2)]))) },
  { name: "a date", bytes: under(packed(new Date(0))) },
  { name: "a bigint of 200 bits", bytes: under(packed(2n ** 200n)) },
  { name: "trailing bytes", bytes: hex("81 a1 61 01 00") },
  { name: "two maps", bytes: hex("81 a1 61 01 81 a1 61 01") },
  { name: "empty input", bytes: new Uint8Array() },
];

describe.each([...ROWS])("M1 $name", ({ bytes }) => {
  test("is no map, no message and no manifest", () => {
    const before = Object.keys(Object.prototype);
    faultOf(() => unpackMap(bytes, MANIFEST_BYTES), "bad-message");
    faultOf(() => decodeControl(bytes, "anyone"), "bad-message");
    faultOf(() => decodeHead(concat(u32(bytes.length), bytes)), "bad-manifest");
    expect(Object.keys(Object.prototype)).toEqual(before);
    expect({}).not.toHaveProperty("admin");
  });
});

describe("M3 1 MB of empty maps", () => {
  const many = under(hex("dd 000f4240"), nested(1_000_000, 0x80));

  test("is no message: it is refused from its length", () => {
    const { detail } = faultOf(() => decodeControl(many, "anyone"), "bad-message");
    expect(detail).toBe(`longer than ${CONTROL_BYTES} bytes`);
  });

  test("is no list of files: they are counted before one is looked at", () => {
    const files = concat(hex("81 a5"), utf8("files"), many.subarray(3));
    const { detail } = faultOf(() => decodeHead(concat(u32(files.length), files)), "bad-manifest");
    expect(detail).toBe("too many files");
    expect(1_000_000).toBeGreaterThan(MANIFEST_FILES);
  });

  test("and more of it than any message holds is never decoded", () => {
    const more = under(hex("dd 00200000"), nested(2 * MiB, 0x80));
    const { detail } = faultOf(() => unpackMap(more, 3 * MiB), "bad-message");
    expect(detail).toBe("too many values");
  });
});

test("M4 the values of a map are its own, of plain prototypes", () => {
  const wire = hex("81 a1 61 93 c4 02 0102 81 a1 62 01 a1 63");
  const map = unpackMap(wire, CONTROL_BYTES);
  expect(map).toEqual({ a: [new Uint8Array([1, 2]), { b: 1 }, "c"] });
  const [bytes, inner] = map["a"] as [Uint8Array, object];
  expect(bytes.buffer).not.toBe(wire.buffer);
  for (const each of [map, inner]) expect(Object.getPrototypeOf(each)).toBe(Object.prototype);
  wire.fill(0xff);
  expect(bytes).toEqual(new Uint8Array([1, 2]));
});

test("M4 a name of a property that every object has is a key like others", () => {
  const keys = ["constructor", "toString", "hasOwnProperty", "prototype", "valueOf"];
  const entries = keys.map((key) => concat(Uint8Array.of(0xa0 | key.length), utf8(key), hex("01")));
  const map = unpackMap(concat(Uint8Array.of(0x80 | keys.length), ...entries), CONTROL_BYTES);
  expect(Object.keys(map)).toEqual(keys);
  faultOf(
    () => decodeControl(concat(Uint8Array.of(0x80 | keys.length), ...entries), "anyone"),
    "bad-message",
  );
});
