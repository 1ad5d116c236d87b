/**
 * A slice of the fuzzing; `bun run fuzz` plays as much as one likes. A failing case is played again by
 * `bun run fuzz --target NAME --seed slice --case N`.
 */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { anyBytes, checkControl, checkFrame, checkHead, checkMap } from "./decoders.ts";
import { fuzz, TARGETS } from "./run.ts";

const INPUTS = 2000;
/** Over real sockets. */
const FEWER: Readonly<Record<string, number>> = { http: 500, wire: 500 };

test.each(TARGETS)(
  "M1 P6 broken inputs are our own faults and leave nothing: $name",
  async ({ name }) => {
    const inputs = FEWER[name] ?? INPUTS;
    const result = await fuzz({ inputs, seed: "slice", target: name });
    expect(result.failures).toEqual([]);
    expect(result.inputs).toBeGreaterThanOrEqual(inputs);
  },
);

describe("M1 any bytes are decoded, or a fault of the table", () => {
  test.each([
    ["control", checkControl],
    ["map", checkMap],
    ["frame", checkFrame],
    ["manifest", checkHead],
  ])("%s", (_name, check) => {
    fc.assert(fc.property(anyBytes, check), { numRuns: 1000 });
  });
});

test("a case is the same each time", async () => {
  const one = { inputs: 1, seed: "7", target: "hub", only: 3 };
  expect(await fuzz(one)).toEqual(await fuzz(one));
});
