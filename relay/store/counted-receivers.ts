/**
 * The receivers of a share whose download counted, as text: digits of each one's id, oldest first. Receipts are kept of
 * the latest few alone, and a receiver whose line broke says again that it has all when many others came after it.
 */
import { RECEIVERS_PER_SHARE } from "../../protocol/mod.ts";

/** Of the 32 of an id: among as many receivers as are kept, two look the same in one of five million shares. */
const DIGITS = 12;
/** As many as may be there at once, 120 kB; of more the oldest are forgotten, and would count anew. items */
export const COUNTED_MOST = RECEIVERS_PER_SHARE;

/** @param receiver its id in hex */
export function hasCounted(counted: string, receiver: string): boolean {
  const mark = receiver.slice(0, DIGITS);
  for (let at = counted.indexOf(mark); at >= 0; at = counted.indexOf(mark, at + 1)) {
    if (at % DIGITS === 0) return true;
  }
  return false;
}

/** @param receiver as of `hasCounted` */
export function withCounted(counted: string, receiver: string): string {
  return `${counted}${receiver.slice(0, DIGITS)}`.slice(-DIGITS * COUNTED_MOST);
}

export function isCounted(text: string): boolean {
  return text.length % DIGITS === 0 && text.length <= DIGITS * COUNTED_MOST;
}
