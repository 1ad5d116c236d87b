/**
 * The receivers of a sender, as its relays say, and as their receipts prove. It holds those only
 * that have the code: their names opened, or their receipts verified. The sender session owns one,
 * and a `NameBook` with the names that it opened.
 */
import { BoundedMap } from "../wire/bounded-map.ts";
import { equalBytes, toHex } from "../wire/bytes.ts";
import type { MessageOf, ReceiverEntry } from "../wire/control.ts";
import type { ReceiverView } from "./sender-events.ts";
import { RECEIVERS_PER_SHARE } from "../wire/limits.ts";
import { mayBeName } from "../crypto/seal.ts";

export interface RosterCounts {
  readonly verified: number;
  /** Here, and what they claim was not refused. */
  readonly attached: number;
  readonly lost: number;
  readonly left: number;
}

/** The effect of a verified receipt on the roster. */
export interface Verified {
  readonly receiver: ReceiverView;
  /** It had to make room: it proved nothing, and counts no more. */
  readonly displaced: ReceiverView | undefined;
}

export class Roster {
  readonly #receivers = new Map<string, ReceiverView>();
  /** The receivers that say they are done and could not prove it. */
  readonly #refused = new Set<string>();
  readonly #most: number;

  constructor(most: number = RECEIVERS_PER_SHARE) {
    this.#most = most;
  }

  get all(): ReadonlyMap<string, ReceiverView> {
    return this.#receivers;
  }

  get agreed(): number {
    let agreed = 0;
    for (const { state } of this.#receivers.values()) {
      if (state === "live" || state === "behind" || state === "done") agreed++;
    }
    return agreed;
  }

  /** Its receipt verified, so it has everything, whatever a relay says. */
  isVerified(key: string): boolean {
    return this.#receivers.get(key)?.verified === true;
  }

  /**
   * @param name as its receiver sealed it
   * @returns what is known of it now; undefined: this says nothing new, or there are too many
   */
  update({ id, state, next }: ReceiverEntry, name: string): ReceiverView | undefined {
    const key = toHex(id);
    const known = this.#receivers.get(key);
    if (known?.verified === true || this.#isFull(known)) return undefined;
    const receiver: ReceiverView = { id, name, state, next, verified: false };
    if (isNoLoss(receiver, known)) this.#forget(key);
    else this.#receivers.set(key, receiver);
    return receiver;
  }

  /**
   * It proved that it has everything. One that proved nothing makes room for it.
   * @returns undefined: there are as many as there may be, and all of them proved it
   */
  verify({
    receiver: id,
    records,
    unconfirmed,
  }: Pick<MessageOf<"receipt">, "receiver" | "records" | "unconfirmed">): Verified | undefined {
    const key = toHex(id);
    const known = this.#receivers.get(key);
    const displaced = this.#isFull(known) ? this.#displace() : undefined;
    if (this.#isFull(known)) return undefined;
    const name = known?.name ?? "";
    const proved = { id, name, state: "done", next: records, verified: true } as const;
    const receiver: ReceiverView = { ...proved, ...(unconfirmed === true && { unconfirmed }) };
    this.#receivers.set(key, receiver);
    this.#refused.delete(key);
    return { receiver, displaced };
  }

  /** A false claim holds up no end; its receiver may still prove it later. @returns whether it is its first */
  refuse(id: Uint8Array): boolean {
    const key = toHex(id);
    if (this.#receivers.get(key)?.verified !== false || this.#refused.has(key)) return false;
    this.#refused.add(key);
    return true;
  }

  /** It was taken out. @param counts whether it is missing in the end */
  takeOut(key: string, counts: boolean): ReceiverView | undefined {
    const known = this.#receivers.get(key);
    if (known === undefined) return undefined;
    const receiver: ReceiverView = { ...known, state: "left" };
    if (counts) this.#receivers.set(key, receiver);
    else this.#forget(key);
    return receiver;
  }

  /** Without a line no receiver is attached; all count as lost until a relay names them again. */
  loseAll(): ReceiverView[] {
    const lost: ReceiverView[] = [];
    for (const [key, receiver] of this.#receivers) {
      if (!isAttached(receiver)) continue;
      const gone: ReceiverView = { ...receiver, state: "lost" };
      if (receiver.state === "waiting" || receiver.next === 0) this.#receivers.delete(key);
      else this.#receivers.set(key, gone);
      lost.push(gone);
    }
    return lost;
  }

  /** The number of verified receivers that can't say that they saved the content. */
  get unconfirmed(): number {
    let unconfirmed = 0;
    for (const receiver of this.#receivers.values()) if (receiver.unconfirmed) unconfirmed++;
    return unconfirmed;
  }

  get counts(): RosterCounts {
    const counts = { verified: 0, attached: 0, lost: 0, left: 0 };
    for (const [key, receiver] of this.#receivers) {
      if (receiver.verified) counts.verified++;
      else if (isAttached(receiver) && !this.#refused.has(key)) counts.attached++;
      else if (receiver.state === "left") counts.left++;
      else counts.lost++;
    }
    return counts;
  }

  /** The receiver that is missed least: gone before attached, and of equals the first that came. */
  #displace(): ReceiverView | undefined {
    let least: [key: string, receiver: ReceiverView] | undefined;
    for (const [key, receiver] of this.#receivers) {
      if (receiver.verified) continue;
      least ??= [key, receiver];
      if (isAttached(receiver)) continue;
      least = [key, receiver];
      break;
    }
    if (least === undefined) return undefined;
    const [key, receiver] = least;
    this.#forget(key);
    return { ...receiver, state: "left" };
  }

  #isFull(known: ReceiverView | undefined): boolean {
    return known === undefined && this.#receivers.size >= this.#most;
  }

  #forget(key: string): void {
    this.#receivers.delete(key);
    this.#refused.delete(key);
  }
}

/**
 * A receiver that only looked at the offer and went away is no loss. Nor is one that vanished with nothing, although it had
 * agreed: its next run is another receiver. A receiver that says that it leaves may have failed.
 */
function isNoLoss({ state, next }: ReceiverView, known: ReceiverView | undefined): boolean {
  if (state !== "lost" && state !== "left") return false;
  const before = known ?? { state: "waiting", next: 0 };
  if (before.state === "waiting") return next <= 1;
  return state === "lost" && Math.max(before.next, next) === 0;
}

export function isAttached(receiver: ReceiverView): boolean {
  const { state, verified } = receiver;
  // `done` without a receipt that verifies is a claim, and the receipt is on its way.
  return !verified && state !== "lost" && state !== "left";
}

type Known =
  | { readonly is: "opened"; readonly sealed: Uint8Array; readonly name: string }
  | { readonly is: "refused"; readonly sealed: Uint8Array };

export type FoundName = { readonly is: "unknown" } | Known;

/**
 * The receivers that showed by their names that they have the code. Relays repeat a name with every
 * piece of news about its receiver; here it is deciphered once. Names that open and names that don't
 * have a room each, so that a flood of the latter displaces none of the former.
 */
export class NameBook {
  readonly #opened = new BoundedMap<string, Extract<Known, { is: "opened" }>>(RECEIVERS_PER_SHARE);
  readonly #refused = new BoundedMap<string, Extract<Known, { is: "refused" }>>(
    RECEIVERS_PER_SHARE,
  );

  /** @param key the receiver's id in hex */
  find(key: string, { name: sealed }: ReceiverEntry): FoundName {
    if (!mayBeName(sealed)) return { is: "refused", sealed };
    for (const known of [this.#opened.get(key), this.#refused.get(key)]) {
      if (known !== undefined && equalBytes(known.sealed, sealed)) return known;
    }
    return { is: "unknown" };
  }

  /** @param name undefined: it did not open */
  note(key: string, { name: sealed }: ReceiverEntry, name: string | undefined): void {
    if (name === undefined) this.#refused.set(key, { is: "refused", sealed });
    else this.#opened.set(key, { is: "opened", sealed, name });
  }
}
