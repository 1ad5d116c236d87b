/** The master key of a code, as commands compute it beside their thread. Other tests are spared that for codes that were there before. */
import { expect, test } from "bun:test";

import { masterBeside } from "../../../cli/job/job-keys.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { makeCode } from "../../../protocol/mod.ts";
import { masterOf } from "../../support/clients/known-codes.ts";

test("a command computes the same master key of a code as every other client", async () => {
  const code = makeCode((length) => nodePrimitives.randomBytes(length));
  expect(await masterBeside(code)).toBe(masterOf(code));
});
