import { expect, test } from "bun:test";

import { parseOptions } from "../../../bench/options.ts";
import { runAll } from "../../../bench/runner.ts";
import { late } from "../../../bench/scenarios/late.ts";
import { scenarios } from "../../../bench/scenarios/registry.ts";
import { MiB } from "../../support/bench/load.ts";
import { WAIT_MS } from "../../support/patience.ts";

const specs = scenarios.flatMap(({ options }) => options);
const ofWorkers = scenarios.filter(({ name }) => !["small", "transfer", "distance"].includes(name));

test.each(ofWorkers)("$name: the relay has one worker unless it is told otherwise", (scenario) => {
  const workersOf = (...args: readonly string[]): number[] => {
    const options = parseOptions(["--receivers", "2", ...args], specs);
    const cases = scenario.cases(options, ["fileshare"]);
    return [...new Set(cases.map(({ workers }) => workers))];
  };
  expect(workersOf()).toEqual([1]);
  expect(workersOf("--workers", "1,2")).toEqual([1, 2]);
});

test("several workers have receivers of several processes, live and late", async () => {
  const args =
    "late --workers 1,2 --receivers 4 --late-size 5MiB --late-at 50 --late-count 2 --load-processes 3";
  const cases = late.cases(parseOptions(args.split(" "), specs), ["fileshare"]);
  const jobs = cases.map((each) => ({ scenario: late.name, case: each }));
  const runs = await runAll(jobs, { rounds: 1, timeout: WAIT_MS });
  expect(
    runs.map(({ workers, invalid, bytes, extra }) => [
      workers,
      invalid,
      bytes,
      extra["loadProcesses"],
    ]),
  ).toEqual([
    [1, undefined, 6 * 5 * MiB, 3],
    [2, undefined, 6 * 5 * MiB, 3],
  ]);
});
