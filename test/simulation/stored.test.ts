/**
 * Shares that outlive their sender, in virtual time, with a disk that fails and loses what is not durable. A failing
 * seed is played with all that happens in it by `bun run simulate --stored --seed N --trace`.
 */
import { runSeed } from "./run.ts";
import { testSeeds } from "./seeds.ts";

const KEPT = [
  { seed: 1048, why: "a sender that missed the last download uploads its share anew" },
  {
    seed: 1286,
    why: "a stream is asked for later records first, and its sender forgets the others",
  },
  {
    seed: 1288,
    why: "a stream is asked for records beyond its end, which keep the credit for ever",
  },
  { seed: 3682, why: "a stream is asked for more than a crash of its relay may lose" },
  { seed: 8207, why: "a receiver that has records from a line before is not counted" },
  { seed: 13_176, why: "the last download ends a share whose home crashed, and a worker keeps it" },
  {
    seed: 23_449,
    why: "a share becomes whole by what the home before wrote, and its home lacks it",
  },
] as const;

testSeeds({
  holds: "all goes well with stored shares",
  count: 150,
  perTest: 75,
  kept: KEPT,
  play: (seed) => runSeed(seed, undefined, "stored"),
});
