import { expect, test } from "bun:test";

import { parseOptions, UsageError } from "../../../bench/options.ts";
import { cluster } from "../../../bench/scenarios/cluster.ts";
import { fileshareCluster } from "../../../bench/systems/fileshare-cluster.ts";
import { MiB } from "../../support/bench/load.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { WAIT_MS } from "../../support/patience.ts";

const SIZE = 5 * MiB;
const RECEIVERS = 6;

function casesOf(words: string) {
  const options = parseOptions(
    `cluster --receivers ${RECEIVERS} --size ${SIZE} ${words}`.trim().split(" "),
    cluster.options,
  );
  return cluster.cases(options, ["fileshare", "fileshare-cluster"]);
}

test("a single relay comes before clusters with 2 and 4 relays, in each round", () => {
  expect(casesOf("").map(({ variant }) => variant)).toEqual([
    "one relay",
    "2 relays, receivers at one edge",
    "2 relays, receivers at each",
    "4 relays, receivers at one edge",
    "4 relays, receivers at the edges",
    "4 relays, receivers at each",
  ]);
});

test("a cluster of one relay is refused", () => {
  expect(() => casesOf("--cluster-relays 1")).toThrow(UsageError);
});

/** Copies that the owner sends: to receivers of its own, and to edges. */
const SETTINGS = [
  { at: "2 relays, receivers at one edge", copies: 1, serving: 1, idle: 0 },
  { at: "2 relays, receivers at each", copies: 3 + 1, serving: 1, idle: 0 },
  { at: "3 relays, receivers at one edge", copies: 1, serving: 1, idle: 1 },
  { at: "3 relays, receivers at the edges", copies: 2, serving: 2, idle: 0 },
  { at: "3 relays, receivers at each", copies: 2 + 2, serving: 2, idle: 0 },
];

test.skipIf(lacksNats).each(SETTINGS)(
  "a share crosses once to each relay with receivers, and to no other: $at",
  async ({ at, copies, serving, idle }) => {
    const one = casesOf("--cluster-relays 2,3").find(({ variant }) => variant === at);
    const run = await one!.run(AbortSignal.timeout(WAIT_MS));
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(RECEIVERS * SIZE);
    expect(run.extra).toMatchObject({ recordsSentAgain: 0, edgesWithReceivers: serving });
    const { ownerReceivedTimes, ownerSentTimes, crossedTimesLeast, crossedTimesMost } = run.extra;
    // A frame is a record with a head of some bytes.
    expect(ownerReceivedTimes).toBeCloseTo(1, 3);
    expect(ownerSentTimes).toBeCloseTo(copies, 3);
    expect(crossedTimesMost).toBeCloseTo(1, 3);
    expect(crossedTimesLeast).toBeCloseTo(idle > 0 ? 0 : 1, 3);
    expect("idleEdgeCpuSeconds" in run.extra).toBe(idle > 0);
    for (const name of ["ownerCpuSeconds", "edgeCpuSeconds", "natsCpuSeconds"]) {
      expect(run.extra[name]).toBeGreaterThanOrEqual(0);
    }
  },
);

test.skipIf(lacksNats)("the version of a cluster names that of its NATS", async () => {
  expect((await fileshareCluster.find()).version).toMatch(/ with nats-server \d+\./);
});
