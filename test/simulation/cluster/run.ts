import { failureOf, type Failure, type Trace } from "../failure.ts";
import { ClusterWorld, type ClusterOutcome } from "./cluster.ts";
import { clusterScenario } from "./scenario.ts";

export type ClusterResult = { readonly outcome: ClusterOutcome } | { readonly failure: Failure };

/** Plays one seed of the cluster. */
export function runCluster(seed: number, trace?: Trace): ClusterResult {
  const scenario = clusterScenario(seed);
  try {
    return { outcome: new ClusterWorld(scenario, trace).run() };
  } catch (error) {
    return { failure: failureOf(seed, error, (told) => new ClusterWorld(scenario, told)) };
  }
}
