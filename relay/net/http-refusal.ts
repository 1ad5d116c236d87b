import type { FaultError } from "../../protocol/mod.ts";
import type { RelayLimitName } from "../limits/operator-limits.ts";

/** By HTTP a refusal is a sentence for people, on one line. */
export function refusal(
  status: number,
  sentence: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${sentence}\n`, { status, headers });
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

/** The refusal of a limit, with the seconds to wait in Retry-After. */
export function refusalResponse(name: RelayLimitName, { message, after }: FaultError): Response {
  const status =
    name === "share-bytes" ? TOO_LARGE : OWN.has(name) ? TOO_MANY_REQUESTS : UNAVAILABLE;
  const headers: Record<string, string> = { "content-type": "text/plain; charset=utf-8" };
  if (after !== undefined) headers["retry-after"] = after.toString();
  return refusal(status, message, headers);
}
