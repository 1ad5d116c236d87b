import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { FRAME_BYTES } from "../../../protocol/wire/limits.ts";
import {
  dataPerRecord,
  frameBytes,
  MAX_RECORD_SIZE,
  MIN_RECORD_SIZE,
  plainOffset,
  RECORD_SIZE,
  recordBytes,
  recordCount,
  wireBytes,
} from "../../../protocol/wire/sizes.ts";

const GiB = 1024 ** 3;
const data = dataPerRecord(RECORD_SIZE);

test("E2 a full record of the default size fills a frame exactly", () => {
  expect(RECORD_SIZE).toBe(1_048_560);
  expect(data).toBe(1_048_543);
  expect(frameBytes(0, 2 * data, RECORD_SIZE)).toBe(FRAME_BYTES);
});

test("counts at the edges of records", () => {
  const cases: [plainBytes: number, records: number, lastBytes: number][] = [
    [0, 1, 0],
    [1, 1, 1],
    [data - 1, 1, data - 1],
    [data, 1, data],
    [data + 1, 2, 1],
    [2 * data, 2, data],
    [5 * GiB, 5121, 5 * GiB - 5120 * data],
  ];
  for (const [plainBytes, records, lastBytes] of cases) {
    expect(recordCount(plainBytes, RECORD_SIZE)).toBe(records);
    expect(recordBytes(records - 1, plainBytes, RECORD_SIZE)).toBe(lastBytes);
  }
});

test("sizes stay exact beyond 2^32, up to 2^53, against BigInt", () => {
  const sizes = fc.oneof(
    fc.integer({ min: 0, max: 10_000 }),
    fc.integer({ min: 2 ** 32 - 1000, max: 2 ** 32 + 1000 }),
    fc.integer({ min: 2 ** 50 - 1000, max: 2 ** 50 + 1000 }),
    fc.maxSafeNat(),
  );
  const recordSizes = fc.oneof(
    fc.constantFrom(MIN_RECORD_SIZE, 4096, MAX_RECORD_SIZE),
    fc.integer({ min: MIN_RECORD_SIZE, max: MAX_RECORD_SIZE }),
  );
  fc.assert(
    fc.property(sizes, recordSizes, (plainBytes, recordSize) => {
      const perRecord = BigInt(dataPerRecord(recordSize));
      const wanted = (BigInt(plainBytes) + perRecord - 1n) / perRecord;
      const count = recordCount(plainBytes, recordSize);
      expect(BigInt(count)).toBe(wanted === 0n ? 1n : wanted);
      const last = count - 1;
      expect(BigInt(plainOffset(last, recordSize))).toBe(BigInt(last) * perRecord);
      expect(plainOffset(last, recordSize) + recordBytes(last, plainBytes, recordSize)).toBe(
        plainBytes,
      );
    }),
    { numRuns: 1000 },
  );
});

test("the bytes on the wire are the sum of the frames", () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.integer({ min: 64, max: 300 }), (plainBytes, recordSize) => {
      let sum = 0;
      const count = recordCount(plainBytes, recordSize);
      for (let i = 0; i < count; i++) sum += frameBytes(i, plainBytes, recordSize);
      expect(wireBytes(plainBytes, recordSize)).toBe(sum);
    }),
  );
  expect(wireBytes(5 * GiB)).toBe(5 * GiB + 5121 * 33);
});

test("a number that is no size or no record of the share is a mistake of the caller", () => {
  for (const size of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
    expect(() => recordCount(size, RECORD_SIZE)).toThrow(RangeError);
  }
  for (const index of [-1, 0.5, 2, Number.NaN]) {
    expect(() => recordBytes(index, 2 * data, RECORD_SIZE)).toThrow(RangeError);
  }
});
