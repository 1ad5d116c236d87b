import { describe, expect, test } from "bun:test";

import { parseOptions } from "../../../bench/options.ts";
import { slow } from "../../../bench/scenarios/slow.ts";
import { MiB } from "../../support/bench/load.ts";
import { WAIT_MS } from "../../support/patience.ts";

function casesOf(args: string): ReturnType<typeof slow.cases> {
  return slow.cases(parseOptions(args.split(" "), slow.options), ["fileshare"]);
}

test("the slow, or the stopped, can be none", () => {
  const many = casesOf("slow --receivers 54 --slow-slow 8 --slow-stopped 2");
  expect(many.map(({ receivers }) => receivers)).toEqual([54, 64]);
  const stopped = casesOf("slow --receivers 500 --slow-slow 0 --slow-stopped 500");
  expect(stopped.map(({ receivers }) => receivers)).toEqual([500, 1000]);
});

describe("a run ends when the healthy have everything", () => {
  const little = "slow --receivers 2 --slow-size 5MiB --slow-stop-after 100KiB --load-processes 4";

  test.each([
    // A receiver that takes 1000 bytes per second would need hours.
    ["slow", "--slow-slow 2 --slow-stopped 0 --slow-rate 1000"],
    ["stopped", "--slow-slow 0 --slow-stopped 2"],
  ])("and those beside them are %s, in processes of their own", async (kind, counts) => {
    const [, beside] = casesOf(`${little} ${counts}`);
    const run = await beside!.run(AbortSignal.timeout(WAIT_MS));
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(2 * 5 * MiB);
    expect(run.extra["loadProcesses"]).toBe(4);
    expect(run.perReceiver.map((each) => [each.kind, each.completion !== undefined])).toEqual([
      ["healthy", true],
      ["healthy", true],
      [kind, false],
      [kind, false],
    ]);
  });
});
