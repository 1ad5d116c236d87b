import { expect, test } from "bun:test";

import { parseOptions } from "../../../bench/options.ts";
import type { SystemName } from "../../../bench/result.ts";
import { stored } from "../../../bench/scenarios/stored.ts";
import { MiB } from "../../support/bench/load.ts";
import { WAIT_MS } from "../../support/patience.ts";

test.each<SystemName>(["fileshare-stored", "fileshare-s3"])(
  "receivers get a share whose sender has left from a relay that began again: %s",
  async (system) => {
    const options = parseOptions("stored --receivers 2 --size 5MiB".split(" "), stored.options);
    const [one] = stored.cases(options, [system]);
    const run = await one!.run(AbortSignal.timeout(WAIT_MS));
    expect(run.invalid).toBeUndefined();
    expect(run.bytes).toBe(2 * 5 * MiB);
    expect(run.extra).toMatchObject({ recordsSentAgain: 0 });
    expect(run.extra["storingBytesPerSecond"]).toBeGreaterThan(0);
  },
);
