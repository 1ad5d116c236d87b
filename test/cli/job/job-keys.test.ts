/** The master key of a code, as commands compute it beside their thread. The commands of other tests are spared that. */
import { expect, test } from "bun:test";

import { masterBeside } from "../../../cli/job/job-keys.ts";
import { knownCode, masterOf } from "../../support/clients/known-codes.ts";

test("a command computes the same master key of a code as every other client", async () => {
  const code = knownCode();
  expect(await masterBeside(code)).toBe(masterOf(code));
});
