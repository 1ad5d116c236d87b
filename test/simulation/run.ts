import { drawScenario, isAble, isCalm, type Scenario } from "./scenario.ts";
import { Simulation, type Outcome, type Trace } from "./simulation.ts";
import { Violation } from "./world.ts";

export interface Failure {
  readonly seed: number;
  readonly message: string;
  /** The last things that happened, and where everybody was. */
  readonly story: readonly string[];
}

export type Result = { readonly outcome: Outcome } | { readonly failure: Failure };

/** How much later a receiver may be because others stopped: what they were sent first. */
const SHARED_RECORDS = 40;
const STORY_LINES = 60;

/** Plays one seed; a failing one is played again to tell its story. */
export function runSeed(seed: number, trace?: Trace): Result {
  try {
    return { outcome: play(seed, trace) };
  } catch (error) {
    return { failure: tell(seed, error) };
  }
}

function play(seed: number, trace?: Trace): Outcome {
  const scenario = drawScenario(seed);
  const outcome = new Simulation(scenario, trace).run();
  if (isCalm(seed)) compare(scenario, outcome, trace);
  return outcome;
}

/** Without the receivers that stopped, the others must not be much faster. */
function compare(scenario: Scenario, outcome: Outcome, trace?: Trace): void {
  const receivers = scenario.receivers.map((plan) =>
    isAble(plan) ? plan : { ...plan, absent: true },
  );
  const alone = new Simulation({ ...scenario, receivers }, trace).run();
  const { msPerByte } = scenario.shares[0]!.ways.up;
  const tolerance = 1000 + SHARED_RECORDS * msPerByte * (16 + scenario.shares[0]!.size.recordSize);
  for (const [name, at] of outcome.finishedAt) {
    const before = alone.finishedAt.get(name) ?? 0;
    if (at - before <= tolerance) continue;
    throw new Violation(`${name} needs ${at | 0} ms, and ${before | 0} without who stopped`);
  }
}

function tell(seed: number, error: unknown): Failure {
  const message = error instanceof Violation ? error.message : `threw ${describeError(error)}`;
  const lines: string[] = [];
  const simulation = new Simulation(drawScenario(seed), (line) => {
    lines.push(line);
    if (lines.length > 2 * STORY_LINES) lines.splice(0, STORY_LINES);
  });
  try {
    simulation.run();
  } catch {
    // The same as before.
  }
  return { seed, message, story: [...lines.slice(-STORY_LINES), ...simulation.standing()] };
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
