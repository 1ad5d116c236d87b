import { describe, expect, test } from "bun:test";

import { parseOptions } from "../../../bench/options.ts";
import { idle } from "../../../bench/scenarios/idle.ts";
import { measure } from "../../support/bench/load.ts";
import { fileshare } from "../../../bench/systems/fileshare.ts";
import { WAIT_MS } from "../../support/patience.ts";

describe("receivers that wait", () => {
  const args = "idle --receivers 20 --idle-seconds 1 --load-processes 2";
  const cases = idle.cases(parseOptions(args.split(" "), idle.options), idle.systems);

  test("wait for a share and at the question", () => {
    expect(cases.map(({ system, variant }) => [system, variant])).toEqual([
      ["fileshare", "for a share"],
      ["fileshare", "asked"],
      ["naive", "asked"],
    ]);
  });

  test.each(cases)("cost the relay something to come: $system, $variant", async (each) => {
    const run = await each.run(AbortSignal.timeout(WAIT_MS));
    expect(run.invalid).toBeUndefined();
    expect(run.relayRssAnonPeak).toBeGreaterThan(0);
    expect(run.extra["rssAnonPerReceiver"]).toBeFinite();
    expect(run.extra["cpuMillisecondsPerJoin"]).toBeGreaterThanOrEqual(0);
  });
});

test("a waiting receiver takes nothing of a share and holds no other up", async () => {
  const run = await measure(fileshare, [
    { kind: "healthy", count: 1 },
    { kind: "waiting", count: 1 },
  ]);
  expect(run.invalid).toBeUndefined();
  expect(run.perReceiver.map(({ kind, bytes }) => [kind, bytes])).toEqual([
    ["healthy", run.bytes],
    ["waiting", 0],
  ]);
});
