/**
 * The relay of a receive, and when the search that found it looks at others. A relay has proved itself once a record
 * came from it that the code opens: until then it may be a liar.
 */
import type { FaultCode } from "../../protocol/mod.ts";

import type { Place, RelaySearch } from "../discovery/relay-search.ts";

/**
 * A relay that the search took gives the first record at once. After this time others are looked at as well. It
 * stays while they have nothing: a sender may ask a person first. ms
 */
const UNPROVED_MS = 5000;
/** The time for the session to connect to the relay that the search took. ms */
const RELOCATED_MS = 3000;

export class FoundRelay {
  /** Undefined: the person named the relay. */
  readonly #search: RelaySearch | undefined;
  /** The share is at another relay now, or at the same one again. */
  readonly #relocate: (place: Place) => void;
  #place: Place;
  #isProved = false;
  #isOnline = false;
  #isAway = false;
  /** When other relays are looked at again; undefined: they are already, or need not be. */
  #lookAt: number | undefined;

  constructor(place: Place, search: RelaySearch | undefined, relocate: (place: Place) => void) {
    this.#place = place;
    this.#search = search;
    this.#relocate = relocate;
  }

  get place(): Place {
    return this.#place;
  }

  /** The receive waits until the search takes a relay. */
  get isAway(): boolean {
    return this.#isAway;
  }

  get isProved(): boolean {
    return this.#isProved;
  }

  /** There are others to go to. */
  get isSearched(): boolean {
    return this.#search !== undefined;
  }

  linked(online: boolean): void {
    if (online) this.#search?.pause();
    this.#isOnline = online;
    this.#isProved = false;
    this.#lookAt = performance.now() + (online ? UNPROVED_MS : 0);
  }

  proved(): void {
    if (this.#isProved) return;
    this.#isProved = true;
    this.#lookAt = undefined;
    this.#search?.pause();
  }

  /** The session connects to another relay from now on. */
  moved(place: Place): void {
    this.#place = place;
    this.#isAway = false;
    this.linked(false);
    this.#lookAt = performance.now() + RELOCATED_MS;
  }

  /** The relay is lost, or shows nothing that the code opens: perhaps another does. */
  lookAround(now: number): void {
    if (this.#lookAt === undefined || now < this.#lookAt) return;
    this.#lookAt = undefined;
    const { relay } = this.#place;
    if (this.#isOnline) this.#search?.distrust(relay);
    this.#search?.begin(this.#relocate, this.#isOnline ? relay : undefined);
  }

  /** A relay without a proof may say anything: it must not end the search for the true one. */
  leave(): void {
    this.#isAway = true;
    this.linked(false);
    this.#lookAt = undefined;
    this.#search?.distrust(this.#place.relay);
    this.#search?.begin(this.#relocate);
  }

  close(): void {
    this.#search?.close();
  }
}

/** Faults that only a relay, or a liar in its place, can cause. */
const OF_RELAY: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "bad-message",
  "not-a-relay",
  "not-proved",
  "version-mismatch",
  "wrong-relay",
]);

export function isOfRelay(fault: FaultCode | undefined): boolean {
  return fault !== undefined && OF_RELAY.has(fault);
}
