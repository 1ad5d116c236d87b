/**
 * The whole of relay, senders and receivers in virtual time; see simulation/. A failing seed is
 * played with all that happens in it by `bun run simulate --seed N --trace`.
 */
import { expect, test } from "bun:test";

import { runSeed } from "./run.ts";
import { SEEDS_TIMEOUT_MS, testSeeds } from "./seeds.ts";
import { Simulation } from "./simulation.ts";
import { drawStorm } from "./storm-scenario.ts";

const KEPT = [
  {
    seed: 13,
    why: "records asked for take all places of the log, and records that came are gone at once",
  },
  { seed: 24, why: "the shares of a worker that died count for ever in the parts of the pool" },
  {
    seed: 52,
    why: "a sender is back before its old line is seen to break, and is not asked again",
  },
  { seed: 71, why: "a share without a block has no part in a pool that others fill" },
  { seed: 135, why: "the receivers of a worker that died are attached for ever" },
  { seed: 1400017, why: "a receiver that was killed before it had anything counts as failed" },
  { seed: 220, why: "a receiver that only looked at two records counts as failed" },
  { seed: 688, why: "a sender gives records to a further line that its relay saw break before" },
  { seed: 835, why: "a share that waits for its first block is forgotten at each tick" },
  { seed: 313, why: "a receiver that stalls again and again holds up the others each time" },
  { seed: 431, why: "the receivers of a worker that died are kept nothing for" },
  {
    seed: 995,
    why: "a receiver that jumps about has all records that a sender is asked for, and holds it back",
  },
  {
    seed: 1619,
    why: "the same, where the receivers that wait for the first record are at two workers",
  },
  {
    seed: 1264,
    why: "a receiver that agrees without being asked loses its records between two messages",
  },
  {
    seed: 2394,
    why: "a sender's progress is forgotten where its log goes, and a need not believed",
  },
  { seed: 3581, why: "a receiver that may come back to a log that moved is waited for for ever" },
  { seed: 5236, why: "the same, for one whose line breaks while its sender moves" },
  { seed: 6284, why: "a receiver that loses its line for a moment is kept nothing for" },
  { seed: 6619, why: "the log of a stream does not follow its sender" },
  { seed: 15_276, why: "a whole credit of records is held back" },
  { seed: 319_154, why: "the worker of one who only looked at two records dies with it" },
] as const;

testSeeds({
  holds: "all goes well",
  // A tenth of the 1000 that `bun run simulate` plays.
  count: 100,
  perTest: 50,
  kept: KEPT,
  play: (seed) => runSeed(seed),
});

testSeeds({
  holds: "all goes well where topics serve the live lanes",
  count: 50,
  perTest: 50,
  play: (seed) => runSeed(seed, undefined, "by topics"),
});

/** Receivers beside a storm keep that part of their rate. */
const STORM_BAR = 0.8;

test.each([1, 10])(
  "beside a storm of %d clients receivers keep their rate",
  (storms) => {
    for (let seed = 1; seed <= 4; seed++) {
      const alone = new Simulation(drawStorm(seed, 0)).run().finishedAt;
      const beside = new Simulation(drawStorm(seed, storms)).run().finishedAt;
      expect(alone.size).toBeGreaterThan(0);
      for (const [name, at] of alone) {
        expect(at / beside.get(name)!, `seed ${seed}`).toBeGreaterThanOrEqual(STORM_BAR);
      }
    }
  },
  SEEDS_TIMEOUT_MS,
);
