/**
 * The check: a frozen install, then types, lint, format and all tests, each run to its end.
 * The last line is `N passed, N failed`: the tests, plus one failure per other step that failed.
 * Runs before anything is installed, so it imports Bun alone.
 */

interface Outcome {
  readonly exitCode: number;
  readonly output: string;
}

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

const install = await run("install", ["install", "--frozen-lockfile"]);
if (install.exitCode !== 0) finish(0, 1);

let failedSteps = 0;
for (const [title, args] of [
  ["types", ["run", "types"]],
  ["lint", ["run", "lint"]],
  ["format", ["run", "fmt", "--check"]],
] as const) {
  if ((await run(title, args)).exitCode !== 0) failedSteps += 1;
}

const tests = await run("tests", ["test", "--parallel", "--timeout=30000"]);
const passed = count(tests.output, "pass") ?? 0;
// A runner that failed without naming a failed test (a crash, a file that does not load) is one.
const failed = Math.max(count(tests.output, "fail") ?? 0, tests.exitCode === 0 ? 0 : 1);
finish(passed, failed + failedSteps);
