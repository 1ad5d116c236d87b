import type { OfferSeen } from "../wire/control.ts";
import { ACK_EVERY_RECORDS } from "../wire/limits.ts";
import type { ReceiverShare } from "./receiver-share.ts";

/**
 * Where a session stands. The line to the relay has its own states (see link.ts); losing it changes
 * no step, only `joined`.
 *
 *   waiting -> opening -> previewing -> asking -> receiving -> saving -> confirming
 *      ^          |  (resumed)                       ^                       |
 *      |          +----------------------------------+                       |
 *      +----- share over, lobby -----------------------------------------+---+--> finished
 */
export type Step =
  | { readonly at: "waiting" }
  | { readonly at: "opening"; readonly offer: OfferSeen }
  | {
      readonly at: "previewing" | "asking" | "receiving" | "saving";
      readonly share: ReceiverShare;
    }
  | {
      readonly at: "confirming";
      readonly share: ReceiverShare;
      readonly mac: Uint8Array;
      readonly deadline: number;
    }
  | { readonly at: "finished" };

export function shareOf(step: Step): ReceiverShare | undefined {
  return "share" in step ? step.share : undefined;
}

/** Whether the share is still needed for anything but its receipt. */
export function isUnfinished({ at }: Step): boolean {
  return at === "previewing" || at === "asking" || at === "receiving";
}

/**
 * How many records the relay may have in flight to us; 0 is attached and paused. One or none also
 * tells the sender that this receiver has not agreed yet.
 * @param whole the window of a receiver that agreed
 * @param agrees it agrees to whatever comes
 */
export function windowOf({ at }: Step, whole: number, agrees: boolean): number {
  if (at === "previewing") return agrees ? whole : 1;
  if (at === "asking" && agrees) return whole;
  return at === "receiving" || at === "saving" || at === "confirming" ? whole : 0;
}

/** The part of a large window that one acknowledgement is about: each costs the relay time. */
const ACK_PART = 1 / 8;

/** A receiver acknowledges after so many records, and a small window twice before it is over. */
export function ackEvery(window: number): number {
  const few = Math.min(ACK_EVERY_RECORDS, Math.floor(window / 2));
  return Math.max(few, Math.floor(window * ACK_PART));
}
