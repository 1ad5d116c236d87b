/** Tests that play seeds of a simulation: the first ones, and those that ever failed. */
import { expect, test } from "bun:test";

import type { Failure } from "./failure.ts";

/** Of computing, on a machine that does much else. ms */
export const SEEDS_TIMEOUT_MS = 300_000;

export type Played = { readonly outcome: unknown } | { readonly failure: Failure };

export interface Seeds {
  /** The options that hold with each seed. */
  readonly holds: string;
  /** The seeds from 1 on. */
  readonly count: number;
  readonly perTest: number;
  /** Seeds that fail when what was mended for them is undone. */
  readonly kept?: readonly { readonly seed: number; readonly why: string }[];
  readonly play: (seed: number) => Played;
}

/** @throws with the story of a seed that fails */
function check(play: Seeds["play"], seed: number): void {
  const result = play(seed);
  if (!("failure" in result)) return;
  const { message, story } = result.failure;
  throw new Error(`seed ${seed}: ${message}\n${story.join("\n")}`);
}

export function testSeeds({ holds, count, perTest, kept = [], play }: Seeds): void {
  for (let first = 1; first <= count; first += perTest) {
    const last = first + perTest - 1;
    test(
      `${holds}, with seeds ${first} to ${last}`,
      () => {
        for (let seed = first; seed <= last; seed++) check(play, seed);
      },
      SEEDS_TIMEOUT_MS,
    );
  }
  if (kept.length > 0)
    test.each(kept)("seed $seed, in which $why", ({ seed }) => check(play, seed));
  test(`${holds}, and a seed is the same world each time`, () => {
    expect(play(41)).toEqual(play(41));
  });
}
