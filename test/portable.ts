/**
 * `bun run portable`: the tests that need no Linux. CI runs them on macOS and Windows. A file of this list
 * uses no /proc, no signals beside Ctrl-C, no modes, links or programs of Debian.
 */
import { Sum } from "./steps.ts";
import { TEST_MS } from "./support/patience.ts";

/** Folders and files below `test/`. */
export const PORTABLE = [
  "protocol/",
  "golden/",
  "simulation/",
  "cli/job/",
  "cli/receive/former-edition.test.ts",
  "cli/receive/partial-open.test.ts",
  "cli/receive/place.test.ts",
  "cli/send/editions.test.ts",
  "relay/log/block-pool.test.ts",
  "relay/share/",
  // Whole transfers: a real relay, senders and receivers.
  "e2e/library/library.test.ts",
  "e2e/transfer/policies.test.ts",
  "e2e/transfer/streams.test.ts",
  "e2e/transfer/transfer.test.ts",
] as const;

if (import.meta.main) {
  const sum = new Sum();
  await sum.step(
    "portable tests",
    ["test", `--timeout=${TEST_MS}`, ...PORTABLE.map((path) => `./test/${path}`)],
    true,
  );
  sum.finish();
}
