import { describe, expect, test } from "bun:test";

import { compare, failures, type GuardRun, type Side } from "../../bench/guard/comparison.ts";
import { parseGuard } from "../../bench/guard/options.ts";
import { ROWS, slopes, type GuardRow } from "../../bench/guard/rows.ts";
import { guardTable } from "../../bench/guard/table.ts";
import { hardLimitIn, tooFew } from "../../bench/open-files.ts";
import { madeUpResult } from "../support/bench/made-up-result.ts";

const GiB = 1024 ** 3;
const [run] = madeUpResult().runs;

describe("a command line of guard", () => {
  test("has a standard for everything", () => {
    const options = parseGuard([]);
    expect(options).toMatchObject({ before: undefined, after: undefined, peers: false });
    expect(options).toMatchObject({ rounds: 3, bound: 10, json: undefined, rows: ROWS });
  });

  test("is read", () => {
    const line = "main HEAD --rows small,fanout-8 --peers --rounds 5 --bound 0 --json a.json";
    const { rows, ...options } = parseGuard(line.split(" "));
    expect(rows.map(({ name }) => name)).toEqual(["small", "fanout-8"]);
    expect(options).toMatchObject({ before: "main", after: "HEAD", peers: true });
    expect(options).toMatchObject({ rounds: 5, bound: 0, json: "a.json" });
  });

  test.each([
    [["a", "b", "c"], "two commits at most"],
    [["--rows", "fanout-9"], "There is no row 'fanout-9'; there are fanout-1"],
    [["--rounds", "0"], "--rounds takes a number from 1"],
    [["--bound", "ten"], "--bound takes a number from 0"],
    [["--receivers", "8"], "--receivers"],
  ])("is refused: %j", (args, why) => {
    expect(() => parseGuard(args)).toThrow(why);
  });
});

test.each(ROWS.map((row) => [row.name, row] as const))("%s has a run of each system", (_, row) => {
  for (const system of [row.system, ...row.peers]) {
    expect(row.jobOf(system).case.system).toBe(system);
  }
});

test("a slope is what each further GiB costs, without the start", () => {
  const at = (bytes: number, sender: number, relay: number | undefined) => ({
    bytes,
    relayCpuSeconds: relay,
    extra: { senderCpuSeconds: sender },
  });
  expect(slopes(at(GiB, 3, 2), at(3 * GiB, 7, 3))).toEqual({ senderSlope: 2, relaySlope: 0.5 });
  expect(slopes(at(GiB, 3, undefined), at(3 * GiB, 7, 3))).toEqual({ senderSlope: 2 });
});

/** The row `fanout-1` alone, whose figures start with the aggregate and the relay's CPU. */
const rows: readonly GuardRow[] = ROWS.filter(({ name }) => name === "fanout-1");

/** One run per round with an aggregate in GiB/s, and a relay that costs one over it. */
function runsOf(side: Side, rates: readonly (number | undefined)[]): GuardRun[] {
  return rates.map((rate = 0, round) => ({
    row: "fanout-1",
    side,
    run: {
      ...run!,
      round,
      invalid: rate === 0 ? "a wrong byte" : undefined,
      aggregateBytesPerSecond: rate * GiB,
      relayCpuSecondsPerGiB: 1 / rate,
    },
  }));
}

function comparedOf(before: readonly number[], after: readonly (number | undefined)[]) {
  return compare(rows, [...runsOf("before", before), ...runsOf("after", after)], 10);
}

describe("a comparison", () => {
  test("has medians, and the ratios of runs of one round", () => {
    const [aggregate] = comparedOf([1, 2, 4], [2, 2, 8]);
    expect(aggregate).toMatchObject({ before: 2, after: 2, worse: undefined });
    expect(aggregate?.ratio).toEqual({ median: 2, least: 1, most: 2 });
  });

  test("calls worse what is beyond the bound in either direction of good", () => {
    const worse = comparedOf([1, 1, 1], [0.8, 0.5, 0.8]).map((each) => each.worse);
    expect(worse.slice(0, 2)).toEqual(["25 % worse", "25 % worse"]);
    const better = comparedOf([1, 1, 1], [2, 2, 2]).map((each) => each.worse);
    expect(better).toEqual([undefined, undefined, undefined, undefined]);
  });

  test("does not call worse what one round denies, nor what is within the bound", () => {
    expect(comparedOf([1, 1, 1], [0.5, 0.5, 1.01])[0]?.worse).toBeUndefined();
    expect(comparedOf([1, 1, 1], [0.95, 0.95, 0.95])[0]?.worse).toBeUndefined();
  });

  test("never judges the cost of the load", () => {
    const load = comparedOf([1], [1]).filter(({ figure }) => /sender|receivers/.test(figure));
    expect(load.map(({ judged }) => judged)).toEqual([false, false]);
  });

  test("leaves out a round without figures, and names it", () => {
    const runs = [...runsOf("before", [1, 1]), ...runsOf("after", [undefined, 3])];
    expect(compare(rows, runs, 10)[0]?.ratio).toEqual({ median: 3, least: 3, most: 3 });
    expect(failures([...runs, ...runsOf("nginx", [undefined])])).toEqual([
      { isOurs: true, text: "fanout-1 after, round 1: a wrong byte" },
      { isOurs: false, text: "fanout-1 nginx, round 1: a wrong byte" },
    ]);
  });

  test("has ours as a multiple of each peer, in a column of its own", () => {
    const runs = [
      ...runsOf("before", [1, 1]),
      ...runsOf("after", [2, 2]),
      ...runsOf("nginx", [4, 4]),
    ];
    const compared = compare(rows, runs, 10);
    expect(compared[0]?.peers).toEqual([
      { name: "nginx", value: 4, ratio: { median: 0.5, least: 0.5, most: 0.5 } },
    ]);
    const [head, aggregate] = guardTable(compared).split("\n");
    expect(head).toMatch(/^row +figure +before +after +after\/before +nginx$/);
    expect(aggregate).toMatch(
      /^fanout-1 +aggregate, GiB\/s +1 +2 +2\.00 \(2\.00-2\.00\) +4 \(x0\.50\)$/,
    );
  });

  test("marks what is worse in its line", () => {
    const [, aggregate] = guardTable(comparedOf([1], [0.5])).split("\n");
    expect(aggregate).toEndWith("0.50 (0.50-0.50)  ! 100 % worse");
  });
});

test("the hard limit of open files is read, and one too low is told with what to do", () => {
  const limits =
    "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024        4096     files\n";
  expect(hardLimitIn(limits)).toBe(4096);
  expect(hardLimitIn(limits.replace("4096", "unlimited"))).toBeUndefined();
  expect(hardLimitIn("")).toBeUndefined();
  expect(tooFew(10_000, 10_256, 4096)).toContain("the hard limit is 4096. Run the bench as root");
});
