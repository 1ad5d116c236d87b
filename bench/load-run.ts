/**
 * One run of a load on one system: starts both, warms up, says go, samples, collects.
 * Everything that scenarios with sender and receivers share.
 */
import type { Group } from "./load/contract.ts";
import type { Measured } from "./scenarios/scenario.ts";
import type { System } from "./systems/system.ts";

export interface LoadRun {
  readonly system: System;
  readonly workers: number;
  /** bytes */
  readonly size: number;
  readonly groups: readonly Group[];
  readonly logBytes?: number;
  /**
   * When a group of `late` ones joins: at this share of the source, as the most advanced receiver has
   * it. By index of `groups`.
   */
  readonly joinAt?: ReadonlyMap<number, number>;
  readonly signal: AbortSignal;
}

/** Only groups of kinds that complete count for bytes, completion and fairness. */
export declare function measureLoad(run: LoadRun): Promise<Measured>;
