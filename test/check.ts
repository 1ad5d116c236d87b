/**
 * `bun run check`, all that CI runs: a frozen install, then types, lint, format and all tests, each to its end.
 * The last line is `N passed, N failed`. This file runs before anything is installed, so it imports no package.
 */
import { installPackages } from "./packages.ts";
import { Sum } from "./steps.ts";

const sum = new Sum();
// The two installations run beside each other.
const packages = installPackages();
const installed = await sum.step("install", ["install", "--frozen-lockfile"], true);
await packages;
if (!installed) sum.finish();

await sum.bundles();
await Promise.all([
  sum.statics(),
  sum.tests("all tests but those of thresholds"),
  sum.binary("tests with the binary", false),
]);
await sum.tests("tests of thresholds");
sum.finish();
