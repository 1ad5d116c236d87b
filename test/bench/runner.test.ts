import { expect, test } from "bun:test";

import { table } from "../../bench/report/table.ts";
import { RESULT_VERSION, type BenchResult } from "../../bench/result.ts";
import { orderOf, runAll, type Job } from "../../bench/runner.ts";
import { withoutFigures, type Measured } from "../../bench/scenarios/scenario.ts";
import { madeUpResult } from "../support/bench/made-up-result.ts";

const GiB = 1024 ** 3;

function job(receivers: number, run: () => Promise<Measured>): Job {
  const setting = { variant: "", system: "fileshare", workers: 1, receivers, size: 1024 } as const;
  return { scenario: "fanout", case: { ...setting, run } };
}

const good = (rate: number): Measured => ({
  ...withoutFigures(""),
  invalid: undefined,
  aggregateBytesPerSecond: rate,
});

test("every other round goes in reversed order", async () => {
  const seen: number[] = [];
  const jobs = [1, 2, 3].map((receivers) =>
    job(receivers, () => {
      seen.push(receivers);
      return Promise.resolve(good(1));
    }),
  );
  await runAll(jobs, { rounds: 3, timeout: 1000 });
  expect(seen).toEqual([1, 2, 3, 3, 2, 1, 1, 2, 3]);
  expect(orderOf(jobs, 1)).toEqual(jobs.toReversed());
});

test("rounds after the first end when there is no more time, with what there is", async () => {
  const jobs = [1, 2, 3].map((receivers) => job(receivers, () => Promise.resolve(good(1))));
  let asked = 0;
  const runs = await runAll(jobs, { rounds: 3, timeout: 1000, goesOn: () => asked++ < 2 });
  expect(runs.map(({ round, receivers }) => [round, receivers])).toEqual([
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 3],
    [1, 2],
  ]);
});

test("a run with a wrong byte has no figures, and the others go on", async () => {
  const jobs = [
    job(1, () => Promise.resolve({ ...good(5), invalid: "a wrong byte" })),
    job(2, () => Promise.reject(new Error("it broke"))),
    job(3, () => Promise.resolve(good(7))),
  ];
  const runs = await runAll(jobs, { rounds: 1, timeout: 1000 });
  expect(
    runs.map(({ invalid, aggregateBytesPerSecond }) => [invalid, aggregateBytesPerSecond]),
  ).toEqual([
    ["a wrong byte", 0],
    ["it broke", 0],
    [undefined, 7],
  ]);
});

test("the table tells where a process of the load may be the limit", () => {
  const result = madeUpResult();
  const [first] = result.runs;
  const tableAt = (loadCpuSecondsMost: number): string =>
    table({ ...result, runs: [{ ...first!, seconds: 2, extra: { loadCpuSecondsMost } }] });
  expect(tableAt(1.7)).not.toContain("whole core");
  expect(tableAt(1.9)).toContain("  fileshare N=1: a process of the load took a whole core");
});

test("the table shows medians and names what has no figures", async () => {
  let round = 0;
  const rates = [3 * GiB, 1 * GiB, 2 * GiB];
  const jobs = [
    job(8, () => Promise.resolve(good(rates[round++]!))),
    job(9, () => Promise.reject(new Error("it broke"))),
  ];
  const result: BenchResult = {
    version: RESULT_VERSION,
    startedAt: "2026-01-01T00:00:00.000Z",
    seconds: 1,
    machine: { cpu: "a processor", cores: 2, memoryBytes: GiB, kernel: "6", bun: "1" },
    command: [],
    systems: [{ name: "nginx", version: undefined, missing: "not on PATH" }],
    runs: await runAll(jobs, { rounds: 3, timeout: 1000 }),
  };
  const text = table(result);
  expect(text).toContain("nginx: left out, not on PATH");
  expect(text).toMatch(/fileshare +8 +1KiB +2\.00 /);
  expect(text).toMatch(/fileshare +9 +no figures/);
  expect(text).toContain("! fileshare N=9 round 3 has no figures: it broke");
  // JSON turns undefined values into null.
  expect(table(JSON.parse(JSON.stringify(result)) as BenchResult)).toContain("nginx: left out");
});
