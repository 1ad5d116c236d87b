import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Board } from "../../../bench/load/board.ts";
import type { Done, Group, LoadReceiver } from "../../../bench/load/contract.ts";
import { enlist } from "../../../bench/load/crowd.ts";
import { RECORD_BYTES } from "../../../bench/load/frame-share.ts";
import { merge } from "../../../bench/load/receivers.ts";
import { figures } from "../../../bench/load-figures.ts";
import { fileshare } from "../../../bench/systems/fileshare.ts";
import { measure, MiB, nothingObserved } from "../../support/bench/load.ts";

const groups: Group[] = [
  { kind: "healthy", count: 3 },
  { kind: "slow", count: 2, bytesPerSecond: 1000 },
];

/** One of the healthy, who took `took` ms for 1 MiB. */
function healthy(number: number, startedAt: number, took: number): LoadReceiver {
  const doneAt = startedAt + took;
  return { number, kind: "healthy", bytes: MiB, startedAt, doneAt, bytesTwice: 0, gaps: 0 };
}

describe("receivers in several processes", () => {
  test("are each in one, numbered as if there were one process", () => {
    const parts = [0, 1].map((index) =>
      enlist(groups, { index, of: 2 }, ({ kind }, group, number) => [number, group, kind]),
    );
    expect(parts).toEqual([
      [
        [0, 0, "healthy"],
        [2, 0, "healthy"],
        [4, 1, "slow"],
      ],
      [
        [1, 0, "healthy"],
        [3, 1, "slow"],
      ],
    ]);
  });

  test("see on the board who of all is the most advanced", () => {
    const folder = mkdtempSync(join(tmpdir(), "bench-"));
    try {
      const path = join(folder, "board");
      const bench = Board.create(path, 2, 5);
      const [first, second] = [Board.open(path, 2), Board.open(path, 2)];
      first.note(0, 0, 100);
      second.note(1, 1, 300);
      first.note(0, 2, 200);
      second.note(1, 3, 50);
      expect([first, second, bench].map(({ furthest }) => furthest)).toEqual([300, 300, 300]);
      expect([0, 1, 2, 3, 4].map((number) => bench.of(number))).toEqual([100, 300, 200, 50, 0]);
      expect(bench.sum).toBe(650);
      expect(bench.receivers).toBe(5);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("are merged in their order, and figures added up", () => {
    const parts: Done[] = [
      { t: "done", receivers: [healthy(0, 5, 1), healthy(2, 5, 1)], extra: { reconnects: 2 } },
      { t: "done", receivers: [healthy(1, 5, 1)], extra: { reconnects: 3, others: 1 } },
    ];
    const { receivers, extra } = merge(parts);
    expect(receivers.map(({ number }) => number)).toEqual([0, 1, 2]);
    expect(extra).toEqual({ reconnects: 5, others: 1 });
  });

  test("are timed from the first that starts to the last that ends, in any process", () => {
    const parts: Done[] = [
      { t: "done", receivers: [healthy(0, 1000, 1000), healthy(2, 1000, 1000)], extra: {} },
      { t: "done", receivers: [healthy(1, 1500, 3000), healthy(3, 1500, 1000)], extra: {} },
    ];
    const { seconds, bytes, completion, fairness, perReceiver } = figures({
      ...merge(parts),
      observed: nothingObserved,
      load: undefined,
    });
    expect({ seconds, bytes, completion }).toEqual({
      seconds: 3.5,
      bytes: 4 * MiB,
      completion: { p50: 1, p99: 3.5 },
    });
    // Jain's index of the rates 1, 1/3, 1, 1, over both processes.
    expect(fairness).toBeCloseTo((10 / 3) ** 2 / (4 * (3 + 1 / 9)), 10);
    expect(perReceiver.map(({ bytesPerSecond }) => bytesPerSecond)).toEqual([
      MiB,
      MiB / 3,
      MiB,
      MiB,
    ]);
  });

  test("and one that never started has no rate", () => {
    const late: LoadReceiver = { number: 1, kind: "late", bytes: 0, bytesTwice: 0, gaps: 0 };
    const receivers = [healthy(0, 1000, 1000), late];
    const { invalid, seconds, perReceiver } = figures({
      receivers,
      extra: {},
      observed: nothingObserved,
      load: undefined,
    });
    expect(invalid).toBe("1 of 2 receivers did not get everything");
    expect(seconds).toBe(1);
    expect(perReceiver[1]).toMatchObject({ bytesPerSecond: 0, firstByte: 0 });
  });
});

describe("a run in two load processes", () => {
  test("gives one result", async () => {
    const run = await measure(fileshare, [{ kind: "healthy", count: 5 }]);
    const size = 5 * MiB + 1000;
    expect(run.invalid).toBeUndefined();
    expect(run.extra["loadProcesses"]).toBe(2);
    expect(run.perReceiver.map(({ bytes }) => bytes)).toEqual([size, size, size, size, size]);
    expect(run.samples.at(-1)?.receivedBytes).toEqual([size, size, size, size, size]);
    const slowest = Math.max(...run.perReceiver.map(({ completion }) => completion ?? Infinity));
    expect(run.seconds).toBe(slowest);
  });

  test("has the lag of a late one behind who is in the other", async () => {
    const run = await measure(
      fileshare,
      [
        { kind: "healthy", count: 1 },
        { kind: "late", count: 1 },
      ],
      { joinAt: new Map([[1, 1]]) },
    );
    expect(run.invalid).toBeUndefined();
    // It took its first record when the other had all.
    const records = Math.ceil((5 * MiB + 1000) / RECORD_BYTES);
    expect(run.perReceiver.map(({ largestLag }) => largestLag)).toEqual([0, records - 1]);
  });

  test("has no more processes than receivers", async () => {
    const run = await measure(fileshare, [{ kind: "healthy", count: 1 }]);
    expect(run.extra["loadProcesses"]).toBe(1);
  });
});
