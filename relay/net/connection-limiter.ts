import type { FaultError } from "../../protocol/mod.ts";
import type { Limits, RelayLimitName } from "../limits/operator-limits.ts";

import type { LiveLimits } from "../limits/limits.ts";
import type { AddressTable, Place } from "../limits/address-table.ts";
import { refusalResponse } from "./http-refusal.ts";
import type { ClientAddress } from "../access/client-address.ts";

/** Counts clients that come in at one worker, by all of its doors. */
export class ConnectionLimiter {
  readonly #addresses: AddressTable;
  readonly #limits: LiveLimits;
  readonly #clock: () => number;

  /** @param clock the same for all workers. ms */
  constructor(addresses: AddressTable, limits: LiveLimits, clock: () => number) {
    this.#addresses = addresses;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Somebody asks for something. @returns what to answer if that is too much */
  tries({ limitKey }: ClientAddress): Response | undefined {
    const perMinute = this.#limits.now["attempts-per-minute"];
    if (this.#addresses.attempt(limitKey, perMinute, this.#clock())) return undefined;
    return this.refusal("attempts-per-minute");
  }

  get limits(): Limits {
    return this.#limits.now;
  }

  /** Somebody comes, and stays until `leave`. @returns a limit that it goes over; then it does not */
  enter({ limitKey }: ClientAddress): Place | RelayLimitName {
    return this.#addresses.enter(limitKey, this.#limits.now, this.#clock());
  }

  leave(place: Place): void {
    this.#addresses.leave(place);
  }

  over(name: RelayLimitName): FaultError {
    return this.#limits.over(name);
  }

  refusal(name: RelayLimitName): Response {
    return refusalResponse(name, this.over(name));
  }
}
