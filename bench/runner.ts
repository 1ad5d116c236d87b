/** Runs cases in rounds: each round all of them in turn, every other round in reversed order. */
import type { Run, ScenarioName } from "./result.ts";
import { withoutFigures, type Case, type Measured } from "./scenarios/scenario.ts";

export interface Job {
  readonly scenario: ScenarioName;
  readonly case: Case;
}

export interface Plan {
  readonly rounds: number;
  /** ms that one run may take; then it has no figures. */
  readonly timeout: number;
  /** Asked before each run of every round but the first; false ends it with what there is. */
  readonly goesOn?: () => boolean;
  /** Once it is aborted nothing more is run or told. */
  readonly signal?: AbortSignal;
  /** Told before and after each run. */
  readonly onRun?: (progress: Progress) => void;
}

export interface Progress {
  readonly number: number;
  readonly of: number;
  readonly job: Job;
  readonly round: number;
  /** Absent before the run. */
  readonly run?: Run;
}

/** The jobs of one round, in their order. */
export function orderOf(jobs: readonly Job[], round: number): readonly Job[] {
  return round % 2 === 0 ? jobs : jobs.toReversed();
}

/** @throws the reason of `plan.signal` */
export async function runAll(jobs: readonly Job[], plan: Plan): Promise<Run[]> {
  const runs: Run[] = [];
  const of = jobs.length * plan.rounds;
  for (let round = 0; round < plan.rounds; round++) {
    for (const job of orderOf(jobs, round)) {
      if (round > 0 && plan.goesOn?.() === false) return runs;
      const number = runs.length + 1;
      plan.onRun?.({ number, of, job, round });
      const run = asRun(job, round, await runOnce(job.case, plan.timeout));
      plan.signal?.throwIfAborted();
      runs.push(run);
      plan.onRun?.({ number, of, job, round, run });
    }
  }
  return runs;
}

async function runOnce(each: Case, timeout: number): Promise<Measured> {
  try {
    const measured = await each.run(AbortSignal.timeout(timeout));
    // Figures of a run that went wrong mean nothing.
    return measured.invalid === undefined
      ? measured
      : { ...withoutFigures(measured.invalid), perReceiver: measured.perReceiver };
  } catch (error) {
    return withoutFigures(error instanceof Error ? error.message : String(error));
  }
}

function asRun({ scenario, case: each }: Job, round: number, measured: Measured): Run {
  const { variant, system, workers, receivers, size } = each;
  return { scenario, variant, system, round, workers, receivers, size, ...measured };
}
