import { expect, test } from "bun:test";
import { RateLimit } from "../../../cli/connection/link-flow.ts";

test("a limit lets one record go at once, and the next when its time is up", () => {
  const limit = new RateLimit(1000);
  expect(limit.wait(0)).toBe(0);
  limit.spend(500, 0);
  expect(limit.wait(0)).toBe(500);
  expect(limit.wait(499)).toBe(1);
  limit.spend(1000, 500);
  expect(limit.wait(500)).toBe(1000);
  // Unused bytes are not saved up.
  expect(limit.wait(60_000)).toBe(0);
  limit.spend(100, 60_000);
  expect(limit.wait(60_000)).toBe(100);
});

test("without a limit nothing waits", () => {
  const limit = new RateLimit(undefined);
  limit.spend(1e12, 0);
  expect(limit.wait(0)).toBe(0);
});
