import { describe, expect, test } from "bun:test";
import { planRound } from "./plan.ts";

const MiB = 1024 * 1024;
const size = { receivers: 20, steps: 200, bytes: 64 * MiB };

describe("the plan of a round", () => {
  test("is the same each time for a seed, and another for another seed or round", () => {
    expect(planRound("a", 1, size)).toEqual(planRound("a", 1, size));
    expect(planRound("a", 1, size).steps).not.toEqual(planRound("b", 1, size).steps);
    expect(planRound("a", 1, size).steps).not.toEqual(planRound("a", 2, size).steps);
  });

  test("has every kind of fault and of file in some rounds", () => {
    const plans = Array.from({ length: 50 }, (_, round) => planRound("a", round, size));
    const kinds = new Set(plans.flatMap(({ steps }) => steps.map(({ fault }) => fault.kind)));
    expect([...kinds].toSorted()).toEqual([
      "black-hole",
      "crash-worker",
      "delay",
      "destroy-socket",
      "end-relay",
      "fill-disk",
      "freeze",
      "half-close",
      "kill-receiver",
      "kill-sender",
      "reset",
      "slow",
    ]);
    const sizes = plans.map(({ bytes }) => bytes);
    expect(sizes).toContain(0);
    expect(sizes.some((bytes) => bytes > 0 && bytes <= 16 * 1024)).toBe(true);
    expect(sizes.some((bytes) => bytes > 32 * MiB)).toBe(true);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * MiB);
  });

  test("names only receivers that are there", () => {
    const { steps, receivers } = planRound("a", 1, { ...size, receivers: 3 });
    expect(receivers.map(({ name }) => name)).toEqual(["receiver-0", "receiver-1", "receiver-2"]);
    for (const { fault } of steps) {
      const who = "who" in fault ? fault.who : "receiver" in fault ? fault.receiver : 0;
      expect(typeof who === "string" || who < 3).toBe(true);
    }
  });
});
