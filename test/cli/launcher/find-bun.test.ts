/** The launcher's search for Bun. `test/e2e/deploy/package.test.ts` runs it. */
import { expect, test } from "bun:test";
import { createRequire } from "node:module";

import { whyUnsupported } from "../../../cli/system/supported.ts";

interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly isMusl: () => boolean;
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
  ["linux", "x64", false, "@oven/bun-linux-x64"],
  ["linux", "arm64", true, "@oven/bun-linux-aarch64-musl"],
  ["darwin", "arm64", false, "@oven/bun-darwin-aarch64"],
  ["win32", "x64", false, "@oven/bun-windows-x64"],
  ["android", "arm64", true, "@oven/bun-linux-aarch64-android"],
  ["freebsd", "x64", true, "@oven/bun-freebsd-x64"],
])("on %s %s (musl: %p) the binary is that of %s", (platform, arch, musl, name) => {
  expect(platformPackages({ platform, arch, isMusl: () => musl })).toEqual([name]);
});

test.each([
  ["aix", "ppc64"],
  ["linux", "riscv64"],
])("%s on %s has no binary", (platform, arch) => {
  expect(platformPackages({ platform, arch, isMusl: () => false })).toEqual([]);
});

test("the library says where it runs instead of an old Node and of a browser", () => {
  expect(whyUnsupported({ node: "22.12.0" })).toBeUndefined();
  expect(whyUnsupported({ node: "26.3.0", bun: "1.4.5" })).toBeUndefined();
  expect(whyUnsupported({ node: "20.20.2" })).toContain("Use Node 22 or later, or Bun.");
  expect(whyUnsupported(undefined)).toContain("open the page of a relay");
});
