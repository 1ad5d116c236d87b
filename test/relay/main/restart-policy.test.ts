import { expect, test } from "bun:test";
import {
  RestartPolicy,
  WORKER_FAILURES,
  WORKER_RESTART_MAX_MS,
  WORKER_RESTART_MS,
  WORKER_STEADY_MS,
} from "../../../relay/main/restart-policy.ts";

test("a worker that fails starts at once, and waits twice as long after each failure more", () => {
  const restarts = new RestartPolicy();
  restarts.up(0);
  const waits = Array.from({ length: 9 }, () => restarts.failed(10));
  const doubled = Array.from({ length: 8 }, (_, i) => WORKER_RESTART_MS * 2 ** i);
  expect(waits).toEqual([0, ...doubled.map((ms) => Math.min(ms, WORKER_RESTART_MAX_MS))]);
});

test("one that was up for a while has failed for the first time", () => {
  const restarts = new RestartPolicy();
  restarts.failed(0);
  restarts.failed(0);
  restarts.up(1000);
  expect(restarts.failed(1000 + WORKER_STEADY_MS)).toBe(0);
  restarts.up(2000);
  expect(restarts.failed(1999 + WORKER_STEADY_MS)).toBe(WORKER_RESTART_MS);
});

test("one that fails too often in a row is hopeless until it was up for a while", () => {
  const restarts = new RestartPolicy();
  for (let failures = 1; failures < WORKER_FAILURES; failures++) restarts.failed(0);
  expect(restarts.hopeless).toBe(false);
  restarts.failed(0);
  expect(restarts.hopeless).toBe(true);
  restarts.up(0);
  restarts.failed(WORKER_STEADY_MS);
  expect(restarts.hopeless).toBe(false);
});
