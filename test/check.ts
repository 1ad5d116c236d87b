/**
 * The check: a frozen install, then types, lint, format and all tests, each run to its end.
 * The last line is `N passed, N failed`: the tests, plus one failure per other step that failed.
 * Runs before anything is installed, so it imports nothing that does.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { PACKAGES } from "./needs.ts";

interface Outcome {
  readonly exitCode: number;
  readonly output: string;
}

/** ms that each run of apt-get may take; on a bare system the browser and Python take 40 s */
const APT_MS = 180_000;

/** Test files at once: many wait for a clock or a pace, so there is work for two on each core. */
const WORKERS = 2 * navigator.hardwareConcurrency;

const root = `${import.meta.dir}/..`;
const bun = process.execPath;

/** Runs bun in the repository, passes its output on as it comes, and returns it too. */
async function run(title: string, args: readonly string[]): Promise<Outcome> {
  console.log(`\n# ${title}`);
  const child = Bun.spawn([bun, ...args], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const pieces: string[] = [];
  const pass = async (from: ReadableStream<Uint8Array>, to: NodeJS.WriteStream): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of from) {
      to.write(bytes);
      pieces.push(decoder.decode(bytes, { stream: true }));
    }
  };
  await Promise.all([pass(child.stdout, process.stdout), pass(child.stderr, process.stderr)]);
  return { exitCode: await child.exited, output: pieces.join("") };
}

/** The last `N pass` (or `N fail`) line of the test runner; undefined if it printed none. */
function count(output: string, word: "pass" | "fail"): number | undefined {
  const found = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}

function finish(passed: number, failed: number): never {
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

/** Debian's way to keep a package that is installed from starting its service, such as nginx on port 80. */
const POLICY = "/usr/sbin/policy-rc.d";

/** Installs what is missing of PACKAGES, where that is possible: as root, with apt-get. */
async function installPackages(): Promise<void> {
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null) return;
  const query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n", ...PACKAGES];
  const { stdout } = Bun.spawnSync(query, { stderr: "ignore" });
  const there = new Set(
    stdout
      .toString()
      .split("\n")
      .filter((line) => line.startsWith("ii"))
      .map((line) => line.split(" ").at(-1)),
  );
  const missing = PACKAGES.filter((name) => !there.has(name));
  if (missing.length === 0) return;
  console.log(`\n# packages\nInstalling ${missing.join(", ")}`);
  const hasPolicy = existsSync(POLICY);
  if (!hasPolicy) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await aptGet("update", "-q");
    const install = ["install", "-y", "-q", "--no-install-recommends"];
    if (await aptGet(...install, ...missing)) return;
    // One that this system does not have must not keep it from all others.
    for (const name of missing) await aptGet(...install, name);
  } finally {
    if (!hasPolicy) rmSync(POLICY);
  }
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

// Beside the steps that need none of them.
const packages = installPackages();
const install = await run("install", ["install", "--frozen-lockfile"]);
if (install.exitCode !== 0) {
  await packages;
  finish(0, 1);
}

let failedSteps = 0;
for (const [title, args] of [
  ["types", ["run", "types"]],
  ["lint", ["run", "lint"]],
  ["format", ["run", "fmt", "--check"]],
] as const) {
  if ((await run(title, args)).exitCode !== 0) failedSteps += 1;
}

await packages;
const tests = await run("tests", ["test", `--parallel=${WORKERS}`]);
const passed = count(tests.output, "pass") ?? 0;
// A runner that failed without naming a failed test (a crash, a file that does not load) is one.
const failed = Math.max(count(tests.output, "fail") ?? 0, tests.exitCode === 0 ? 0 : 1);
finish(passed, failed + failedSteps);
