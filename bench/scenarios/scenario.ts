/** The form of every scenario: a list of cases, made from the options. */
import type { Options, OptionSpec } from "../options.ts";
import type { Run, ScenarioName, SystemName } from "../result.ts";

/** The findings of one run of a case; the rest of a `Run` says which run it was. */
export type Measured = Omit<
  Run,
  "scenario" | "variant" | "system" | "round" | "workers" | "receivers" | "size"
>;

/** One system in one setting. The runner runs all cases in each round. */
export interface Case {
  readonly variant: string;
  readonly system: SystemName;
  readonly workers: number;
  readonly receivers: number;
  /** bytes of the source */
  readonly size: number;
  /**
   * Called once. A fault of the bytes goes into `invalid`, as a throw does.
   * @param signal aborted when the run takes too long
   */
  run(signal: AbortSignal): Promise<Measured>;
}

export interface Scenario {
  readonly name: ScenarioName;
  /** One line for the help. */
  readonly summary: string;
  /** Systems that can take part. */
  readonly systems: readonly SystemName[];
  /** Its own options, beside those of all. */
  readonly options: readonly OptionSpec[];
  /** @param systems those that take part, asked for and here */
  cases(options: Options, systems: readonly SystemName[]): Case[];
}

/** A run without figures, and why. */
export function withoutFigures(invalid: string): Measured {
  return {
    invalid,
    bytes: 0,
    seconds: 0,
    aggregateBytesPerSecond: 0,
    relayCpuSeconds: undefined,
    relayCpuSecondsPerGiB: undefined,
    senderCpuSecondsPerGiB: undefined,
    receiversCpuSecondsPerGiB: undefined,
    relayRssAnonPeak: undefined,
    bufferedPeak: undefined,
    eventLoopDelayP99: undefined,
    completion: { p50: 0, p99: 0 },
    fairness: 0,
    extra: {},
    perReceiver: [],
    samples: [],
  };
}

/** The numbers of workers that a system is run with; most have one process, whatever is asked. */
export function workersOf(system: SystemName, { workers = [1] }: Options): readonly number[] {
  return system === "fileshare" || system === "nginx" ? workers : [1];
}
