import type { Failure } from "../run.ts";
import { Violation } from "../world.ts";
import { Fleet, type FleetOutcome, type Trace } from "./fleet.ts";
import { fleetScenario } from "./scenario.ts";

const STORY_LINES = 80;

export type FleetResult = { readonly outcome: FleetOutcome } | { readonly failure: Failure };

/** Plays one seed of a fleet; a failing one is played again to tell its story. */
export function runFleet(seed: number, trace?: Trace): FleetResult {
  const scenario = fleetScenario(seed);
  try {
    return { outcome: new Fleet(scenario, trace).run() };
  } catch (error) {
    const lines: string[] = [];
    const fleet = new Fleet(scenario, (line) => {
      lines.push(line);
      if (lines.length > 2 * STORY_LINES) lines.splice(0, STORY_LINES);
    });
    try {
      fleet.run();
    } catch {
      // The same as before.
    }
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const message = error instanceof Violation ? error.message : `threw ${what}`;
    return {
      failure: { seed, message, story: [...lines.slice(-STORY_LINES), ...fleet.standing()] },
    };
  }
}
