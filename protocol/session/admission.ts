import { BoundedMap } from "../wire/bounded-map.ts";
import { toHex } from "../wire/bytes.ts";
import type { DismissReason, Message } from "../wire/control.ts";
import { ADMISSIONS_PER_SHARE } from "../wire/limits.ts";
import type { ReceiverView } from "./sender-events.ts";

interface Decision {
  readonly receiver: Uint8Array;
  /** Undefined: admitted. */
  readonly dismissed: DismissReason | undefined;
}

/** The receivers that a sender admitted, dismissed or was asked about. Relays forget; this does not. */
export class Admission {
  readonly #decisions = new BoundedMap<string, Decision>(ADMISSIONS_PER_SHARE);
  #anyAdmitted = false;
  /** By which name a person was asked about each. */
  readonly #asked = new Map<string, string>();

  /** Whether a person has to be asked about this receiver, who is there; true once for each name. */
  asks(key: string, name: string): boolean {
    if (this.#decisions.has(key) || this.#asked.get(key) === name) return false;
    this.#asked.set(key, name);
    return true;
  }

  /** It went before there was an answer; when it comes again it is asked about again. */
  gone(key: string): void {
    this.#asked.delete(key);
  }

  /** Whether the sender ever let in a receiver of this share. */
  get anyAdmitted(): boolean {
    return this.#anyAdmitted;
  }

  isDismissed(key: string): boolean {
    return this.#decisions.get(key)?.dismissed !== undefined;
  }

  /** @param dismissed undefined: admitted. @returns whether that is news; a dismissed receiver stays so */
  decide(receiver: Uint8Array, dismissed: DismissReason | undefined): boolean {
    const key = toHex(receiver);
    this.#asked.delete(key);
    const before = this.#decisions.get(key);
    if (before !== undefined && (before.dismissed ?? dismissed) === before.dismissed) return false;
    this.#anyAdmitted ||= dismissed === undefined;
    this.#decisions.set(key, { receiver, dismissed });
    return true;
  }

  /** All decisions so far, for a relay that may know none of them. */
  messages(share: Uint8Array): Message[] {
    return [...this.#decisions.values()].map((decision) => decisionMessage(share, decision));
  }
}

export function decisionMessage(share: Uint8Array, { receiver, dismissed }: Decision): Message {
  return dismissed === undefined
    ? { t: "admit", share, receiver }
    : { t: "dismiss", share, receiver, reason: dismissed };
}

/**
 * Finds receivers that take no record for too long while others went further. A receiver that is as far as
 * the furthest waits for the sender, and one that has not agreed waits for a person: neither is slow.
 */
export class Laggards {
  readonly #patienceMs: number;
  /** How far each had come, and since when. */
  readonly #since = new Map<string, { next: number; at: number }>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** @param receivers all, by their id in hex. @returns the keys of those that are too slow */
  poll(receivers: ReadonlyMap<string, ReceiverView>, now: number): string[] {
    let furthest = 0;
    for (const { next } of receivers.values()) furthest = Math.max(furthest, next);
    const slow: string[] = [];
    for (const [key, { state, next }] of receivers) {
      if (state !== "live" && state !== "behind") {
        this.#since.delete(key);
        continue;
      }
      const since = this.#since.get(key);
      if (since === undefined || next > since.next || next >= furthest) {
        this.#since.set(key, { next, at: now });
      } else if (now - since.at >= this.#patienceMs) {
        this.#since.delete(key);
        slow.push(key);
      }
    }
    for (const key of this.#since.keys()) if (!receivers.has(key)) this.#since.delete(key);
    return slow;
  }
}
