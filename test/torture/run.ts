/** Round after round with one relay, and what is told of it. */
import { setMaxListeners } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT } from "../../protocol/wire/faults.ts";
import { Random } from "../simulation/random.ts";
import { Children } from "./child.ts";
import { History } from "./history.ts";
import type { Options } from "./options.ts";
import { planRound, type RoundPlan } from "./plan.ts";
import { RelayUnderTest } from "./relay.ts";
import { playRound, type RoundResult, type World } from "./round.ts";
import { canDestroySockets } from "./sockets.ts";
import { wrongEnds } from "./verdict.ts";

const MiB = 1024 * 1024;

/** @returns the exit code */
export async function play(
  { ms, rounds, seed, size, keep }: Options,
  canMount: boolean,
  signal: AbortSignal,
): Promise<number> {
  // Each pause listens to it, and there is at most one for each fault and receiver at a time.
  setMaxListeners(2 * (size.steps + size.receivers), signal);
  const folder = mkdtempSync(join(tmpdir(), "fileshare-torture-"));
  const historyPath = join(folder, "history.jsonl");
  console.log(`Seed ${seed}`);
  const deadline = performance.now() + ms;
  let wrong: readonly string[] = [];
  try {
    using history = new History(historyPath);
    await using children = new Children(history);
    const relay = await RelayUnderTest.start(new Random(`port ${seed}`), children, history);
    const world: World = {
      seed,
      folder,
      relay,
      children,
      history,
      signal,
      canMount,
      canDestroySockets: await canDestroySockets(),
      isOver: () => performance.now() >= deadline,
    };
    if (!world.canDestroySockets) console.log("Left out: ss -K (connections are reset instead)");
    for (let round = 1; round <= rounds && !world.isOver(); round++) {
      const plan = planRound(seed, round, size);
      const startedAt = performance.now();
      const result = await playRound(world, plan);
      console.log(lineOf(plan, result, performance.now() - startedAt));
      wrong = result.violations;
      if (wrong.length > 0) break;
    }
    await relay.stop();
    if (wrong.length === 0) wrong = wrongEnds(history.entries);
  } catch (error) {
    if (!signal.aborted) {
      console.error(error);
      wrong = ["the torture itself broke off"];
    }
  }
  if (wrong.length === 0 && !keep) rmSync(folder, { recursive: true, force: true });
  if (signal.aborted) return EXIT.interrupted;
  for (const each of wrong) console.log(`  ${each}`);
  if (wrong.length > 0) {
    console.log(`Failed. Seed ${seed}; history: ${historyPath}`);
    return EXIT.failed;
  }
  if (keep) console.log(`History: ${historyPath}`);
  console.log("Every copy is whole, and nobody failed who should not.");
  return EXIT.done;
}

function lineOf({ round, bytes, receivers }: RoundPlan, result: RoundResult, ms: number): string {
  const size = bytes < MiB ? `${bytes} bytes` : `${(bytes / MiB).toFixed(1)} MiB`;
  const { faults, violations } = result;
  const verdict = violations.length === 0 ? "all whole" : "WRONG";
  const seconds = (ms / 1000).toFixed(1);
  return `Round ${round}: ${size} to ${receivers.length}, ${faults} faults, ${seconds} s: ${verdict}`;
}
