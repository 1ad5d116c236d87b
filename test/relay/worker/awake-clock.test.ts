import { expect, test } from "bun:test";
import { TICK_MS } from "../../../relay/limits/limits.ts";
import { ASLEEP_MS, awakeClock } from "../../../relay/worker/awake-clock.ts";

test("the clock of a thread goes on while it runs, and stands still while it does", () => {
  let now = 1000;
  const clock = awakeClock(() => now);
  const later = (ms: number): number => {
    now += ms;
    return clock();
  };
  expect(clock()).toBe(1000);
  expect(later(TICK_MS)).toBe(1000 + TICK_MS);
  expect(later(ASLEEP_MS)).toBe(1000 + TICK_MS + ASLEEP_MS);
  const before = clock();
  expect(later(60_000)).toBe(before);
  expect(later(TICK_MS)).toBe(before + TICK_MS);
  expect(later(3_600_000)).toBe(before + TICK_MS);
});
