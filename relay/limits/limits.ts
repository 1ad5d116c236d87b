import type { FaultError } from "../../protocol/mod.ts";
import { DEFAULT_LIMITS, overLimit, type Limits, type RelayLimitName } from "./operator-limits.ts";

import type { RefusalCounters } from "./refusal-counters.ts";

/** The relay's timer. */
export const TICK_MS = 250;
/** How long the last messages of an ending relay may take to leave before the lines are cut. */
export const CLOSE_MS = 1000;
/**
 * Records of a stored share become durable within this time when their sender leaves or the relay ends. A disk with
 * 20 MiB/s writes 96 MiB in it. The sender sends later records again. ms
 */
export const SETTLE_MS = 5000;

/** The limits as they are now for one thread, and the count of clients that go over them. */
export class LiveLimits {
  /** Replaced when the operator sets others; connected clients stay. */
  now: Limits;
  readonly #refusals: RefusalCounters | undefined;

  /** @param refusals undefined: nothing is counted */
  constructor(limits: Limits = DEFAULT_LIMITS, refusals?: RefusalCounters) {
    this.now = limits;
    this.#refusals = refusals;
  }

  /** Counts a client that exceeds this limit, and gives the fault to tell it. */
  over(name: RelayLimitName): FaultError {
    this.count(name);
    return overLimit(name, this.now);
  }

  /** Counts a client that exceeds a limit without a fault, or with one that others tell. */
  count(name: RelayLimitName): void {
    this.#refusals?.count(name);
  }
}
