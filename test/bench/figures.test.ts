import { describe, expect, test } from "bun:test";

import { recordLength, RECORD_BYTES, sendableSize } from "../../bench/load/frame-share.ts";
import { at, matches, PATTERN_BYTES, PIECE_BYTES } from "../../bench/load/pattern.ts";
import { cpuSecondsIn, rssAnonIn, usageOf } from "../../bench/proc.ts";
import { jain, median, percentile } from "../../bench/stats.ts";

test("percentiles are values that were there", () => {
  const values = [5, 1, 4, 2, 3];
  expect([0, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 3, 5, 5]);
  expect(percentile([], 0.5)).toBe(0);
});

test("the median of an even number is between the two", () => {
  expect([[3, 1, 2], [4, 1, 2, 3], [7], []].map(median)).toEqual([2, 2.5, 7, 0]);
});

test("Jain's index is 1 when all are alike and 1/n when one has all", () => {
  expect(jain([3, 3, 3])).toBe(1);
  expect(jain([8, 0, 0, 0])).toBe(0.25);
  expect(jain([])).toBe(1);
});

describe("the pattern", () => {
  const offsets = [0, 1, 4096, PATTERN_BYTES - 10, PATTERN_BYTES, 3 * PATTERN_BYTES + 77];
  test.each(offsets)("is known from %d on", (offset) => {
    expect(matches(at(offset, 100_000), offset)).toBe(true);
    expect(matches(at(offset, 100_000), offset + 1)).toBe(false);
    expect(matches(at(offset, 100_000), offset + RECORD_BYTES)).toBe(false);
  });

  test("finds one changed bit, and takes pieces of any length", () => {
    const bytes = Buffer.concat([
      at(0, PIECE_BYTES),
      at(PIECE_BYTES, PIECE_BYTES),
      at(2 * PIECE_BYTES, 9),
    ]);
    expect(matches(bytes, 0)).toBe(true);
    bytes[bytes.length - 1]! ^= 1;
    expect(matches(bytes, 0)).toBe(false);
  });
});

test("no record is smaller than the protocol allows", () => {
  expect(sendableSize(RECORD_BYTES)).toBe(RECORD_BYTES);
  expect(recordLength(1, sendableSize(RECORD_BYTES + 1))).toBe(18);
  expect(sendableSize(RECORD_BYTES + 19)).toBe(RECORD_BYTES + 19);
});

describe("the kernel's figure", () => {
  test("is read past a command with spaces and parentheses", () => {
    const fields = ["S", ...Array.from({ length: 10 }, () => "0"), "150", "50", "9"];
    expect(cpuSecondsIn(`7 (a) b (c) ${fields.join(" ")}`)).toBe(2);
    expect(rssAnonIn("VmRSS:\t 9 kB\nRssAnon:\t   12 kB\n")).toBe(12_288);
  });

  test("is known of this process, and not of one that is not there", async () => {
    expect((await usageOf([process.pid]))?.rssAnon).toBeGreaterThan(0);
    expect(await usageOf([process.pid, 2 ** 30])).toBeUndefined();
    expect(await usageOf([])).toBeUndefined();
  });
});
