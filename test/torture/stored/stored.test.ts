/** A slice of the runs in which relay and sender of a stored share are killed: `bun run torture:stored` plays more. */
import { expect, test } from "bun:test";

import { startS3 } from "../../support/net/s3-server.ts";
import { TEST_MS } from "../../support/patience.ts";
import { planStored } from "./plan.ts";
import { playStored } from "./run.ts";

/** Together they have each end of a share, and kills of relay and clients in each phase. */
const SEEDS = [4, 9, 14];
/** Has several parts of a bucket, and kills of relay and client in each phase but of clients in the first. */
const S3_SEED = 14;

test.each(SEEDS)(
  "a share is stored, taken and over, as its relay and clients are killed: seed %i",
  async (seed) => {
    const { wrong } = await playStored(seed);
    expect(wrong).toEqual([]);
  },
  TEST_MS,
);

test(
  "a share is stored in a bucket, taken and over, as its relay and clients are killed",
  async () => {
    await using s3 = await startS3();
    const { wrong } = await playStored(S3_SEED, s3);
    expect(wrong).toEqual([]);
  },
  TEST_MS,
);

test("the seeds have each end, and kills in each phase", () => {
  const plans = SEEDS.map(planStored);
  expect(new Set(plans.map(({ end }) => end)).size).toBe(3);
  for (const phase of ["upload", "serving", "ending"] as const) {
    const targets = plans.flatMap((plan) => plan[phase].map(({ target }) => target));
    expect(new Set(targets)).toEqual(new Set(["relay", "client"]));
  }
});
