/** Round after round of a torture, and what is told of it. */
import { setMaxListeners } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EXIT } from "../../protocol/wire/faults.ts";
import { Children } from "./child.ts";
import type { Surroundings } from "./clients.ts";
import { History } from "./history.ts";
import type { Options } from "./options.ts";
import { wrongEnds } from "./verdict.ts";

/** The last line of a torture that went well. */
export const ALL_WELL = "Every copy is whole, and nobody failed who should not.";

/** The parts that all rounds of a torture share. */
export interface Ground extends Surroundings {
  readonly seed: string;
  /** Of the whole run. */
  readonly folder: string;
  /** No fault and no share begins any more. */
  readonly isOver: () => boolean;
}

export interface Round {
  readonly violations: readonly string[];
  /** @param took its time, with the unit */
  readonly line: (took: string) => string;
}

export interface Torture {
  play(round: number): Promise<Round>;
  /** Ends its servers. */
  stop(): Promise<unknown>;
  /** Of all rounds. */
  readonly summary?: string;
}

/** @returns the exit code */
export async function playRounds(
  { ms, rounds, seed, size, keep }: Options,
  signal: AbortSignal,
  start: (ground: Ground) => Promise<Torture>,
): Promise<number> {
  // Each pause listens to it, and there is at most one for each fault and receiver at a time.
  setMaxListeners(2 * (size.steps + size.receivers), signal);
  const folder = mkdtempSync(join(tmpdir(), "fileshare-torture-"));
  const historyPath = join(folder, "history.jsonl");
  console.log(`Seed ${seed}`);
  const deadline = performance.now() + ms;
  const isOver = (): boolean => performance.now() >= deadline;
  let torture: Torture | undefined;
  let wrong: readonly string[] = [];
  try {
    using history = new History(historyPath);
    await using children = new Children(history);
    torture = await start({ seed, folder, children, history, signal, isOver });
    for (let round = 1; round <= rounds && !isOver() && wrong.length === 0; round++) {
      const startedAt = performance.now();
      const { violations, line } = await torture.play(round);
      console.log(line(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`));
      wrong = violations;
    }
    await torture.stop();
    if (wrong.length === 0) wrong = wrongEnds(history.entries);
  } catch (error) {
    if (!signal.aborted) {
      console.error(error);
      wrong = ["the torture itself broke off"];
    }
  }
  if (wrong.length === 0 && !keep) rmSync(folder, { recursive: true, force: true });
  if (signal.aborted) return EXIT.interrupted;
  if (torture?.summary !== undefined) console.log(torture.summary);
  for (const each of wrong) console.log(`  ${each}`);
  if (wrong.length > 0) {
    console.log(`Failed. Seed ${seed}; history: ${historyPath}`);
    return EXIT.failed;
  }
  if (keep) console.log(`History: ${historyPath}`);
  console.log(ALL_WELL);
  return EXIT.done;
}
