/**
 * Whole relays of one cluster with senders and receivers at any of them, in virtual time. A failing seed is played with all
 * that happens in it by `bun run simulate --cluster --seed N --trace`.
 */
import { testSeeds } from "../seeds.ts";
import { runFleet } from "./run.ts";

const KEPT = [
  { seed: 278, why: "receivers that have all and are gone keep others out of a full share" },
  { seed: 290, why: "an owner says whom its sender admits before the hub has the share" },
  { seed: 9409, why: "an owner says whom its sender admits before it names the share" },
  { seed: 1843, why: "the sender of a stream comes with records further on than its new relay is" },
  {
    seed: 119774,
    why: "a receiver that had no place at a full share has all, and its receipt comes",
  },
  { seed: 101948, why: "two relays in turn wait for a sender that is lost" },
  {
    seed: 213647,
    why: "a gateway that was taken for gone comes back after a share changed owners",
  },
  { seed: 207499, why: "the sender of a stream comes to a relay that passed the stream on before" },
  {
    seed: 253203,
    why: "a relay gives its share to another one and has it back, and a receipt waits at an edge",
  },
  {
    seed: 419538,
    why: "a receiver that is killed before it saves a record comes back as the same",
  },
] as const;

testSeeds({
  holds: "everyone ends with whole copies, and nothing is left",
  count: 200,
  perTest: 50,
  kept: KEPT,
  play: (seed) => runFleet(seed),
});
