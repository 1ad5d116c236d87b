/**
 * The steps of `bun run test` and `bun run check`, and their sum. A step runs Bun in the repository.
 * This file imports nothing that has to be installed first. The tiers of tests: see test/README.md.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  describeFailures,
  errorsOutsideTests,
  failedTests,
  lastLines,
  type Failure,
} from "./failed-tests.ts";
import { LONGEST, TIERS } from "./tiers.ts";

const root = `${import.meta.dir}/..`;

/** For all test files of this run: what scrypt made, and bundles. See test/support/spare-scrypt.ts. */
const shared = mkdtempSync(join(tmpdir(), "fileshare-run-"));
const ofRun = { RUN_SCRYPTS: shared, RUN_WORKERS: join(shared, "workers") };

/** The tests of all steps. Each other step that failed counts as one failed test. */
export class Sum {
  #passed = 0;
  #failed = 0;
  readonly #failures: Failure[] = [];

  /** Runs a step to its end. Its output is passed on as it comes (`live`), or whole when it has ended. */
  async step(
    title: string,
    args: readonly string[],
    live: boolean,
    env: Readonly<Record<string, string>> = {},
  ): Promise<boolean> {
    if (live) console.log(`\n# ${title}`);
    const isTests = args[0] === "test";
    using report = new Report();
    const { exitCode, output } = await run(isTests ? report.ask(args) : args, live, env);
    if (!live) console.log(`\n# ${title}\n${output.trimEnd()}`);
    const failures = isTests ? report.failures() : [];
    if (isTests) this.#passed += count(output, "pass") ?? 0;
    // A runner that failed without naming a failed test (a crash, a file that does not load) is one.
    const failed = Math.max((isTests && count(output, "fail")) || 0, exitCode === 0 ? 0 : 1);
    this.#failed += failed;
    if (failures.length < failed) {
      const error = (isTests && errorsOutsideTests(output)) || lastLines(output);
      failures.push({ where: title, name: `exit code ${exitCode}`, error });
    }
    this.#failures.push(...failures);
    if (failures.length > 0) console.log(`\n${describeFailures(failures)}`);
    return exitCode === 0;
  }

  /** Types, lint and format. They run beside the tests. */
  async statics(): Promise<void> {
    await this.step("types", ["run", "types"], false);
    await this.step("lint", ["run", "lint"], false);
    await this.step("format", ["run", "fmt", "--check"], false);
  }

  /** Bundles the threads of the product, once for all test files. */
  async bundles(): Promise<void> {
    const program = join(import.meta.dir, "support/worker-bundles.ts");
    await this.step("bundles of threads", [program, ofRun.RUN_WORKERS], false);
  }

  async tests(
    tier: keyof typeof TIERS,
    env: Readonly<Record<string, string>> = {},
    ...options: readonly string[]
  ): Promise<void> {
    await using browsers = await keepBrowsers();
    const args = [...TIERS[tier], `--timings=${longestFirst()}`, ...options];
    await this.step(tier, args, true, { ...browsers.env, ...env });
  }

  /** Builds the binary of this machine. @returns variables with which tests start commands as that binary; none but on Linux */
  async binary(): Promise<Readonly<Record<string, string>>> {
    if (process.platform !== "linux") return {};
    const target = `linux-${process.arch}`;
    const build = ["deploy/build/main.ts", "--only", target, "--out", shared];
    const isBuilt = await this.step("binary", build, false);
    return isBuilt ? { TESTED_BINARY: join(shared, `fileshare-${target}`) } : {};
  }

  /** Ends the process. Its last line is what machines read. */
  finish(): never {
    rmSync(shared, { recursive: true, force: true });
    if (this.#failures.length > 0) console.log(`\n${describeFailures(this.#failures)}`);
    console.log(`\n${this.#passed} passed, ${this.#failed} failed`);
    process.exit(this.#failed === 0 ? 0 : 1);
  }
}

/** The report of the runner about one step, in a file of its own until it is read. */
class Report implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "fileshare-report-"));
  readonly #path = join(this.#folder, "junit.xml");

  /** The same command, which also writes the report */
  ask([command = "test", ...options]: readonly string[]): string[] {
    return [command, "--reporter=junit", `--reporter-outfile=${this.#path}`, ...options];
  }

  /** None where the runner ended too early to write it. */
  failures(): Failure[] {
    try {
      return failedTests(readFileSync(this.#path, "utf8"));
    } catch {
      return [];
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A file of times for the runner, which begins with the longest. It takes a file without a time for a long one. */
function longestFirst(): string {
  const path = join(shared, "timings.json");
  const all = new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: root });
  const files = Object.fromEntries([...all].toSorted().map((file) => [file, 1]));
  for (const [at, file] of LONGEST.entries()) files[`test/${file}`] = LONGEST.length - at + 1;
  writeFileSync(path, JSON.stringify({ version: 1, files }));
  return path;
}

interface KeptBrowsers extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
}

/** Starts test/support/browser-keeper.ts, which starts a browser when a test file asks for one. */
async function keepBrowsers(): Promise<KeptBrowsers> {
  const program = join(import.meta.dir, "support/browser-keeper.ts");
  const keeper = Bun.spawn([process.execPath, program], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await keeper.stdout.getReader().read();
  if (value === undefined) throw new Error("The keeper of browsers did not start");
  return {
    env: { RUN_BROWSERS: new TextDecoder().decode(value).trim() },
    async [Symbol.asyncDispose]() {
      await keeper.stdin.end();
      await keeper.exited;
    },
  };
}

async function run(
  args: readonly string[],
  live: boolean,
  env: Readonly<Record<string, string>>,
): Promise<Result> {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: root,
    env: { ...process.env, ...ofRun, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const pieces: string[] = [];
  const pass = async (from: ReadableStream<Uint8Array>, to: NodeJS.WriteStream): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of from) {
      if (live) to.write(bytes);
      pieces.push(decoder.decode(bytes, { stream: true }));
    }
  };
  await Promise.all([pass(child.stdout, process.stdout), pass(child.stderr, process.stderr)]);
  return { exitCode: await child.exited, output: pieces.join("") };
}

interface Result {
  readonly exitCode: number;
  readonly output: string;
}

/** The last `N pass` (or `N fail`) line of the test runner; undefined if it printed none. */
function count(output: string, word: "pass" | "fail"): number | undefined {
  const found = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}
