import type { FaultError, RelayLimitName } from "../protocol/mod.ts";

import { overLimit, DEFAULT_LIMITS, type Limits } from "./relay-limits.ts";
import type { Refusals } from "./refusals.ts";

/** The limits as they are now for one thread, and the count of who goes over them. */
export class Bounds {
  /** From now on those hold; who is in stays in. */
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

const TOO_LARGE = 413;
const TOO_MANY_REQUESTS = 429;
const UNAVAILABLE = 503;

/** Limits of one client or address, and not of the relay. */
const OWN: ReadonlySet<RelayLimitName> = new Set([
  "attempts-per-minute",
  "sockets-per-address",
  "shares-per-address",
  "channels-per-address",
]);

/** The same by HTTP, with the seconds to wait in Retry-After. */
export function refusalResponse(name: RelayLimitName, { message, after }: FaultError): Response {
  const status =
    name === "share-bytes" ? TOO_LARGE : OWN.has(name) ? TOO_MANY_REQUESTS : UNAVAILABLE;
  const headers: Record<string, string> = { "content-type": "text/plain; charset=utf-8" };
  if (after !== undefined) headers["retry-after"] = after.toString();
  return new Response(`${message}\n`, { status, headers });
}
