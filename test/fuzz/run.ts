/** Plays inputs of targets from a seed, and looks at what they cost. */
import { processMemory } from "../../relay/admin/machine.ts";
import { Random } from "../simulation/random.ts";
import { Broken, type Target, type TargetKind } from "./target.ts";
import { DECODERS } from "./decoders.ts";
import { HTTP } from "./http.ts";
import { HUB } from "./hub.ts";
import { SESSIONS } from "./sessions.ts";
import { WIRE } from "./wire.ts";

export const TARGETS: readonly TargetKind[] = [...DECODERS, ...SESSIONS, HUB, HTTP, WIRE];

/** Of RssAnon, from a tenth of a target's inputs to its end; what it takes at first is no growth. */
const GROWTH_BYTES = 64 * 1024 * 1024;
const WARM_PART = 0.1;
/** Of fewer inputs it can't be told. */
const GROWTH_INPUTS = 10_000;
/** Garbage at the end is collected within so long. ms */
const SETTLE_MS = 10_000;
const LOOK_EVERY_MS = 250;
/** Of failures of one target; after so many it is given up. */
const FAILURES_AT_MOST = 5;
/** One case that takes longer is a failure of its own. ms */
const CASE_MS = 20_000;

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: string;
  /** Undefined: all of them. */
  readonly target?: string | undefined;
  /** Play this case of the target alone. */
  readonly only?: number | undefined;
  readonly tell?: (line: string) => void;
}

export interface Failure {
  readonly target: string;
  readonly case: number;
  readonly message: string;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly failures: readonly Failure[];
}

/** Memory that is this process's own. bytes; undefined: this system does not tell */
export function ownMemory(): number | undefined {
  return processMemory()?.anonymous;
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { inputs, target, tell } = options;
  const kinds = TARGETS.filter(({ name }) => target === undefined || name === target);
  const weights = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const failures: Failure[] = [];
  let played = 0;
  for (const kind of kinds) {
    const due = Math.ceil((inputs * kind.weight) / weights);
    const startedAt = performance.now();
    const result = await playTarget(kind, due, options);
    played += result.inputs;
    failures.push(...result.failures);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const grown = result.grown === undefined ? "" : `, ${megabytes(result.grown)} MiB more memory`;
    tell?.(`${kind.name}: ${result.inputs} inputs, ${seconds} s${grown}`);
    for (const { case: at, message } of result.failures) tell?.(`  case ${at}: ${message}`);
  }
  return { inputs: played, failures };
}

interface Played extends FuzzResult {
  readonly grown: number | undefined;
}

async function playTarget(kind: TargetKind, due: number, options: FuzzOptions): Promise<Played> {
  const { seed, only } = options;
  const { name } = kind;
  const failures: Failure[] = [];
  let inputs = 0;
  let warm: number | undefined;
  let at = only ?? 0;
  const failed = (error: unknown): void => {
    failures.push({ target: name, case: at, message: describe(error) });
  };
  // The code that rejected is unknown: no caller awaited the promise.
  process.on("unhandledRejection", failed);
  await using target = await kind.start();
  try {
    for (; inputs < due && failures.length < FAILURES_AT_MOST; at++) {
      try {
        inputs += await playCase(target, new Random(`${seed} ${name} ${at}`));
      } catch (error) {
        inputs++;
        failed(error);
      }
      if (only !== undefined) break;
      if (warm === undefined && due >= GROWTH_INPUTS && inputs >= due * WARM_PART) {
        warm = settledMemory();
      }
    }
    await target.end();
  } catch (error) {
    failed(error);
  } finally {
    process.off("unhandledRejection", failed);
  }
  const grown = warm === undefined ? undefined : await grownFrom(warm);
  if (grown !== undefined && grown > GROWTH_BYTES) {
    failed(new Broken(`it grew by ${megabytes(grown)} MiB`));
  }
  return { inputs, failures, grown };
}

async function playCase(target: Target, random: Random): Promise<number> {
  const startedAt = performance.now();
  const inputs = await target.play(random);
  const took = performance.now() - startedAt;
  if (took > CASE_MS) throw new Broken(`it took ${Math.round(took)} ms`);
  return inputs;
}

/** A worker collects when it has come to rest. */
async function grownFrom(warm: number): Promise<number | undefined> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const now = settledMemory();
    if (now === undefined) return undefined;
    if (now - warm <= GROWTH_BYTES || performance.now() > deadline) return now - warm;
    await Bun.sleep(LOOK_EVERY_MS);
  }
}

function settledMemory(): number | undefined {
  Bun.gc(true);
  return ownMemory();
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `; ${error.cause.stack ?? error.cause.message}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
