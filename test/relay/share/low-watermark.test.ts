import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { LowWatermark } from "../../../relay/share/low-watermark.ts";

test("is the least of all that are here, whatever they do", () => {
  const step = fc.tuple(fc.constantFrom("set", "delete"), fc.nat(4), fc.nat(6));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const floor = new LowWatermark<number>();
      const needs = new Map<number, number>();
      for (const [what, key, next] of steps) {
        if (what === "set") {
          floor.set(key, next);
          needs.set(key, next);
        } else {
          floor.delete(key);
          needs.delete(key);
        }
        const least = needs.size === 0 ? undefined : Math.min(...needs.values());
        expect(floor.least).toBe(least);
      }
    }),
  );
});

test("counts a lost receiver until its grace is over, and no longer for being lost again", () => {
  const floor = new LowWatermark<string>();
  floor.set("lost", 1);
  floor.set("here", 5);
  floor.lose("lost", 100);
  floor.lose("lost", 200);
  floor.lose("nobody", 50);
  floor.tick(99);
  expect(floor.least).toBe(1);
  floor.tick(100);
  expect(floor.least).toBe(5);
});

test("counts who came back for good", () => {
  const floor = new LowWatermark<string>();
  floor.set("back", 1);
  floor.lose("back", 100);
  floor.set("back", 1);
  floor.tick(100);
  expect(floor.least).toBe(1);
});
