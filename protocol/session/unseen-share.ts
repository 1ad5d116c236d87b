/**
 * Shares of which a receiver has read nothing yet. Anybody who knows the channel can offer them, so
 * nothing that becomes of one may end the wait for those that the code opens.
 */
import type { OfferSeen } from "../wire/control.ts";
import type { FaultCode } from "../wire/faults.ts";
import { ADMISSION_MS, BEGINNING_MS } from "../wire/limits.ts";

/** What is wrong with a share that holds nothing for this code, or is not as shares are. */
const UNREADABLE: ReadonlySet<FaultCode> = new Set([
  "corrupt-record",
  "bad-manifest",
  "unsafe-name",
]);

/** What a sender says of one receiver, and not of its share. */
const ABOUT_RECEIVER: ReadonlySet<FaultCode> = new Set(["not-admitted", "too-slow", "too-late"]);

export function isUnreadable(fault: FaultCode): boolean {
  return UNREADABLE.has(fault);
}

export function isAboutReceiver(fault: FaultCode): boolean {
  return ABOUT_RECEIVER.has(fault);
}

/** How long its beginning may take while others are offered. ms */
export function patienceWith({ admit = false }: OfferSeen): number {
  return admit ? ADMISSION_MS : BEGINNING_MS;
}
