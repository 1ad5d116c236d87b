import { failureOf, type Failure, type Trace } from "../failure.ts";
import { Fleet, type FleetOutcome } from "./fleet.ts";
import { fleetScenario } from "./scenario.ts";

export type FleetResult = { readonly outcome: FleetOutcome } | { readonly failure: Failure };

/** Plays one seed of a fleet. */
export function runFleet(seed: number, trace?: Trace): FleetResult {
  const scenario = fleetScenario(seed);
  try {
    return { outcome: new Fleet(scenario, trace).run() };
  } catch (error) {
    return { failure: failureOf(seed, error, (told) => new Fleet(scenario, told)) };
  }
}
