import { expect, test } from "bun:test";

import { Rest } from "../../relay/worker/idle-gc.ts";

test("collects once, when a crowd has come to rest", () => {
  let collected = 0;
  const rest = new Rest(() => collected++);
  for (let message = 0; message < 5000; message++) rest.busy(message);
  rest.tick(5500);
  expect(collected).toBe(0);
  rest.tick(6100);
  rest.tick(9000);
  expect(collected).toBe(1);
});

test("does not collect for a few messages, such as pings' answers", () => {
  let collected = 0;
  const rest = new Rest(() => collected++);
  for (let message = 0; message < 10; message++) rest.busy(message);
  rest.tick(60_000);
  expect(collected).toBe(0);
});

test("collects once for pieces that downloads took, when they take no more", () => {
  let collected = 0;
  const rest = new Rest(() => collected++);
  const MiB = 2 ** 20;
  for (let tick = 0; tick < 40; tick++) rest.tick(tick * 250, tick * MiB);
  expect(collected).toBe(0);
  for (let tick = 40; tick < 60; tick++) rest.tick(tick * 250, 40 * MiB);
  expect(collected).toBe(1);
});
