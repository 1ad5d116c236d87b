/** A load of a few MiB on a system, measured as the bench measures. */
import type { Group } from "../../../bench/load/contract.ts";
import { measureLoad, type LoadRun } from "../../../bench/load-run.ts";
import type { Observed } from "../../../bench/observer.ts";
import type { Measured } from "../../../bench/scenarios/scenario.ts";
import type { System } from "../../../bench/systems/system.ts";
import { WAIT_MS } from "../patience.ts";

export const MiB = 1024 ** 2;
/** Two, so that every test with two receivers or more has them apart. */
const LOAD_PROCESSES = 2;

/** Of a relay that can't be seen. */
export const nothingObserved: Observed = {
  cpuSeconds: undefined,
  rssAnonPeak: undefined,
  logBytesMost: undefined,
  bufferedPeak: undefined,
  eventLoopDelayP99: undefined,
  switches: new Map(),
  samples: [],
};

export function measure(
  system: System,
  groups: readonly Group[],
  more: Partial<LoadRun> = {},
): Promise<Measured> {
  const signal = AbortSignal.timeout(WAIT_MS);
  const loadProcesses = LOAD_PROCESSES;
  const size = 5 * MiB + 1000;
  return measureLoad({ system, workers: 1, loadProcesses, size, groups, signal, ...more });
}
