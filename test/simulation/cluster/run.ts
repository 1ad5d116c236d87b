import type { Failure } from "../run.ts";
import { Violation } from "../world.ts";
import { ClusterWorld, type ClusterOutcome } from "./cluster.ts";
import { clusterScenario } from "./scenario.ts";

const STORY_LINES = 80;

export type ClusterResult = { readonly outcome: ClusterOutcome } | { readonly failure: Failure };

/** Plays one seed of the cluster; a failing one is played again to tell its story. */
export function runCluster(seed: number, trace?: (line: string) => void): ClusterResult {
  const scenario = clusterScenario(seed);
  try {
    return { outcome: new ClusterWorld(scenario, trace).run() };
  } catch (error) {
    const lines: string[] = [];
    const world = new ClusterWorld(scenario, (line) => lines.push(line));
    try {
      world.run();
    } catch {
      // The same as before.
    }
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const message = error instanceof Violation ? error.message : `threw ${what}`;
    const story = [...lines.slice(-STORY_LINES), ...world.standing()];
    return { failure: { seed, message, story } };
  }
}
