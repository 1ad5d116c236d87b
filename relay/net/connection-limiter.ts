import type { FaultError } from "../../protocol/mod.ts";
import type { Limits, RelayLimitName } from "../limits/operator-limits.ts";

import type { Bounds } from "../limits/limits.ts";
import type { Crowd, Place } from "../limits/address-table.ts";
import { refusalResponse } from "./http-refusal.ts";
import type { ClientAddress } from "../access/client-address.ts";

/** Counts clients that come in at one worker, by all of its doors. */
export class ConnectionLimiter {
  readonly #crowd: Crowd;
  readonly #bounds: Bounds;
  readonly #clock: () => number;

  /** @param clock the same for all workers. ms */
  constructor(crowd: Crowd, bounds: Bounds, clock: () => number) {
    this.#crowd = crowd;
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /** Somebody asks for something. @returns what to answer if that is too much */
  tries({ limitKey }: ClientAddress): Response | undefined {
    const perMinute = this.#bounds.limits["attempts-per-minute"];
    if (this.#crowd.attempt(limitKey, perMinute, this.#clock())) return undefined;
    return this.refusal("attempts-per-minute");
  }

  get limits(): Limits {
    return this.#bounds.limits;
  }

  /** Somebody comes, and stays until `leave`. @returns a limit that it goes over; then it does not */
  enter({ limitKey }: ClientAddress): Place | RelayLimitName {
    return this.#crowd.enter(limitKey, this.#bounds.limits, this.#clock());
  }

  leave(place: Place): void {
    this.#crowd.leave(place);
  }

  over(name: RelayLimitName): FaultError {
    return this.#bounds.over(name);
  }

  refusal(name: RelayLimitName): Response {
    return refusalResponse(name, this.over(name));
  }
}
