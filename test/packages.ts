/** Installs Debian's programs that some tests drive. Called by `check`, before anything is installed. */
import { existsSync, rmSync, writeFileSync } from "node:fs";

import { PACKAGES } from "./needs.ts";

/** ms that each run of apt-get may take; on a bare system the browser and Python take 40 s */
const APT_MS = 180_000;

/** Debian's way to keep a package that is installed from starting its service, such as nginx on port 80. */
const POLICY = "/usr/sbin/policy-rc.d";

/** Installs what is missing of PACKAGES, where that is possible: as root, with apt-get. */
export async function installPackages(): Promise<void> {
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null) return;
  const missing = missingPackages();
  if (missing.length === 0) return;
  console.log(`\n# packages\nInstalling ${missing.join(", ")}`);
  const hasPolicy = existsSync(POLICY);
  if (!hasPolicy) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await aptGet("update", "-q");
    const install = ["install", "-y", "-q", "--no-install-recommends"];
    if (await aptGet(...install, ...missing)) return;
    // A package that this system does not have must not keep it from all others.
    for (const name of missing) await aptGet(...install, name);
  } finally {
    if (!hasPolicy) rmSync(POLICY);
  }
}

function missingPackages(): string[] {
  const query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n", ...PACKAGES];
  const lines = Bun.spawnSync(query, { stderr: "ignore" }).stdout.toString().split("\n");
  const installed = new Set(
    lines.filter((line) => line.startsWith("ii")).map((line) => line.split(" ").at(-1)),
  );
  return PACKAGES.filter((name) => !installed.has(name));
}

/** @returns whether it went well; without a package its tests fail in CI, and are skipped elsewhere */
async function aptGet(...args: readonly string[]): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = { env, timeout: APT_MS, stdout: "ignore", stderr: "pipe" } as const;
  const child = Bun.spawn(["apt-get", ...args], options);
  const said = await child.stderr.text();
  if ((await child.exited) === 0) return true;
  console.log(`apt-get ${args.join(" ")} failed\n${said}`);
  return false;
}
