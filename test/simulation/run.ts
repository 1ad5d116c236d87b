import { WINDOW_RECORDS } from "../../protocol/mod.ts";
import { recordsPerBlock } from "../../relay/log/block-log.ts";

import { drawScenario, frameBytes, isCalm, type Scenario } from "./scenario.ts";
import { failureOf, type Failure, type Trace } from "./failure.ts";
import { Simulation, type Outcome } from "./simulation.ts";
import { storedScenario } from "./stored-scenario.ts";
import { Violation } from "./world.ts";

export type Result = { readonly outcome: Outcome } | { readonly failure: Failure };

/** A healthy receiver may be late by this much, timers being inexact. ms */
const SLACK_MS = 1000;

/**
 * How a seed is played. Frames go out to each socket by itself, or to all of the live lane by a topic where Bun sends;
 * `stored`: the share is stored, and frames go out either way.
 */
export type Play = "singly" | "by topics" | "stored";

/** Of so many stored seeds one is played by topics. */
const STORED_BY_TOPICS = 4;

/** Plays one seed; a failing one is played again to tell its story. */
export function runSeed(seed: number, trace?: Trace, as: Play = "singly"): Result {
  const scenario = draw(seed, as);
  try {
    return { outcome: play(scenario, seed, trace) };
  } catch (error) {
    return { failure: failureOf(seed, error, (told) => new Simulation(scenario, told)) };
  }
}

function draw(seed: number, play: Play): Scenario {
  const scenario = play === "stored" ? storedScenario(seed) : drawScenario(seed);
  const byTopics = play === "stored" ? seed % STORED_BY_TOPICS === 1 : play === "by topics";
  if (!byTopics) return scenario;
  return { ...scenario, relay: { ...scenario.relay, publishes: true } };
}

function play(scenario: Scenario, seed: number, trace?: Trace): Outcome {
  const outcome = new Simulation(scenario, trace).run();
  const isComparable = isCalm(seed) && scenario.store === undefined;
  if (isComparable && scenario.ending.at === "all done") compare(scenario, outcome, trace);
  return outcome;
}

/**
 * Without the receivers that stopped, the others must not be faster than by what those were sent
 * before: their records, which may have come from the sender for them alone, and a window. Where the
 * log can't hold the share, chance decides which of the others are in step, and a reading for one of
 * them alone is no fault of who stopped (seed 276160).
 */
function compare(scenario: Scenario, outcome: Outcome, trace?: Trace): void {
  const receivers = scenario.receivers.map((plan) =>
    plan.habits.stopsAfter === undefined ? plan : { ...plan, absent: true },
  );
  const alone = new Simulation({ ...scenario, receivers }, trace).run();
  const recordsMs = scenario.receivers.flatMap(({ habits }, index) => {
    const read = habits.stopsAfter;
    const window = Math.max(WINDOW_RECORDS, outcome.windows.get(`receiver ${index}`) ?? 0);
    return read === undefined ? [] : [(read + window) * slowestFrameMs(scenario)];
  });
  const tolerance = recordsMs.reduce((sum, ms) => sum + ms, SLACK_MS + readingMs(scenario));
  for (const [name, at] of outcome.finishedAt) {
    const before = alone.finishedAt.get(name) ?? 0;
    if (at - before <= tolerance) continue;
    throw new Violation(`${name} needs ${at | 0} ms, and ${before | 0} without who stopped`);
  }
}

/** How long one more reading of the largest share takes; none where the log can hold it. */
function readingMs(scenario: Scenario): number {
  const { relay, shares } = scenario;
  const records = shares
    .filter(({ size }) => size.records > relay.blocks * recordsPerBlock(relay, frameBytes(size)))
    .map(({ size }) => size.records);
  return Math.max(0, ...records) * slowestFrameMs(scenario);
}

/** How long a frame takes from the slowest sender. */
function slowestFrameMs({ shares }: Scenario): number {
  const times = shares.map(({ ways, size }) => ways.up.msPerByte * frameBytes(size));
  return Math.max(...times);
}
