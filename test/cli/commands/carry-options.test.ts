/** Options about a carried relay: the command line counts before a configuration. */
import { expect, test } from "bun:test";

import { carryOptions } from "../../../cli/commands/carry-options.ts";
import type { Call } from "../../../cli/commands/command.ts";

/** @param configured switches of a configuration file */
function chosen(raw: readonly string[], configured: { carry?: boolean; "no-carry"?: boolean }) {
  const values = { carry: false, port: undefined, addresses: false, ...configured };
  const call = { raw, routeOf: () => undefined };
  return carryOptions(values, call as unknown as Call);
}

test.each([
  { what: "carry in a configuration starts one", configured: { carry: true }, insists: true },
  {
    what: "--relay counts before carry in a configuration",
    raw: ["--relay", "ws://x"],
    configured: { carry: true },
  },
  {
    what: "--no-carry counts before carry in a configuration",
    raw: ["--no-carry"],
    configured: { carry: true },
    refuses: true,
  },
  {
    what: "--carry counts before no-carry in a configuration",
    raw: ["--carry"],
    configured: { "no-carry": true },
    insists: true,
  },
  {
    what: "no-carry in a configuration starts none",
    configured: { "no-carry": true },
    refuses: true,
  },
])("$what", ({ raw = [], configured, insists = false, refuses = false }) => {
  expect(chosen(raw, configured)).toMatchObject({ insists, refuses });
});
