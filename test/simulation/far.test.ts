/** Windows and credit on far paths, in virtual time. No record comes beyond a window: `SimReceiver` checks each. */
import { describe, expect, test } from "bun:test";

import { WINDOW_MOST_RECORDS, WINDOW_RECORDS } from "../../protocol/mod.ts";
import {
  farScenario,
  GIGABIT_MS,
  TEN_GIGABIT_MS,
  type FarReceiver,
  type Path,
  type Setting,
} from "./far-scenario.ts";
import { Simulation } from "./simulation.ts";

/** The part of a path that must be filled, its start included. */
const BAR = 0.85;

const FAR: Path = { oneWayMs: 150, recordMs: GIGABIT_MS };
const FAST: Path = { oneWayMs: 50, recordMs: TEN_GIGABIT_MS };
const NEAR: Path = { oneWayMs: 0.2, recordMs: TEN_GIGABIT_MS };
const adaptive = { windowMost: WINDOW_MOST_RECORDS };

/** By receiver: records per ms until it had all, and the largest window that it asked for. */
function play(
  sender: Path,
  receivers: readonly FarReceiver[],
  records: number,
  setting?: Setting,
): { rates: number[]; windows: number[] } {
  const outcome = new Simulation(farScenario(sender, receivers, records, setting)).run();
  const names = receivers.map((_, index) => `receiver ${index}`);
  return {
    rates: names.map((name) => records / outcome.finishedAt.get(name)!),
    windows: names.map((name) => outcome.windows.get(name)!),
  };
}

describe("A path is filled", () => {
  test.each([
    ["of 1 Gbit/s with a far receiver", NEAR, FAR, 2000, 1],
    ["of 1 Gbit/s with a far sender", FAR, NEAR, 2000, 1],
    ["of 1 Gbit/s with both far", FAR, FAR, 3000, 1],
    ["of 1 Gbit/s with both far, at two workers", FAR, FAR, 3000, 2],
    ["of 10 Gbit/s with both far", FAST, FAST, 16_000, 1],
  ] as const)("%s", (_, sender, receiver, records, workers) => {
    const { rates } = play(sender, [{ ...receiver, ...adaptive }], records, { workers });
    const best = 1 / Math.max(sender.recordMs, receiver.recordMs);
    expect(rates[0]! / best).toBeGreaterThan(BAR);
  });
});

describe("A receiver that comes late to a far sender", () => {
  const joinAt = 20_000;
  const records = 30;
  const tookOf = (connections: number): number => {
    const receivers = [{ ...NEAR, ...adaptive, joinAt }];
    const { rates } = play(FAR, receivers, records, { connections });
    return records / rates[0]! - joinAt;
  };

  test("waits for its records where the sender has one connection", () => {
    expect(tookOf(1)).toBeGreaterThan(2 * FAR.oneWayMs);
  });

  test("has them within less than a round trip to a sender with several", () => {
    expect(tookOf(4)).toBeLessThan(2 * FAR.oneWayMs);
  });
});

test("A receiver with a slow disk asks for no more than the first window, however far it is", () => {
  const slow = { ...FAR, ...adaptive, diskMs: 100 };
  const { rates, windows } = play(NEAR, [slow], 200);
  expect(windows).toEqual([WINDOW_RECORDS]);
  expect(rates[0]! * slow.diskMs).toBeGreaterThan(BAR);
});

test("A window is no more than twice what the path carries in a round trip", () => {
  const { windows } = play(FAR, [{ ...FAR, ...adaptive }], 1000);
  const carried = (2 * FAR.oneWayMs) / FAR.recordMs;
  expect(windows[0]!).toBeGreaterThan(carried);
  // A round trip is seen with the record that it brings.
  expect(windows[0]!).toBeLessThanOrEqual(2 * (carried + 2));
});

test("Near receivers ask for no more than the first window", () => {
  const near = { ...NEAR, ...adaptive };
  const { windows } = play(NEAR, [near, near], 2000);
  expect(windows).toEqual([WINDOW_RECORDS, WINDOW_RECORDS]);
});

test("Receivers of every window, near, far and slow, take a share beside each other", () => {
  const receivers: FarReceiver[] = [
    { ...NEAR, recordMs: GIGABIT_MS, ...adaptive },
    { ...FAR, ...adaptive },
    { ...FAR, ...adaptive },
    { ...FAR, windowMost: 0 },
    { ...FAR, ...adaptive, diskMs: 50 },
  ];
  const { rates, windows } = play(FAR, receivers, 3000);
  const [near, far, alike, before, slow] = rates.map((rate) => rate * GIGABIT_MS);
  // The far ones join a start that the near one made.
  expect(near!).toBeGreaterThan(BAR);
  expect(far!).toBeGreaterThan(BAR);
  expect(alike! / far!).toBeWithin(0.95, 1.05);
  const ofWindow = (WINDOW_RECORDS * GIGABIT_MS) / (2 * FAR.oneWayMs);
  expect(before!).toBeWithin(BAR * ofWindow, ofWindow * 1.02);
  expect(slow!).toBeGreaterThan((BAR * GIGABIT_MS) / 50);
  expect(windows[3]).toBe(WINDOW_RECORDS);
  expect(windows[4]!).toBeLessThanOrEqual(WINDOW_RECORDS);
});
