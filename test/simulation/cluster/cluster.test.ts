/**
 * Relays of one cluster over a directory that delays, forgets and does not answer, in virtual time. A failing seed is
 * played with all that happens in it by `bun run simulate --book --seed N --trace`.
 */
import { testSeeds } from "../seeds.ts";
import { runCluster } from "./run.ts";

const KEPT = [
  { seed: 9, why: "a relay learns of the next owner while a change of its own has no answer yet" },
  { seed: 60, why: "a worker crashes whose link others at its relay need" },
  {
    seed: 62,
    why: "a sender came back to its relay while that was cut off, and another one owns its share",
  },
  { seed: 123, why: "the directory answers no claim" },
  { seed: 1634, why: "a change without an answer happens after its claim was given up" },
  { seed: 5195, why: "a link claims a share whose sender is let in just now" },
  {
    seed: 3140,
    why: "the store lets a sender in after the directory came back with another owner",
  },
  { seed: 4484, why: "the store holds up two claims of a share that another relay owns since" },
] as const;

testSeeds({
  holds: "each share is owned where its sender is",
  count: 300,
  perTest: 100,
  kept: KEPT,
  play: (seed) => runCluster(seed),
});
