/** Rounds with one cluster. */
import { playRounds } from "../rounds.ts";
import { playClusterRound, type ClusterResult, type ClusterWorld } from "./cluster-round.ts";
import { Machines } from "./machines.ts";
import type { ClusterOptions } from "./options.ts";
import { planClusterRound, type ClusterPlan } from "./plan.ts";
import { startCluster } from "./servers.ts";

const MiB = 1024 * 1024;

/** @returns the exit code */
export async function playCluster(options: ClusterOptions, signal: AbortSignal): Promise<number> {
  return playRounds(options, signal, async (ground) => {
    const { natsProgram, size } = options;
    const cluster = await startCluster({ ...ground, machines: new Machines(), natsProgram });
    const world: ClusterWorld = { ...ground, cluster };
    const totals = new Totals();
    return {
      async play(round) {
        const plan = planClusterRound(ground.seed, round, size);
        const result = await playClusterRound(world, plan);
        totals.add(plan, result);
        return { violations: result.violations, line: (took) => lineOf(plan, result, took) };
      },
      async stop() {
        await Promise.all(cluster.relays.map((relay) => relay.stop()));
        await Promise.all(cluster.nats.map((server) => server.kill()));
      },
      get summary() {
        return totals.line;
      },
    };
  });
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

function lineOf(plan: ClusterPlan, result: ClusterResult, took: string): string {
  const { round, content, bytes, receivers } = plan;
  const { faults, violations, equal, crossed } = result;
  const count = [...faults.values()].reduce((sum, each) => sum + each, 0);
  const verdict = violations.length === 0 ? "well" : "WRONG";
  const what = `${content} of ${mebibytes(bytes)} to ${receivers.length}`;
  const copies = `${equal} equal, ${crossed.toFixed(2)} times to a relay`;
  return `Round ${round}: ${what}, ${count} faults, ${took}: ${copies}: ${verdict}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}
