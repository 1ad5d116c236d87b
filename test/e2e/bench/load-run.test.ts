import { describe, expect, test } from "bun:test";

import { WARM_RECEIVERS } from "../../../bench/load-run.ts";
import { fileshare, fileshareAt } from "../../../bench/systems/fileshare.ts";
import { naive } from "../../../bench/systems/naive.ts";
import { startRelay } from "../../../relay/mod.ts";
import { breakRelay } from "../../support/bench/broken-relay.ts";
import { measure, MiB } from "../../support/bench/load.ts";

describe("a load on a relay", () => {
  test.each([fileshare, naive])("gives all bytes to all receivers: $name", async (system) => {
    const run = await measure(system, [{ kind: "healthy", count: 3 }]);
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(3 * (5 * MiB + 1000));
    expect(run.perReceiver.map(({ kind, bytes, gaps }) => [kind, bytes, gaps])).toEqual(
      Array.from({ length: 3 }, () => ["healthy", 5 * MiB + 1000, 0]),
    );
    expect(run.completion.p99).toBeGreaterThanOrEqual(run.completion.p50);
    expect(run.relayRssAnonPeak).toBeGreaterThan(0);
    expect(run.bufferedPeak).toBeGreaterThanOrEqual(0);
    expect(run.samples.length).toBeGreaterThan(0);
  });

  test("is carried by several workers", async () => {
    const run = await measure(fileshare, [{ kind: "healthy", count: 4 }], { workers: 2 });
    expect(run.invalid).toBeUndefined();
  });

  test("is not held up by the slow and the stopped", async () => {
    const run = await measure(fileshare, [
      { kind: "healthy", count: 2 },
      { kind: "slow", count: 1, bytesPerSecond: 1000 },
      { kind: "stopped", count: 1, afterBytes: 100_000 },
    ]);
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(2 * (5 * MiB + 1000));
    expect(run.perReceiver.map(({ completion }) => completion !== undefined)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("lets receivers join late, and counts what is read again", async () => {
    const run = await measure(
      fileshare,
      [
        { kind: "healthy", count: 1 },
        { kind: "late", count: 2 },
      ],
      { joinAt: new Map([[1, 1]]), logBytes: 2 * MiB },
    );
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(3 * (5 * MiB + 1000));
    expect(run.extra["recordsSentAgain"]).toBeGreaterThan(0);
  });

  test("sees receivers come back that are cut all the time, each time once", async () => {
    await using relay = await startRelay();
    let lines = 0;
    await using counted = breakRelay(relay.url, () => {
      lines++;
      return (frame) => [frame];
    });
    const churning = { kind: "churning", count: 2, afterBytes: 2 * MiB } as const;
    const run = await measure(fileshareAt(counted.url), [churning]);
    expect(run.invalid).toBeUndefined();
    expect(run.extra["reconnects"]).toBeGreaterThan(0);
    // A sender with its receivers before it is timed, and again.
    expect(lines).toBe(1 + WARM_RECEIVERS + 1 + 2 + run.extra["reconnects"]!);
  });

  test("needs nothing of the process of a relay that was there before", async () => {
    await using relay = await startRelay();
    const run = await measure(fileshareAt(relay.url), [{ kind: "healthy", count: 2 }]);
    expect(run.invalid).toBeUndefined();
    expect(run.relayCpuSeconds).toBeUndefined();
    expect(run.relayRssAnonPeak).toBeUndefined();
    expect(run.bufferedPeak).toBeUndefined();
  });
});
