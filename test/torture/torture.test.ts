/**
 * A slice of the torture, as the command plays it: one share to six receivers, real processes and
 * real faults. `bun run torture` plays for as long as one likes.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { FINISH_MS, START_MS } from "./limits.ts";

/** Killed, the sender too, frozen, cut off and out of space; the relay killed, its workers crashed. */
const SEED = "53";
const ROUNDS = 1;
/** Of a run in which everybody is late; one that goes well takes half a minute. */
const TIMEOUT_MS = ROUNDS * FINISH_MS + 3 * START_MS;

test.skipIf(process.platform !== "linux")(
  "six receivers get every byte under real faults (Linux)",
  async () => {
    const words = ["--seed", SEED, "--rounds", String(ROUNDS), "--minutes", "60"];
    const size = ["--receivers", "6", "--faults", "24", "--size", "16"];
    const main = join(import.meta.dir, "main.ts");
    await using child = Bun.spawn([process.execPath, main, ...words, ...size], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [said, complaints] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    expect(complaints).toBe("");
    expect(said.trim().split("\n").at(-1)).toBe(
      "Every copy is whole, and nobody failed who should not.",
    );
    expect(child.exitCode).toBe(0);
  },
  TIMEOUT_MS,
);

test("the help names every option, and says what a seed repeats", async () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts"), "--help"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const help = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  for (const option of ["minutes", "rounds", "seed", "receivers", "faults", "size", "keep"]) {
    expect(help).toContain(`--${option}`);
  }
  expect(help).toContain("the progress of each client by then is not");
});

test("a word that it does not take is refused", async () => {
  const main = join(import.meta.dir, "main.ts");
  const child = Bun.spawn([process.execPath, main, "--minute", "1"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const complaints = await new Response(child.stderr).text();
  expect(await child.exited).toBe(2);
  expect(complaints).toContain("--minutes");
});
