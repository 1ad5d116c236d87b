/** Round after round with one cluster, and what is told of it. */
import { setMaxListeners } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EXIT } from "../../../protocol/wire/faults.ts";
import { Children } from "../child.ts";
import { History } from "../history.ts";
import { wrongEnds } from "../verdict.ts";
import { playClusterRound, type ClusterResult, type ClusterWorld } from "./cluster-round.ts";
import { Machines } from "./machines.ts";
import type { ClusterOptions } from "./options.ts";
import { planClusterRound, type ClusterPlan } from "./plan.ts";
import { startCluster } from "./servers.ts";

const MiB = 1024 * 1024;

/** @returns the exit code */
export async function playCluster(
  { ms, rounds, seed, size, keep, natsProgram }: ClusterOptions,
  signal: AbortSignal,
): Promise<number> {
  // Each pause listens to it, and there is at most one for each fault and receiver at a time.
  setMaxListeners(2 * (size.steps + size.receivers), signal);
  const folder = mkdtempSync(join(tmpdir(), "fileshare-torture-"));
  const historyPath = join(folder, "history.jsonl");
  console.log(`Seed ${seed}`);
  const deadline = performance.now() + ms;
  const totals = new Totals();
  let wrong: readonly string[] = [];
  try {
    using history = new History(historyPath);
    await using children = new Children(history);
    const machines = new Machines();
    const cluster = await startCluster({ machines, folder, natsProgram, children, history });
    const isOver = (): boolean => performance.now() >= deadline;
    const world: ClusterWorld = { seed, folder, cluster, children, history, signal, isOver };
    for (let round = 1; round <= rounds && !isOver(); round++) {
      const plan = planClusterRound(seed, round, size);
      const startedAt = performance.now();
      const result = await playClusterRound(world, plan);
      totals.add(plan, result);
      console.log(lineOf(plan, result, performance.now() - startedAt));
      wrong = result.violations;
      if (wrong.length > 0) break;
    }
    await Promise.all(cluster.relays.map((relay) => relay.stop()));
    await Promise.all(cluster.nats.map((server) => server.kill()));
    if (wrong.length === 0) wrong = wrongEnds(history.entries);
  } catch (error) {
    if (!signal.aborted) {
      console.error(error);
      wrong = ["the torture itself broke off"];
    }
  }
  if (wrong.length === 0 && !keep) rmSync(folder, { recursive: true, force: true });
  if (signal.aborted) return EXIT.interrupted;
  console.log(totals.line);
  for (const each of wrong) console.log(`  ${each}`);
  if (wrong.length > 0) {
    console.log(`Failed. Seed ${seed}; history: ${historyPath}`);
    return EXIT.failed;
  }
  if (keep) console.log(`History: ${historyPath}`);
  console.log("Every copy is whole, and nobody failed who should not.");
  return EXIT.done;
}

/** Of all rounds. */
class Totals {
  #rounds = 0;
  #receivers = 0;
  #equal = 0;
  #missed = 0;
  #crossed = 0;
  #memory = 0;
  readonly #faults = new Map<string, number>();

  add({ receivers }: ClusterPlan, { faults, equal, missed, crossed, memory }: ClusterResult): void {
    this.#rounds++;
    this.#receivers += receivers.length;
    this.#equal += equal;
    this.#missed += missed;
    this.#crossed = Math.max(this.#crossed, crossed);
    this.#memory = Math.max(this.#memory, memory);
    for (const [kind, count] of faults) {
      this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count);
    }
  }

  get line(): string {
    const faults = [...this.#faults].map(([kind, count]) => `${kind} ${count}`).toSorted();
    return [
      `${this.#rounds} rounds: ${this.#equal} of ${this.#receivers} receivers have an equal copy, ${this.#missed} have none`,
      `Faults: ${faults.join(", ")}`,
      `To a relay from the others: ${this.#crossed.toFixed(2)} times the share at most. Memory of a relay: ${mebibytes(this.#memory)} at most`,
    ].join("\n");
  }
}

function lineOf(plan: ClusterPlan, result: ClusterResult, ms: number): string {
  const { round, content, bytes, receivers } = plan;
  const { faults, violations, equal, crossed } = result;
  const count = [...faults.values()].reduce((sum, each) => sum + each, 0);
  const verdict = violations.length === 0 ? "well" : "WRONG";
  const what = `${content} of ${mebibytes(bytes)} to ${receivers.length}`;
  const copies = `${equal} equal, ${crossed.toFixed(2)} times to a relay`;
  return `Round ${round}: ${what}, ${count} faults, ${(ms / 1000).toFixed(1)} s: ${copies}: ${verdict}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}
