/**
 * A slice of the torture, as the command plays it: one share to six receivers, real processes and
 * real faults. `bun run torture` plays for as long as one likes.
 */
import { expect, test } from "bun:test";

import { runTorture, SHARED_OPTIONS } from "./command.ts";
import { FINISH_MS, START_MS } from "./limits.ts";
import { ALL_WELL } from "./rounds.ts";

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
    const { said, complaints, exitCode } = await runTorture(import.meta.dir, [...words, ...size]);
    expect(complaints).toBe("");
    expect(said.split("\n").at(-1)).toBe(ALL_WELL);
    expect(exitCode).toBe(0);
  },
  TIMEOUT_MS,
);

test("the help names every option, and says what a seed repeats", async () => {
  const { said, exitCode } = await runTorture(import.meta.dir, ["--help"]);
  expect(exitCode).toBe(0);
  for (const option of SHARED_OPTIONS) expect(said).toContain(`--${option}`);
  expect(said).toContain("the progress of each client by then is not");
});

test("a word that it does not take is refused", async () => {
  const { complaints, exitCode } = await runTorture(import.meta.dir, ["--minute", "1"]);
  expect(exitCode).toBe(2);
  expect(complaints).toContain("--minutes");
});
