import { describe, expect, test } from "bun:test";
import { availableParallelism } from "node:os";

import {
  own,
  ownIfAny,
  ownList,
  parseBytes,
  parseOptions,
  parseRate,
  parseReport,
  type OptionSpec,
} from "../../bench/options.ts";
import { scenarios } from "../../bench/scenarios/registry.ts";

const specs: OptionSpec[] = [
  { name: "slow-rate", kind: "bytes", standard: [5], help: "" },
  { name: "late-at", kind: "count", standard: [25, 50], help: "" },
  { name: "slow-stopped", kind: "count", standard: [8], orNone: true, help: "" },
  { name: "late-rate", kind: "bytes", standard: [], help: "" },
];

test.each([
  ["1GiB", 2 ** 30],
  ["1.5MiB", 1.5 * 2 ** 20],
  ["64KiB", 65_536],
  ["1000", 1000],
  ["7B", 7],
])("%s is a size", (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(["", "GiB", "1GB", "-1", "0", "1e9", "9999999TiB"])("'%s' is no size", (text) => {
  expect(() => parseBytes(text)).toThrow("is not a size");
});

test.each([
  ["1Gbit", 125_000_000],
  ["12.5Mbit", 1_562_500],
  ["8Kbit", 1000],
])("%s is a rate", (text, bytes) => {
  expect(parseRate(text)).toBe(bytes);
});

test.each(["", "1Gb", "125MB", "1bit", "0Gbit", "-1Gbit"])("'%s' is no rate", (text) => {
  expect(() => parseRate(text)).toThrow("is not a rate");
});

describe("a command line", () => {
  test("has a standard for everything", () => {
    const options = parseOptions([], specs);
    expect(options).toMatchObject({ scenarios: [], systems: undefined, rounds: 2 });
    expect(options.loadProcesses).toBe(availableParallelism());
    expect(own(options, "slow-rate")).toBe(5);
    expect(ownList(options, "late-at")).toEqual([25, 50]);
    expect(ownIfAny(options, "late-at")).toBe(25);
    expect(ownIfAny(options, "late-rate")).toBeUndefined();
  });

  test("is read", () => {
    const args =
      "fanout slow --systems fileshare,nginx --receivers 8,64 --size 1MiB --slow-rate 2KiB --load-processes 4";
    const options = parseOptions(args.split(" "), specs);
    expect(options.scenarios).toEqual(["fanout", "slow"]);
    expect(options.rounds).toBe(3);
    expect(options.systems).toEqual(["fileshare", "nginx"]);
    expect(options.receivers).toEqual([8, 64]);
    expect(options.size).toBe(2 ** 20);
    expect(options.loadProcesses).toBe(4);
    expect(own(options, "slow-rate")).toBe(2048);
  });

  test("can say none where none is possible", () => {
    expect(own(parseOptions(["--slow-stopped", "0"], specs), "slow-stopped")).toBe(0);
  });

  test.each([
    [["--slow-stopped", "-1"], "--slow-stopped"],
    [["--late-at", "0"], "from 1 on"],
    [["--sise", "1GiB"], "--sise"],
    [["fan-out"], "no scenario 'fan-out'"],
    [["--systems", "apache"], "no system 'apache'"],
    [["--rounds", "0"], "not a number"],
    [["--load-processes", "0"], "not a number"],
    [["--receivers", "8,"], "not a number"],
    [["--late-at", "x"], "not a number"],
  ])("is refused: %j", (args, why) => {
    expect(() => parseOptions(args, specs)).toThrow(why);
  });

  test("for a report names one file", () => {
    expect(parseReport(["a.json", "--html", "b"])).toEqual({ file: "a.json", html: "b" });
    expect(() => parseReport([])).toThrow("one file");
    expect(() => parseReport(["a", "b"])).toThrow("one file");
    expect(() => parseReport(["a", "--json", "b"])).toThrow("--json");
  });
});

test("no two scenarios have an option of one name, and most have a prefix", () => {
  const names = scenarios.flatMap(({ options }) => options.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
  for (const { name, options } of scenarios) {
    // Its options mean nothing elsewhere.
    if (name === "distance") continue;
    for (const option of options) expect(option.name).toStartWith(`${name}-`);
  }
});
