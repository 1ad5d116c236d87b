import { toHex } from "../wire/bytes.ts";
import type { DismissReason, Message } from "../wire/control.ts";
import { ADMISSIONS_PER_SHARE } from "../wire/limits.ts";

interface Decision {
  readonly receiver: Uint8Array;
  /** Undefined: admitted. */
  readonly dismissed: DismissReason | undefined;
}

/** Whom a sender lets receive, whom not, and about whom it was asked. Relays forget; this does not. */
export class Admission {
  readonly #decisions = new Map<string, Decision>();
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
    this.#decisions.delete(key);
    this.#decisions.set(key, { receiver, dismissed });
    if (this.#decisions.size > ADMISSIONS_PER_SHARE) {
      for (const oldest of this.#decisions.keys()) {
        this.#decisions.delete(oldest);
        break;
      }
    }
    return true;
  }

  /** All that was said, for a relay that may know nothing of it. */
  messages(share: Uint8Array): Message[] {
    return [...this.#decisions.values()].map((decision) => decisionMessage(share, decision));
  }
}

export function decisionMessage(share: Uint8Array, { receiver, dismissed }: Decision): Message {
  return dismissed === undefined
    ? { t: "admit", share, receiver }
    : { t: "dismiss", share, receiver, reason: dismissed };
}
