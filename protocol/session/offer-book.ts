import { toHex } from "../wire/bytes.ts";
import type { OfferSeen } from "../wire/control.ts";
import { OFFERS_PER_MESSAGE, SHARES_REMEMBERED } from "../wire/limits.ts";

/** The shares that a receiver is offered, in the order of coming, and those that it is done with. */
export class OfferBook {
  readonly #offers = new Map<string, OfferSeen>();
  /** They may be offered again, after a restart of the relay; the oldest are forgotten. */
  readonly #ignored = new Set<string>();

  /** What is over OFFERS_PER_MESSAGE is left out; no relay offers more. */
  add(offer: OfferSeen): void {
    if (this.#offers.size < OFFERS_PER_MESSAGE) this.#offers.set(toHex(offer.share), offer);
  }

  get(share: Uint8Array): OfferSeen | undefined {
    return this.#offers.get(toHex(share));
  }

  remove(share: Uint8Array): void {
    this.#offers.delete(toHex(share));
  }

  /** The line broke: what is offered will be said anew. */
  clear(): void {
    this.#offers.clear();
  }

  /** This share is not to be chosen again. */
  ignore(share: Uint8Array): void {
    this.#ignored.add(toHex(share));
    if (this.#ignored.size <= SHARES_REMEMBERED) return;
    const [oldest] = this.#ignored;
    if (oldest !== undefined) this.#ignored.delete(oldest);
  }

  /** It is the last to be chosen. @returns whether there is another one */
  postpone(offer: OfferSeen, order: Order): boolean {
    const key = toHex(offer.share);
    if (this.#offers.delete(key)) {
      const others = [...this.#offers];
      this.#offers.clear();
      // Nobody tells whose sender comes back meanwhile, so others that were away get their turn too.
      const last = [key, { ...offer, senderHere: false }] as const;
      const all = order === "oldest" ? [...others, last] : [last, ...others];
      for (const [each, of] of all) this.#offers.set(each, of);
    }
    const next = this.choose(order);
    return next !== undefined && toHex(next.share) !== key;
  }

  /** A share whose sender is away comes after all others: it may never be back. */
  choose(order: Order): OfferSeen | undefined {
    const open = [...this.#offers].filter(([key]) => !this.#ignored.has(key));
    const here = open.filter(([, { senderHere }]) => senderHere);
    const first = here.length > 0 ? here : open;
    return (order === "oldest" ? first[0] : first.at(-1))?.[1];
  }
}

/** In the lobby the oldest is next; with a code, what was sent last is what is wanted. */
export type Order = "oldest" | "newest";
