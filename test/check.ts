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

const all = async (): Promise<void> => {
  await sum.bundles();
  await sum.tests("all tests but those of thresholds", await sum.binary());
  await sum.tests("commands from the sources");
};
await Promise.all([sum.statics(), all()]);
await sum.tests("tests of thresholds");
sum.finish();
