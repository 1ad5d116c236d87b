import { describe, expect, test } from "bun:test";

import { fileshareAt } from "../../../bench/systems/fileshare.ts";
import { startRelay } from "../../../relay/mod.ts";
import {
  breakRelay,
  dropping,
  flipping,
  swapping,
  type Breakage,
} from "../../support/bench/broken-relay.ts";
import { measure } from "../../support/bench/load.ts";

async function through(breakage: () => Breakage): Promise<string | undefined> {
  await using relay = await startRelay();
  await using broken = breakRelay(relay.url, breakage);
  const { invalid } = await measure(fileshareAt(broken.url), [{ kind: "healthy", count: 2 }]);
  return invalid;
}

/** The fault of a run, returned or thrown. */
function faultOf(breakage: () => Breakage): Promise<string | undefined> {
  return through(breakage).catch((error: unknown) => String(error));
}

describe("a relay that is broken", () => {
  test("and drops a frame leaves no figures", async () => {
    expect(await faultOf(() => dropping(3))).toMatch(/\d+ times a frame was lost/);
  });

  test("and swaps two frames leaves no figures", async () => {
    expect(await faultOf(() => swapping(2))).toMatch(/\d+ times a frame was lost/);
  });

  test("and changes a bit leaves no figures", async () => {
    expect(await faultOf(() => flipping(1))).toMatch(/a wrong byte in frame 1/);
  });

  test("in nothing leaves figures", async () => {
    expect(await faultOf(() => (frame) => [frame])).toBeUndefined();
  });
});
