/** The launcher's search for Bun. `test/e2e/deploy/package.test.ts` runs it. */
import { expect, test } from "bun:test";
import { createRequire } from "node:module";

import { whyUnsupported } from "../../../cli/system/supported.ts";

interface Machine {
  readonly platform: string;
  readonly arch: string;
}

const { isAtLeast, platformPackages } = createRequire(import.meta.url)(
  "../../../cli/launcher/find-bun.cjs",
) as {
  readonly isAtLeast: (version: string, least: string) => boolean;
  readonly platformPackages: (machine: Machine) => string[];
};

test.each([
  ["1.4.5", true],
  ["1.4.4", false],
  ["1.10.0", true],
  ["2.0.0", true],
  ["0.99.9", false],
  ["1.4.6-canary.1+abc", true],
])("Bun %s will do where 1.4.5 is needed: %p", (version, will) => {
  expect(isAtLeast(version, "1.4.5")).toBe(will);
});

test.each([
  ["linux", "x64", ["@oven/bun-linux-x64", "@oven/bun-linux-x64-musl"]],
  ["linux", "arm64", ["@oven/bun-linux-aarch64", "@oven/bun-linux-aarch64-musl"]],
  ["darwin", "arm64", ["@oven/bun-darwin-aarch64"]],
  ["win32", "x64", ["@oven/bun-windows-x64"]],
  ["android", "arm64", ["@oven/bun-linux-aarch64-android"]],
  ["freebsd", "x64", ["@oven/bun-freebsd-x64"]],
])("on %s %s the binary is in %p", (platform, arch, names) => {
  expect(platformPackages({ platform, arch })).toEqual(names);
});

test.each([
  ["aix", "ppc64"],
  ["linux", "riscv64"],
])("%s on %s has no binary", (platform, arch) => {
  expect(platformPackages({ platform, arch })).toEqual([]);
});

test("the library says where it runs instead of an old Node and of a browser", () => {
  expect(whyUnsupported({ node: "22.12.0" })).toBeUndefined();
  expect(whyUnsupported({ node: "26.3.0", bun: "1.4.5" })).toBeUndefined();
  expect(whyUnsupported({ node: "20.20.2" })).toContain("Use Node 22 or later, or Bun.");
  expect(whyUnsupported(undefined)).toContain("open the page of a relay");
});
