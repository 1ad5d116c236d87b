/**
 * The whole of relay, senders and receivers in virtual time; see simulation/. A failing seed is
 * played with all that happens in it by `bun run simulate --seed N --trace`.
 */
import { expect, test } from "bun:test";

import { runSeed } from "./simulation/run.ts";

const SEEDS = 1000;
const PER_TEST = 250;
/** Of computing, on a machine that does much else. ms */
const TIMEOUT_MS = 120_000;

function play(seed: number): void {
  const result = runSeed(seed);
  if (!("failure" in result)) return;
  const { message, story } = result.failure;
  throw new Error(`seed ${seed}: ${message}\n${story.join("\n")}`);
}

for (let first = 1; first <= SEEDS; first += PER_TEST) {
  const last = first + PER_TEST - 1;
  test(
    `all goes well with seeds ${first} to ${last}`,
    () => {
      for (let seed = first; seed <= last; seed++) play(seed);
    },
    TIMEOUT_MS,
  );
}

test("a seed is the same world each time", () => {
  expect(runSeed(42)).toEqual(runSeed(42));
});
