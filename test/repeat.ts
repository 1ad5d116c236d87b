/**
 * `bun run repeat [TIMES]`: runs `bun run check` again and again, 10 times unless told otherwise. Stops at the
 * first round that is not green, names its failed tests and keeps its output. A suite that passes once may
 * still have a test that fails on a busy machine; one that passes in every round is green.
 */
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TIMES = 10;
/** Rounds that one command may ask for: about a day. */
const MOST_TIMES = 300;

/** `FILE: TEST` of each test that failed, as the test runner prints them: a line for a file, then its tests. */
export function failures(output: string): string[] {
  const failed: string[] = [];
  let file = "";
  for (const line of Bun.stripANSI(output).split("\n")) {
    file = /^(test\/\S+\.test\.ts):$/.exec(line)?.[1] ?? file;
    const name = /^\(fail\) (.*?)(?: \[[\d.]+m?s\])?$/.exec(line)?.[1];
    // The runner names them again at its end, below the file that came last.
    if (name === undefined || failed.some((one) => one.endsWith(`: ${name}`))) continue;
    failed.push(`${file}: ${name}`);
  }
  return failed;
}

/** Runs all rounds. @returns the exit code */
async function repeat(times: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "fileshare-repeat-"));
  const log = join(folder, "check.log");
  for (let round = 1; round <= times; round++) {
    const began = performance.now();
    // The test runner names its tests on stderr, so both go to one file.
    const file = openSync(log, "w");
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "check.ts")], {
      stdin: "ignore",
      stdout: file,
      stderr: file,
    });
    const exitCode = await child.exited;
    closeSync(file);
    const output = await Bun.file(log).text();
    const seconds = Math.round((performance.now() - began) / 1000);
    const sum = output.trimEnd().split("\n").at(-1) ?? "";
    console.log(`round ${round} of ${times}: ${sum} (${seconds} s)`);
    if (exitCode === 0) continue;
    for (const name of failures(output)) console.log(`failed: ${name}`);
    console.log(`The whole output is in ${log}`);
    return 1;
  }
  rmSync(folder, { recursive: true });
  return 0;
}

if (import.meta.main) {
  const times = Number(process.argv[2] ?? TIMES);
  if (!Number.isInteger(times) || times < 1 || times > MOST_TIMES) {
    console.error(`TIMES is a whole number from 1 to ${MOST_TIMES}`);
    process.exit(2);
  }
  process.exit(await repeat(times));
}
