import { expect, test } from "bun:test";
import { ArrivalRate } from "../../../relay/share/arrival-rate.ts";

const MiB = 1024 ** 2;

test("a rate is known after 100 ms, and holds for the next 100 ms", () => {
  const rate = new ArrivalRate();
  rate.note(1000, 0);
  rate.note(1000, 99);
  expect(rate.bytesPerSecond).toBe(0);
  rate.note(1000, 100);
  expect(rate.bytesPerSecond).toBe(30_000);
  rate.note(50_000, 199);
  expect(rate.bytesPerSecond).toBe(30_000);
});

test("a fast sender's rate is known after 8 MiB", () => {
  const rate = new ArrivalRate();
  for (let at = 0; at < 7; at++) rate.note(MiB, 2 * at);
  expect(rate.bytesPerSecond).toBe(0);
  rate.note(MiB, 16);
  expect(rate.bytesPerSecond).toBe(500 * MiB);
});

test("a sender that paused is slow at first", () => {
  const rate = new ArrivalRate();
  for (let at = 0; at < 8; at++) rate.note(MiB, at);
  rate.note(MiB, 1007);
  expect(rate.bytesPerSecond).toBe(MiB);
});
