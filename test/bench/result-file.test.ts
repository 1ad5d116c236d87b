import { describe, expect, test } from "bun:test";

import { parseResult } from "../../bench/report/parse.ts";
import { table } from "../../bench/report/table.ts";
import { emptyResult, madeUpResult } from "../support/bench/made-up-result.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A result as a file has it, and as it reads once the value at a path is another. */
function changed(path: readonly (string | number)[], value: Json | undefined): string {
  const whole = JSON.parse(JSON.stringify(madeUpResult())) as Json;
  let place: Json | undefined = whole;
  for (const key of path.slice(0, -1)) place = (place as { [key: string]: Json })[key];
  (place as { [key: string]: Json | undefined })[path.at(-1)!] = value;
  return JSON.stringify(whole);
}

describe("a file that --json wrote", () => {
  test.each([madeUpResult(), emptyResult()])("is read as it was", (result) => {
    const read = parseResult("a.json", JSON.stringify(result));
    expect(read).toEqual(result);
    expect(table(read)).toBe(table(result));
  });

  test("may have fields that are not known here", () => {
    expect(parseResult("a.json", changed(["newer"], 1))).toEqual(madeUpResult());
  });

  test.each([
    [["version"], 2, "version should be 1, not 2"],
    [["runs"], {}, "runs should be Array, not Object"],
    [["runs", 3, "seconds"], undefined, "runs.3.seconds is missing"],
    [["runs", 3, "seconds"], -1, "runs.3.seconds should be >=0, not -1"],
    [["runs", 0, "scenario"], "fanin", 'runs.0.scenario should be ("fanout"'],
    [["runs", 0, "perReceiver", 0, "bytes"], "many", 'bytes should be number, not "many"'],
    [
      ["runs", 0, "samples", 1, "receivedBytes"],
      [null],
      "receivedBytes.0 should be number, not null",
    ],
    [["startedAt"], "yesterday", "startedAt should be something else, not"],
  ] as const)("is refused with another %j", (path, value, why) => {
    expect(() => parseResult("a.json", changed(path, value as Json))).toThrow(why);
  });

  test.each([
    ["", "a.json is not JSON"],
    ["[1", "a.json is not JSON"],
    ["7", "the whole should be Object, not 7"],
  ])("is refused as %j", (text, why) => {
    expect(() => parseResult("a.json", text)).toThrow(why);
  });
});
