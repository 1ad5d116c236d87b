import type { FaultError, RelayLimitName } from "../../protocol/mod.ts";

import { overLimit, DEFAULT_LIMITS, type Limits } from "./operator-limits.ts";
import type { Refusals } from "./refusal-counters.ts";

/** The limits as they are now for one thread, and the count of who goes over them. */
export class Bounds {
  /** From now on those hold; clients that are in stay in. */
  limits: Limits;
  readonly #refusals: Refusals | undefined;

  /** @param refusals without them nobody counts */
  constructor(limits: Limits = DEFAULT_LIMITS, refusals?: Refusals) {
    this.limits = limits;
    this.#refusals = refusals;
  }

  /** Somebody went over this limit, and hears so. */
  over(name: RelayLimitName): FaultError {
    this.count(name);
    return overLimit(name, this.limits);
  }

  /** Somebody went over this limit, which has no fault or is told by others. */
  count(name: RelayLimitName): void {
    this.#refusals?.count(name);
  }
}
