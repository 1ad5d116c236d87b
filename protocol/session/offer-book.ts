import { BoundedMap } from "../wire/bounded-map.ts";
import { toHex } from "../wire/bytes.ts";
import {
  ADMISSION_MS,
  BEGINNING_MS,
  OFFERS_PER_MESSAGE,
  SHARES_REMEMBERED,
} from "../wire/limits.ts";
import type { OfferSeen } from "../wire/control.ts";
import { STORE_ENDS, type FaultCode } from "../wire/faults.ts";

/** The shares that a receiver is offered, in the order of coming, and those that it is done with. */
export class OfferBook {
  readonly #offers = new Map<string, OfferSeen>();
  /** They may be offered again, after a restart of the relay; the oldest are forgotten. */
  readonly #ignored = new BoundedMap<string, true>(SHARES_REMEMBERED);
  readonly #order: Order;

  constructor(order: Order) {
    this.#order = order;
  }

  /** Ignores offers above OFFERS_PER_MESSAGE; no relay has more. */
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
    this.#ignored.set(toHex(share), true);
  }

  /** It is the last to be chosen. @returns whether there is another one */
  postpone(offer: OfferSeen): boolean {
    const key = toHex(offer.share);
    if (this.#offers.delete(key)) {
      const others = [...this.#offers];
      this.#offers.clear();
      // The relay does not tell whose sender comes back meanwhile, so others that were away get their turn too.
      const last = [key, { ...offer, senderHere: false }] as const;
      const all = this.#order === "oldest" ? [...others, last] : [last, ...others];
      for (const [each, of] of all) this.#offers.set(each, of);
    }
    const next = this.choose();
    return next !== undefined && toHex(next.share) !== key;
  }

  /** A share whose sender is away comes after all others: it may never be back. */
  choose(): OfferSeen | undefined {
    const open = [...this.#offers].filter(([key]) => !this.#ignored.has(key));
    const here = open.filter(([, { senderHere }]) => senderHere);
    const first = here.length > 0 ? here : open;
    return (this.#order === "oldest" ? first[0] : first.at(-1))?.[1];
  }
}

/** In the lobby the oldest is next; with a code, what was sent last is what is wanted. */
export type Order = "oldest" | "newest";

/** Faults of a share that this code does not open, or that is not valid. */
const UNREADABLE: ReadonlySet<FaultCode> = new Set([
  "corrupt-record",
  "bad-manifest",
  "unsafe-name",
]);

/** A sender's faults about one receiver, and not about its share; and ends of a stored share, which stays over. */
const ABOUT_RECEIVER: ReadonlySet<FaultCode> = new Set([
  "not-admitted",
  "too-slow",
  "too-late",
  "store-failed",
  ...STORE_ENDS,
]);

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
