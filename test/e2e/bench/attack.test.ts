import { expect, test } from "bun:test";

import { attack } from "../../../bench/scenarios/attack.ts";
import { parseOptions } from "../../../bench/options.ts";
import { MiB } from "../../support/bench/load.ts";
import { WAIT_MS } from "../../support/patience.ts";

test("receivers beside a crowd of attackers get everything, and the crowd is counted", async () => {
  const args = "attack --receivers 2 --attack-size 5MiB --attack-count 12 --attack-seconds 1";
  const options = parseOptions(args.split(" "), attack.options);
  const [alone, beside] = attack.cases(options, ["fileshare"]);
  expect([alone?.variant, beside?.variant]).toEqual(["alone", "beside attackers"]);
  const run = await beside!.run(AbortSignal.timeout(WAIT_MS));
  expect(run.invalid).toBeUndefined();
  expect(run.bytes).toBe(2 * 5 * MiB);
  expect(run.extra["attacks"]).toBeGreaterThanOrEqual(12);
});
