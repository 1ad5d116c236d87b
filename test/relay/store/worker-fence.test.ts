/** Until when a worker may write records to a bucket that other relays use too. */
import { afterEach, expect, setSystemTime, test } from "bun:test";

import { WorkerFence } from "../../../relay/worker/worker-fence.ts";

afterEach(() => {
  setSystemTime();
});

test("a worker writes nothing before the main thread said that it may, and then for that time", () => {
  const fence = new WorkerFence();
  expect(fence.left).toBe(0);
  fence.told({ t: "may-write", left: 10_000, until: Date.now() + 10_000 });
  expect(fence.left).toBeGreaterThan(0);
  expect(fence.left).toBeLessThanOrEqual(10_000);
});

test("a word that waited while the relay stood still opens nothing", () => {
  const fence = new WorkerFence();
  fence.told({ t: "may-write", left: 10_000, until: Date.now() - 1 });
  expect(fence.left).toBe(0);
});

test("a clock that is set back does not lengthen the time", () => {
  const fence = new WorkerFence();
  fence.told({ t: "may-write", left: 0, until: Date.now() + 10_000 });
  setSystemTime(Date.now() - 60_000);
  expect(fence.left).toBe(0);
});
