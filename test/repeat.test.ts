/** The names that `bun run repeat` prints of the tests that failed. */
import { expect, test } from "bun:test";
import { failures } from "./repeat.ts";

test("each failed test is named once, with the file that it is in", () => {
  const output = [
    "test/relay/a.test.ts:",
    "(pass) goes well [1.20ms]",
    "(fail) a relay > ends early [1200.00ms]",
    "test/cli/b.test.ts:",
    "(fail) hangs",
    "  ^ this test timed out after 20000ms.",
    "2 tests failed:",
    "(fail) a relay > ends early [1200.00ms]",
    "(fail) hangs",
    " 1 pass",
  ].join("\n");
  expect(failures(output)).toEqual([
    "test/relay/a.test.ts: a relay > ends early",
    "test/cli/b.test.ts: hangs",
  ]);
  expect(failures("(pass) a test\n 1 pass\n")).toEqual([]);
});
