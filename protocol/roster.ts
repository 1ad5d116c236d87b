import { toHex } from "./bytes.ts";
import type { MessageOf, ReceiverEntry } from "./control.ts";
import { RECEIVERS_PER_SHARE } from "./limits.ts";
import type { ReceiverView } from "./sender-events.ts";

/** How many of a sender's receivers are where. */
export interface RosterCounts {
  readonly verified: number;
  /** Here, and what they claim was not refused. */
  readonly attached: number;
  readonly lost: number;
  readonly left: number;
}

/** The receivers of a sender, as its relays say, and as their receipts prove. */
export class Roster {
  readonly #receivers = new Map<string, ReceiverView>();
  /** Those that say they are done and could not prove it. */
  readonly #refused = new Set<string>();

  get all(): ReadonlyMap<string, ReceiverView> {
    return this.#receivers;
  }

  /** How many said yes and are here. */
  get agreed(): number {
    let agreed = 0;
    for (const { state } of this.#receivers.values()) {
      if (state === "live" || state === "behind" || state === "done") agreed++;
    }
    return agreed;
  }

  /** @returns what is known of it now; undefined: this says nothing new, or there are too many */
  hear(entry: ReceiverEntry): ReceiverView | undefined {
    const key = toHex(entry.id);
    const known = this.#receivers.get(key);
    // Whose receipt verified has everything, whatever the relay's last look at it says.
    if (known?.verified === true || this.#isFull(known)) return undefined;
    // Who only looked at the offer and went away is no loss.
    const justLooked = (known?.state ?? "waiting") === "waiting" && entry.next <= 1;
    const receiver: ReceiverView = { ...entry, verified: false };
    if ((entry.state === "lost" || entry.state === "left") && justLooked) this.#forget(key);
    else this.#receivers.set(key, receiver);
    return receiver;
  }

  /** It proved that it has everything. */
  verify({
    receiver: id,
    records,
  }: Pick<MessageOf<"receipt">, "receiver" | "records">): ReceiverView | undefined {
    const key = toHex(id);
    const known = this.#receivers.get(key);
    if (this.#isFull(known)) return undefined;
    const receiver: ReceiverView = {
      id,
      name: known?.name ?? new Uint8Array(0),
      state: "done",
      next: records,
      verified: true,
    };
    this.#receivers.set(key, receiver);
    this.#refused.delete(key);
    return receiver;
  }

  /** A false claim holds up nobody's end; who made it may still prove it later. @returns if it counted */
  refuse(id: Uint8Array): boolean {
    const key = toHex(id);
    if (this.#receivers.get(key)?.verified !== false) return false;
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

  /** Without a line nobody is attached; they count as lost until a relay names them again. */
  loseAll(): ReceiverView[] {
    const lost: ReceiverView[] = [];
    for (const [key, receiver] of this.#receivers) {
      if (!isAttached(receiver)) continue;
      const gone: ReceiverView = { ...receiver, state: "lost" };
      if (receiver.state === "waiting") this.#receivers.delete(key);
      else this.#receivers.set(key, gone);
      lost.push(gone);
    }
    return lost;
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

  #isFull(known: ReceiverView | undefined): boolean {
    return known === undefined && this.#receivers.size >= RECEIVERS_PER_SHARE;
  }

  #forget(key: string): void {
    this.#receivers.delete(key);
    this.#refused.delete(key);
  }
}

export function isAttached(receiver: ReceiverView): boolean {
  const { state, verified } = receiver;
  // `done` without a receipt that verifies is a claim, and the receipt is on its way.
  return !verified && state !== "lost" && state !== "left";
}
