import { describe, expect, test } from "bun:test";

import type { LoadReceiver } from "../../../bench/load/contract.ts";
import { TokenBucket } from "../../../bench/load/token-bucket.ts";
import { parseOptions } from "../../../bench/options.ts";
import { joiningFigures } from "../../../bench/scenarios/joining.ts";
import { late } from "../../../bench/scenarios/late.ts";
import { MiB, nothingObserved } from "../../support/bench/load.ts";
import { WAIT_MS } from "../../support/patience.ts";

describe("a pace", () => {
  test("lets bytes go when their time has come, and says when that is", () => {
    const bucket = new TokenBucket(1000, 400, 50);
    expect(bucket.take(100, 50)).toBe(100);
    expect(bucket.take(100, 149)).toBe(1);
    expect(bucket.take(100, 150)).toBe(0);
    expect(bucket.take(1, 150)).toBe(1);
  });

  test("makes up for a timer that was late, and for no more than it holds", () => {
    const bucket = new TokenBucket(1000, 400, 0);
    expect(bucket.take(100, 250)).toBe(0);
    expect(bucket.take(100, 250)).toBe(0);
    expect(bucket.take(100, 250)).toBe(50);
    expect(bucket.take(400, 60_000)).toBe(0);
    expect(bucket.take(400, 60_000)).toBe(400);
  });
});

describe("figures of who comes late", () => {
  const none = { bytesTwice: 0, gaps: 0 };
  const live = (number: number, doneAt: number): LoadReceiver => {
    return { number, kind: "healthy", bytes: 1000, startedAt: 1000, doneAt, ...none };
  };
  const joined: LoadReceiver = {
    number: 2,
    kind: "late",
    bytes: 1000,
    startedAt: 6000,
    furthestAtStart: 500,
    // 600 bytes in 1 s, while the others went on by 100.
    head: { at: 7000, bytes: 600, furthest: 600 },
    doneAt: 11_000,
    ...none,
  };
  const of = (...receivers: readonly LoadReceiver[]): Record<string, number> =>
    joiningFigures({ receivers, extra: {}, observed: nothingObserved, load: undefined });

  test("are its rate beside that of the live ones in the same time, and theirs alone", () => {
    expect(of(live(0, 11_000), live(1, 21_000), joined)).toEqual({
      secondsToHead: 1,
      catchUpBytesPerSecond: 200,
      catchUpTimesLive: 6,
      liveBytesPerSecond: 75,
      liveCompletionP50: 10,
      liveCompletionP99: 20,
    });
  });

  test("do not count as slow a live one that has everything", () => {
    // 600 bytes in 1 s; the other made its 100 in the first half of it.
    expect(of(live(0, 6500), joined)["catchUpTimesLive"]).toBe(3);
  });

  test("are absent where nobody was late, or nobody live any more", () => {
    expect(Object.keys(of(live(0, 11_000)))).toEqual([
      "liveBytesPerSecond",
      "liveCompletionP50",
      "liveCompletionP99",
    ]);
    expect(of(live(0, 5000), joined)).not.toContainKey("catchUpTimesLive");
  });
});

describe("a paced sender", () => {
  const args =
    "late --receivers 2 --late-at 50 --late-count 1 --late-size 12MiB --late-rate 6MiB --load-processes 2";
  const cases = late.cases(parseOptions(args.split(" "), late.options), late.systems);

  test("is one of fileshare, and the live ones run alone too", () => {
    expect(cases.map(({ system, variant, receivers }) => [system, variant, receivers])).toEqual([
      ["fileshare", "live alone", 2],
      ["fileshare", "with late ones", 3],
    ]);
    const unpaced = late.cases(parseOptions(["late"], late.options), late.systems);
    expect(unpaced.map(({ system, variant }) => [system, variant])).toEqual([
      ["fileshare", ""],
      ["nginx", ""],
    ]);
  });

  test.each(cases)("is held back, and all get everything: $variant", async (each) => {
    const run = await each.run(AbortSignal.timeout(WAIT_MS));
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(each.receivers * 12 * MiB);
    expect(run.extra["senderPauses"]).toBeGreaterThan(0);
    expect(run.extra["liveBytesPerSecond"]).toBeGreaterThan(0);
    expect(Object.hasOwn(run.extra, "secondsToHead")).toBe(each.receivers === 3);
  });
});
