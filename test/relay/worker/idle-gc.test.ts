import { expect, test } from "bun:test";

import { IdleGc } from "../../../relay/worker/idle-gc.ts";

test("collects once, when a crowd has come to rest", () => {
  let collected = 0;
  const idleGc = new IdleGc(() => collected++);
  for (let message = 0; message < 5000; message++) idleGc.busy(message);
  idleGc.tick(5500);
  expect(collected).toBe(0);
  idleGc.tick(6100);
  idleGc.tick(9000);
  expect(collected).toBe(1);
});

test("does not collect for a few messages, such as pings' answers", () => {
  let collected = 0;
  const idleGc = new IdleGc(() => collected++);
  for (let message = 0; message < 10; message++) idleGc.busy(message);
  idleGc.tick(60_000);
  expect(collected).toBe(0);
});

test("collects once for pieces that downloads took, when they take no more", () => {
  let collected = 0;
  const idleGc = new IdleGc(() => collected++);
  const MiB = 2 ** 20;
  for (let tick = 0; tick < 40; tick++) idleGc.tick(tick * 250, tick * MiB);
  expect(collected).toBe(0);
  for (let tick = 40; tick < 60; tick++) idleGc.tick(tick * 250, 40 * MiB);
  expect(collected).toBe(1);
});
