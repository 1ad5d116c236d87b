import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { concat, toHex, u32 } from "../../../protocol/wire/bytes.ts";
import { FaultError } from "../../../protocol/wire/faults.ts";
import {
  EDITIONS,
  MANIFEST_BYTES,
  MANIFEST_FILES,
  RECORD_INDEX,
  TEXT_BYTES,
} from "../../../protocol/wire/limits.ts";
import { encodeManifest } from "../../../protocol/content/encode-manifest.ts";
import {
  decodeHead,
  decodeManifest,
  type ManifestFile,
  manifestLength,
  MANIFEST_VERSION,
  stateBytes,
  STATES_VERSION,
} from "../../../protocol/content/manifest.ts";
import { packMap } from "../../../protocol/wire/msgpack.ts";
import { parseSafePath } from "../../../protocol/content/names.ts";
import {
  dataPerRecord,
  MIN_RECORD_SIZE,
  OPEN_RECORD_SIZE,
  RECORD_SIZE,
  recordCount,
} from "../../../protocol/wire/sizes.ts";
import { byteOf, FILE_STATES, isUsable, stateOf } from "../../../protocol/content/file-marks.ts";
import { faultOf } from "../../support/faults.ts";

const share = Uint8Array.from({ length: 16 }, (_, i) => i);
const file = (path: string, size: number, more: Partial<ManifestFile> = {}): ManifestFile => ({
  path: parseSafePath(path),
  type: "file",
  size,
  mode: 0,
  mtime: 1_700_000_000_000,
  ...more,
});
const folder = (path: string): ManifestFile => file(path, 0, { type: "folder" });
const GiB = 1024 ** 3;

type Raw = Record<string, unknown>;
/** The bytes of a manifest as a hostile sender could write it, with matching sum and count. */
function forge(files: unknown, changes: Raw = {}): { bytes: Uint8Array; records: number } {
  const sizes = Array.isArray(files) ? files.map((entry: Raw | null) => entry?.["size"]) : [];
  const bytes = sizes.reduce((sum: number, size) => sum + (typeof size === "number" ? size : 0), 0);
  let records = 1;
  for (;;) {
    const raw = { version: 1, share, recordSize: RECORD_SIZE, records, bytes, files, ...changes };
    const packed = packMap(raw);
    const total = 4 + packed.length + bytes;
    if (changes["records"] !== undefined) return { bytes: packed, records };
    const needed = Number.isSafeInteger(total) && total > 0 ? recordCount(total, RECORD_SIZE) : 1;
    if (needed === records) return { bytes: packed, records };
    records = needed;
  }
}
const decode = (bytes: Uint8Array): ReturnType<typeof decodeManifest> =>
  decodeManifest(bytes, { share, recordSize: RECORD_SIZE });
const entry = (changes: Raw = {}): Raw => ({ path: "a", size: 1, mode: 0, mtime: 0, ...changes });
const refused = (files: unknown, changes: Raw = {}): FaultError =>
  faultOf(() => decode(forge(files, changes).bytes), "bad-manifest");

test("a manifest comes back as it was", () => {
  const files = [
    file("folder/a", 5 * GiB),
    file("folder/run.sh", 12, { mode: 0o100 }),
    file("empty", 0, { mtime: 0 }),
    folder("folder/nothing in it"),
  ];
  const { manifest, head, plainBytes } = encodeManifest({ share, recordSize: RECORD_SIZE, files });
  expect(plainBytes).toBe(head.length + 5 * GiB + 12);
  expect(manifest).toEqual({
    version: 1,
    share,
    recordSize: RECORD_SIZE,
    records: recordCount(plainBytes, RECORD_SIZE),
    bytes: 5 * GiB + 12,
    kind: "files",
    open: false,
    files,
    folders: 2,
  });
  expect(manifestLength(head)).toBe(head.length - 4);
  const expected = { share, recordSize: RECORD_SIZE, records: manifest.records };
  expect(decodeManifest(head.subarray(4), expected)).toEqual(manifest);
  expect(decode(head.subarray(4))).toEqual(manifest);
  expect(decodeHead(head)).toEqual(manifest);
});

test("a manifest apart from the files fills its records, and comes back as it was", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 2 ** 22 }), { minLength: 1, maxLength: 30 });
  const limit = fc.constantFrom(MIN_RECORD_SIZE, 70, 300, OPEN_RECORD_SIZE, RECORD_SIZE);
  fc.assert(
    fc.property(sizes, limit, fc.boolean(), (list, most, open) => {
      const all = list.map((size, i) => file(`${"n".repeat(size % 190)}-${i}`, size));
      const files = open ? [file("a", 0)] : all;
      const source = { share, recordSize: most, files, open, apart: true };
      const { manifest, head, plainBytes } = encodeManifest(source);
      const data = dataPerRecord(manifest.recordSize);
      expect(head.length % data).toBe(0);
      expect(manifest.recordSize).toBeLessThanOrEqual(most);
      expect(plainBytes).toBe(head.length + manifest.bytes);
      expect(decodeHead(head)).toEqual(manifest);
      const bare = encodeManifest({ ...source, recordSize: manifest.recordSize, apart: false });
      // Their padding is 6 % of the files, or less than one record of 16 KiB or of the list.
      const most16th = Math.max(manifest.bytes / 16, 16 * 1024, bare.head.length + 512);
      if (!open) expect(head.length - bare.head.length).toBeLessThanOrEqual(most16th);
    }),
  );
});

test("the bytes of a manifest stay as they are", () => {
  const files = [file("a", 300, { mode: 0o100, mtime: 1 })];
  const { head } = encodeManifest({ share, recordSize: 4096, files });
  const expected = [
    "00000066", // length
    "86", // a map of 6
    "a776657273696f6e 01", // version: 1
    "a57368617265 c410 000102030405060708090a0b0c0d0e0f", // share
    "aa7265636f726453697a65 cd1000", // recordSize: 4096
    "a77265636f726473 01", // records: 1
    "a56279746573 cd012c", // bytes: 300
    "a566696c6573 91", // files: 1 of them
    "84 a470617468 a161", // path: "a"
    "a473697a65 cd012c", // size: 300
    "a46d6f6465 40", // mode: 0o100
    "a56d74696d65 01", // mtime: 1
  ];
  expect(toHex(head)).toBe(expected.join("").replaceAll(" ", ""));
});

test("the number of records counts the manifest that names it", () => {
  const sizes = fc.oneof(fc.nat(20_000), fc.nat(GiB / 2));
  fc.assert(
    fc.property(fc.array(sizes, { minLength: 1, maxLength: 20 }), (list) => {
      const files = list.map((size, i) => file(`f${i}`, size));
      const source = { share, recordSize: MIN_RECORD_SIZE, files };
      const { manifest, head, plainBytes } = encodeManifest(source);
      expect(manifest.records).toBe(recordCount(plainBytes, MIN_RECORD_SIZE));
      expect(decodeHead(head)).toEqual(manifest);
    }),
    { numRuns: 200 },
  );
});

test("the count is right where its own length tips it over", () => {
  const data = dataPerRecord(MIN_RECORD_SIZE);
  // Around 128, 256 and 65,536 records the number takes one or two bytes more.
  for (const near of [128, 256, 65_536]) {
    for (let size = (near - 8) * data; size < (near + 2) * data; size++) {
      const source = { share, recordSize: MIN_RECORD_SIZE, files: [file("a", size)] };
      const { manifest, plainBytes } = encodeManifest(source);
      expect(manifest.records).toBe(recordCount(plainBytes, MIN_RECORD_SIZE));
    }
  }
});

test("a sender hears early of what receivers would refuse", () => {
  const encode = (...files: ManifestFile[]): unknown =>
    encodeManifest({ share, recordSize: RECORD_SIZE, files });
  faultOf(() => encode(file("a", 1), file("a", 1)), "unsendable-name");
  faultOf(
    () => encode(...Array<ManifestFile>(MANIFEST_FILES + 1).fill(file("a", 1))),
    "share-too-big",
  );
  // Each in a folder of its own, which nothing but its path names.
  const inFolders = Array.from({ length: MANIFEST_FILES / 2 + 1 }, (_, i) => file(`${i}/f`, 0));
  expect(faultOf(() => encode(...inFolders), "share-too-big").detail).toContain("folders");
  encode(...inFolders.slice(1));
  faultOf(() => encode(file("a", 2 ** 49)), "share-too-big");
  faultOf(() => encode(file("a", 2 ** 53 - 1), file("b", 2 ** 53 - 1)), "share-too-big");
  expect(() => encode()).toThrow(RangeError);
  expect(() => encode(file("a", -1))).toThrow(RangeError);
  expect(() => encodeManifest({ share, recordSize: 63, files: [file("a", 1)] })).toThrow(
    RangeError,
  );
});

test("F13 F14 entries that are no files are refused", () => {
  expect(decode(forge([entry({ type: "file" })]).bytes).files.length).toBe(1);
  for (const type of ["symlink", "link", "hardlink", "dir", "device", "fifo", "", null, 5]) {
    refused([entry({ type })]);
  }
});

test("a folder has no size, and may be named beside what is in it", () => {
  const named = [entry({ path: "a/b" }), entry({ path: "a", size: 0, type: "folder" })];
  expect(decode(forge(named).bytes).files.map(({ type }) => type)).toEqual(["file", "folder"]);
  refused([entry({ type: "folder" })]);
  const twice = [entry({ size: 0, type: "folder" }), entry({ size: 0, type: "folder" })];
  faultOf(() => decode(forge(twice).bytes), "unsafe-name");
});

describe("a text", () => {
  test("is one small file", () => {
    const files = [file("text.txt", TEXT_BYTES)];
    const { head, manifest } = encodeManifest({ share, recordSize: 4096, files, kind: "text" });
    expect(manifest.kind).toBe("text");
    expect(decodeHead(head)).toEqual(manifest);
    for (const odd of [[folder("a")], [file("a", TEXT_BYTES + 1)], [file("a", 1), file("b", 1)]]) {
      const source = { share, recordSize: 4096, files: odd, kind: "text" } as const;
      expect(() => encodeManifest(source)).toThrow(RangeError);
    }
  });

  test("that is too long, a folder, several files or of another kind is refused", () => {
    refused([entry({ size: TEXT_BYTES + 1 })], { kind: "text" });
    refused([entry({ size: 0, type: "folder" })], { kind: "text" });
    refused([entry(), entry({ path: "b" })], { kind: "text" });
    for (const kind of ["link", "html", "", null, 5]) refused([entry()], { kind });
  });
});

describe("an open share", () => {
  const endless = { open: true, records: RECORD_INDEX };

  test("is one file of unknown size, with as many records as there can be", () => {
    const files = [file("stdin", 0)];
    const source = { share, recordSize: OPEN_RECORD_SIZE, files, open: true };
    const { head, manifest } = encodeManifest(source);
    expect(manifest).toMatchObject({ open: true, records: RECORD_INDEX, bytes: 0 });
    expect(decodeHead(head)).toEqual(manifest);
    for (const odd of [[folder("a")], [file("a", 1)], [file("a", 0), file("b", 0)]]) {
      expect(() => encodeManifest({ ...source, files: odd })).toThrow(RangeError);
    }
  });

  test("with a size, an end, several files or as a text is refused", () => {
    const nothing = entry({ size: 0 });
    expect(decode(forge([nothing], endless).bytes).open).toBe(true);
    refused([nothing], { ...endless, records: 1 });
    refused([nothing], { ...endless, records: RECORD_INDEX + 1 });
    refused([nothing], { ...endless, open: 1 });
    refused([nothing], { ...endless, kind: "text" });
    refused([nothing], { records: RECORD_INDEX });
    refused([entry()], endless);
    refused([entry({ size: 0, type: "folder" })], endless);
    refused([nothing, entry({ path: "b", size: 0 })], endless);
  });
});

test("unknown keys are ignored", () => {
  const { bytes } = forge([entry({ target: "/etc", owner: 0, xattrs: { a: 1 } })], { extra: [1] });
  expect(decode(bytes).files).toEqual([file("a", 1, { mtime: 0 })]);
});

test("F1 F2 F5 names go through the one parser", () => {
  for (const path of ["../x", "/etc/passwd", "\u001b[2J", "", "a//b", "a/.."]) {
    faultOf(() => decode(forge([entry({ path })]).bytes), "unsafe-name");
  }
  for (const path of [5, null, ["a"], new Uint8Array([97])]) refused([entry({ path })]);
});

test("F11 F12 names are safe side by side", () => {
  for (const [a, b] of [
    ["A", "a"],
    ["a", "a"],
    ["a", "a/b"],
  ]) {
    const files = [entry({ path: a }), entry({ path: b })];
    faultOf(() => decode(forge(files).bytes), "unsafe-name");
  }
});

test("F19 of a mode the permissions are kept if its owner may read, else only the owner's x bit", () => {
  const modeOf = (mode: unknown): number => decode(forge([entry({ mode })]).bytes).files[0]!.mode;
  for (const [raw, kept] of [
    [0o644, 0o644],
    [0o100_755, 0o755],
    [0o4755, 0o755],
    [0o2700, 0o700],
    [0o7777, 0o777],
    [0o400, 0o400],
    [0o100, 0o100],
    [0o4311, 0o100],
    [0, 0],
    [0o1266, 0],
  ]) {
    expect(modeOf(raw)).toBe(kept!);
  }
  for (const mode of [2 ** 40, -1.5e300, NaN, Infinity, "755", null]) {
    expect(modeOf(mode)).toBe(0);
  }
});

test("F20 a time is an integer of ms, before 1970 too, and what is no time refuses the share", () => {
  const timeOf = (mtime: unknown): number =>
    decode(forge([entry({ mtime })]).bytes).files[0]!.mtime;
  for (const [raw, kept] of [
    [1.5, 1],
    [-1, -1],
    [-0.5, 0],
    [-86_400_000, -86_400_000],
    [8.64e15, 8.64e15], // the year 275760
    [-8.64e15, -8.64e15],
    [2 ** 32, 2 ** 32],
  ]) {
    expect(timeOf(raw)).toBe(kept!);
  }
  for (const mtime of [8.64e15 + 2, -1e18, 1e300, Infinity, -Infinity, NaN, "now", null, [0]]) {
    refused([entry({ mtime })]);
  }
  const { path, size } = entry();
  expect(decode(forge([{ path, size }]).bytes).files[0]).toEqual(file("a", 1, { mtime: 0 }));
});

test("a sender's time that no Date can be is the first or the last one", () => {
  const times = [-Infinity, -1e18, -1.5, NaN, 1e18].map((mtime, i) => file(`${i}`, 0, { mtime }));
  const { manifest } = encodeManifest({ share, recordSize: 4096, files: times });
  expect(manifest.files.map(({ mtime }) => mtime)).toEqual([-8.64e15, -8.64e15, -1, 0, 8.64e15]);
});

test("F21 a size is a safe integer from 0", () => {
  for (const size of [-1, 1.5, NaN, Infinity, "12", 2 ** 53, 2 ** 63, null, true, [1]]) {
    refused([entry({ size })], { bytes: 0 });
  }
  refused([{ path: "a" }]);
  // Msgpackr never writes these two: -0, and a uint 64 of 2^63, which it would read as a bigint.
  const { bytes } = forge([entry({ size: 1 })]);
  const at = Buffer.from(bytes).indexOf("size") + 4;
  for (const type of [0xcb, 0xcf]) {
    const number = new Uint8Array([type, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    const changed = concat(bytes.subarray(0, at), number, bytes.subarray(at + 1));
    faultOf(() => decode(changed), "bad-manifest");
  }
});

test("F22 the sum of sizes is exact and safe", () => {
  refused([entry()], { bytes: 0 });
  refused([entry()], { bytes: 2 });
  const huge = 2 ** 53 - 1;
  refused([entry({ size: huge }), entry({ path: "b", size: huge })], { bytes: huge });
  refused([entry({ size: huge })], { records: 2 ** 28 });
});

test("E4 E5 record size and count must be those of the offer, and fit the sizes", () => {
  const { bytes, records } = forge([entry({ size: 5 * GiB })]);
  const expecting = (changes: Raw): unknown =>
    decodeManifest(bytes, { share, recordSize: RECORD_SIZE, records, ...changes });
  expecting({});
  expecting({ records: undefined });
  const other = (changes: Raw): unknown => faultOf(() => expecting(changes), "bad-manifest");
  other({ records: records - 1 });
  other({ records: records + 1 });
  other({ recordSize: RECORD_SIZE - 1 });
  other({ share: new Uint8Array(16) });
  other({ share: share.subarray(1) });
  for (const wrong of [0, records - 1, records + 1, -1, 1.5]) {
    refused([entry({ size: 5 * GiB })], { records: wrong });
  }
  for (const recordSize of [0, 17, MIN_RECORD_SIZE - 1, RECORD_SIZE + 1, 2 ** 32]) {
    const forged = forge([entry()], { recordSize }).bytes;
    faultOf(() => decodeManifest(forged, { share, recordSize }), "bad-manifest");
  }
});

test("other versions and shapes are refused", () => {
  for (const version of [0, 3, "1", null]) refused([entry()], { version });
  // The fault says what a person can do about it.
  const { detail } = faultOf(() => decode(forge([entry()], { version: 3 }).bytes), "bad-manifest");
  expect(detail).toBe("it is of version 3, and this program reads 2 at most");
  for (const files of [[], {}, null, "a", [null], [[]], ["a"], 5]) refused(files);
  refused([entry()], { share: "0123456789abcdef" });
  refused([entry()], { share: new Uint8Array(15) });
  faultOf(() => decode(packMap({})), "bad-manifest");
  for (const bytes of [new Uint8Array(), new Uint8Array([0x90]), new Uint8Array(100).fill(0x91)]) {
    faultOf(() => decode(bytes), "bad-manifest");
  }
});

describe("a share that tells what became of its files", () => {
  const files = [file("a", 10), file("b", 20), file("c", 0)];

  test("has a byte for each entry behind them, and one record more where that is needed", () => {
    const { manifest, head, plainBytes } = encodeManifest({
      version: STATES_VERSION,
      share,
      files,
      recordSize: MIN_RECORD_SIZE,
    });
    expect(plainBytes).toBe(head.length + 30 + 3);
    expect(stateBytes(manifest)).toBe(3);
    expect(manifest.records).toBe(recordCount(plainBytes, MIN_RECORD_SIZE));
    expect(decodeHead(head)).toEqual(manifest);
    const before = encodeManifest({ share, recordSize: MIN_RECORD_SIZE, files });
    expect(stateBytes(before.manifest)).toBe(0);
  });

  test("may take the place of others, and says since when each file is what it is", () => {
    const before = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
    const source = { version: STATES_VERSION, share, recordSize: 4096, files } as const;
    const edition = { before, since: Uint8Array.of(0, 2, 1) };
    const { head, manifest } = encodeManifest({ ...source, edition });
    expect(decodeHead(head)).toEqual(manifest);
    expect(manifest.edition).toEqual(edition);
    const many = Array.from({ length: EDITIONS }, () => new Uint8Array(16));
    for (const odd of [
      { before: [], since: Uint8Array.of(0, 0, 0) },
      { before: many, since: Uint8Array.of(0, 0, 0) },
      { before: [new Uint8Array(15)], since: Uint8Array.of(0, 0, 0) },
      { before, since: Uint8Array.of(0, 0) },
      { before, since: Uint8Array.of(0, 0, 3) },
    ]) {
      expect(() => encodeManifest({ ...source, edition: odd })).toThrow(RangeError);
      refused([entry()], { version: STATES_VERSION, ...odd });
    }
    expect(() => encodeManifest({ ...source, version: MANIFEST_VERSION, edition })).toThrow(
      RangeError,
    );
    for (const odd of [
      { before: 5 },
      { before: ["a"] },
      { since: [0] },
      { before },
      { since: share },
    ])
      refused([entry()], { version: STATES_VERSION, ...odd });
  });

  test.each([1, 100, 300, 70_000])(
    "takes the place of as many as it may, with %p files",
    (count) => {
      const before = Array.from({ length: EDITIONS - 1 }, (_, i) => new Uint8Array(16).fill(i + 1));
      const edition = { before, since: new Uint8Array(count).fill(EDITIONS - 1) };
      const many = Array.from({ length: count }, (_, i) => file(`${i}`, 1));
      for (const apart of [false, true]) {
        const of = { version: STATES_VERSION, share, recordSize: RECORD_SIZE, apart } as const;
        const { head } = encodeManifest({ ...of, files: many, edition });
        expect(decodeHead(head).edition).toEqual(edition);
      }
    },
  );

  test("is neither a text nor open", () => {
    for (const odd of [{ kind: "text" }, { open: true }] as const) {
      const source = { share, recordSize: 4096, files: [file("a", 0)], ...odd };
      expect(() => encodeManifest({ version: STATES_VERSION, ...source })).toThrow(RangeError);
    }
  });

  test("a state that is not known is of a file that must not pass for whole", () => {
    expect(FILE_STATES.map((state) => stateOf(byteOf(state)))).toEqual([...FILE_STATES]);
    expect([4, 255].map(stateOf)).toEqual(["changed", "changed"]);
    expect(FILE_STATES.filter(isUsable)).toEqual(["whole", "grown"]);
  });
});

describe("F26 limits come before the work", () => {
  test("bytes", () => {
    faultOf(() => decode(new Uint8Array(MANIFEST_BYTES + 1)), "bad-manifest");
    for (const length of [0, MANIFEST_BYTES + 1, 2 ** 32 - 1]) {
      faultOf(() => manifestLength(u32(length)), "bad-manifest");
    }
    expect(manifestLength(concat(u32(MANIFEST_BYTES), share))).toBe(MANIFEST_BYTES);
    faultOf(() => manifestLength(new Uint8Array(3)), "bad-manifest");
  });

  test("entries, empty ones too", () => {
    const files = Array.from({ length: MANIFEST_FILES + 1 }, () => ({}));
    expect(refused(files).detail).toBe("too many files");
    const most = `more than ${MANIFEST_FILES} files and folders`;
    const chain = "/a".repeat(31);
    const deep = Array.from({ length: 4200 }, (_, i) => file(`${i}${chain}/f`, 0));
    expect(refused(deep).detail).toBe(most);
    const nested = Array.from({ length: 4200 }, (_, i) => folder(`${i}${chain}`));
    expect(refused(nested).detail).toBe(most);
    const values = concat(
      new Uint8Array([0x81, 0xa5, 102, 105, 108, 101, 115, 0xdd]),
      u32(10_000_000),
      new Uint8Array(10_000_000).fill(0x80),
    );
    faultOf(() => decode(values), "bad-manifest");
  });
});

test("a kept head must be exactly one manifest", () => {
  const { head } = encodeManifest({ share, recordSize: RECORD_SIZE, files: [file("a", 1)] });
  for (const odd of [head.subarray(0, 3), head.subarray(0, -1), concat(head, new Uint8Array(1))]) {
    faultOf(() => decodeHead(odd), "bad-manifest");
  }
});

test("a manifest keeps nothing of the buffer that it came in", () => {
  const { head, manifest } = encodeManifest({
    share,
    recordSize: RECORD_SIZE,
    files: [file("a", 1)],
  });
  const decoded = decodeHead(head);
  head.fill(0);
  expect(decoded).toEqual(manifest);
});

test("M1 any change of a manifest is a manifest or our fault", () => {
  const { bytes } = forge([entry(), entry({ path: "b/c" })]);
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const changed = bytes.slice();
      for (const [at, value] of changes) changed[at] = value;
      try {
        expect(decode(changed).files.length).toBeLessThanOrEqual(2);
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        expect(["bad-manifest", "unsafe-name"]).toContain(error.code);
      }
    }),
    { numRuns: 2000 },
  );
});
