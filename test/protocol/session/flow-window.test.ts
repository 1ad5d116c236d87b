import { describe, expect, test } from "bun:test";

import { FlowWindow } from "../../../protocol/session/flow-window.ts";

const LEAST = 16;
const MOST = 128;

/** Records that are done with every `everyMs`, for a time. @returns when that ends */
function move(window: FlowWindow, everyMs: number, forMs: number, from = 0): number {
  for (let now = from; now < from + forMs; now += everyMs) window.moved(now);
  return from + forMs;
}

function newWindow(roundTripMs: number): FlowWindow {
  const window = new FlowWindow(LEAST, MOST);
  window.answered(roundTripMs);
  return window;
}

/** A window per round trip, in a burst: what comes if nothing but the window limits. */
function burst(window: FlowWindow, roundTripMs: number, round: number): number {
  const { size } = window;
  for (let record = 0; record < size; record++) window.moved(round * roundTripMs + record / 10);
  return window.size;
}

test("A window that alone limits doubles with each round trip, up to the most", () => {
  const window = newWindow(300);
  expect([1, 2, 3, 4].map((round) => burst(window, 300, round))).toEqual([32, 64, 128, 128]);
});

test("A window stays at twice what the path carries in a round trip", () => {
  const window = newWindow(300);
  move(window, 10, 30_000);
  expect(window.size).toBeWithin(45, 61);
});

test.each([
  ["slow", 300, 100],
  ["near", 0.3, 1],
])("A %s receiver keeps the first window", (_, roundTripMs, everyMs) => {
  const window = newWindow(roundTripMs);
  move(window, everyMs, 10_000);
  expect(window.size).toBe(LEAST);
});

test("A burst of a busy thread is no fast path", () => {
  const window = newWindow(1);
  for (let record = 0; record < 1000; record++) window.moved(5);
  expect(window.size).toBeLessThanOrEqual(20);
});

test("A window without a known round trip stays as it is", () => {
  const window = new FlowWindow(LEAST, MOST);
  move(window, 1, 1000);
  expect(window.size).toBe(LEAST);
});

describe("A window shrinks", () => {
  test("by a quarter in a round trip while the rate is lower", () => {
    const window = newWindow(400);
    move(window, 4, 4000);
    expect(window.size).toBe(MOST);
    move(window, 200, 400, 4000);
    expect(window.size).toBeWithin(90, 120);
  });

  test("to the first window after a long silence", () => {
    const window = newWindow(400);
    move(window, 4, 4000);
    window.moved(100_000);
    expect(window.size).toBe(LEAST);
  });

  test("where a shorter round trip is found", () => {
    const window = newWindow(1000);
    move(window, 10, 3000);
    const before = window.size;
    window.answered(50);
    move(window, 10, 500, 3000);
    expect(window.size).toBeLessThan(before);
    move(window, 10, 3000, 3500);
    expect(window.size).toBe(LEAST);
  });
});

test("A least that exceeds the most is cut", () => {
  expect(new FlowWindow(16, 4).size).toBe(4);
});
