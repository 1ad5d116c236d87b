/**
 * The relays of the cluster: their addresses, and which of them are gone. A relay is gone when it gave no sign of life for
 * RELAY_GONE_MS of this relay's own continuous connection. A relay that is gone may still be alive and cut off, so
 * its entries are removed by compare-and-set alone, and it claims them again when it comes back.
 */
import { RELAY_GONE_MS, type Entry, type RelayValue } from "./directory-kv.ts";
import type { KnownShare } from "./known-shares.ts";
import type { Refuge } from "./messages.ts";
import { prefixesOf } from "./routes.ts";
import { CLUSTER_VERSION } from "./wire.ts";

/** Relays of one cluster; of more some have no links. */
export const CLUSTER_RELAYS_MOST = 1000;
/** A relay whose last sign of life is older is no refuge: it may be gone. ms */
const REFUGE_SEEN_MS = RELAY_GONE_MS / 2;
/** Each relay waits a random part of it before it removes another one, so that one does it for all. ms */
export const REMOVE_SPREAD_MS = 5000;
/** The same for a relay that has left. ms */
const LEFT_SPREAD_MS = 1000;

interface KnownRelay {
  value: RelayValue | undefined;
  seenAt: number;
  /** Drawn when it is first found gone; undefined: it is not. */
  removeAt: number | undefined;
  isRemoved: boolean;
}

export interface GoneRelay {
  readonly id: string;
  readonly isFirst: boolean;
  /** The relay said that it ended. */
  readonly hasLeft: boolean;
  /** The time since its last sign of life. */
  readonly silentMs: number;
}

/** A line of `relay status`. */
export interface ClusterRelay {
  readonly id: string;
  readonly address: string | undefined;
  readonly version: number | undefined;
  readonly site: string | undefined;
  /** The relay has another secret. */
  readonly isStranger?: boolean | undefined;
  readonly shares: number;
  readonly seenMsAgo: number;
}

export class KnownRelays {
  readonly #me: string;
  readonly #random: () => number;
  readonly #relays = new Map<string, KnownRelay>();
  /** Relays that live and have a site, by each prefix of it. */
  #bySite = new Map<string, string[]>();
  /** The same as text, to see a change. */
  #sites = "";

  constructor(me: string, random: () => number) {
    this.#me = me;
    this.#random = random;
  }

  get size(): number {
    return this.#relays.size;
  }

  /** HOST:PORT; undefined: not known yet, or of a foreign relay. */
  addressOf(id: string): string | undefined {
    return this.isForeign(id) ? undefined : this.#relays.get(id)?.value?.address;
  }

  /** Whether the relay gave a sign of life within RELAY_GONE_MS, as far as this relay can know. */
  isAlive(id: string, now: number): boolean {
    const known = this.#relays.get(id);
    return known !== undefined && now - known.seenAt < RELAY_GONE_MS;
  }

  /** Whether the relay was there, and gives no sign of life any more. */
  isGone(id: string, now: number): boolean {
    return this.#relays.has(id) && !this.isAlive(id, now);
  }

  /** Whether the relay speaks another version than this one, or has another secret. */
  isForeign(id: string): boolean {
    const value = this.#relays.get(id)?.value;
    if (value === undefined) return false;
    return value.version !== CLUSTER_VERSION || value.isStranger === true;
  }

  /** See `WaitingClaimsHost.keeperOf`. */
  keeperOf(
    { relay, stored }: Pick<KnownShare, "relay" | "stored">,
    now: number,
  ): { address: string | undefined } | undefined {
    if (stored === undefined || !this.isAlive(relay, now)) return undefined;
    // Foreign relays take no senders of this one. The share counts as not stored here.
    if (this.isForeign(relay)) return undefined;
    return { address: this.addressOf(relay) };
  }

  /** The site of a relay; undefined: it has none, or is not known. */
  siteOf(id: string): string | undefined {
    return this.#relays.get(id)?.value?.site;
  }

  /** Relays that live, do not drain and have a site that begins so, as `lookAround` saw them last. */
  at(prefix: string): readonly string[] {
    return this.#bySite.get(prefix) ?? [];
  }

  /** Looks which relays live, and where. @returns whether a relay with a site came or went */
  lookAround(now: number): boolean {
    const bySite = new Map<string, string[]>();
    for (const [id, { value }] of this.#relays) {
      const isThere = this.isAlive(id, now) && this.addressOf(id) !== undefined;
      if (!isThere || value?.drains === true) continue;
      for (const prefix of prefixesOf(value?.site)) {
        bySite.set(prefix, [...(bySite.get(prefix) ?? []), id]);
      }
    }
    const sites = JSON.stringify([...bySite]);
    if (sites === this.#sites) return false;
    this.#sites = sites;
    this.#bySite = bySite;
    return true;
  }

  /** @returns whether it has an address that it had not before */
  told({ key, value }: Entry<RelayValue>, now: number): boolean {
    const before = this.addressOf(key);
    if (value !== undefined) this.seen(key, now);
    const known = this.#relays.get(key);
    if (known !== undefined && value?.hasLeft === true) {
      known.seenAt = -Infinity;
      known.removeAt = now + this.#random() * LEFT_SPREAD_MS;
    }
    // Its shares may be there still: it is gone when they had their time.
    if (known !== undefined) known.value = value;
    return value !== undefined && this.addressOf(key) !== before;
  }

  /** It gave a sign of life. */
  seen(id: string, now: number): void {
    const known = this.#relays.get(id);
    if (known?.value?.hasLeft === true) return;
    if (known !== undefined) {
      known.seenAt = now;
      known.removeAt = undefined;
      known.isRemoved = false;
    } else if (this.#relays.size < CLUSTER_RELAYS_MOST) {
      const more = { removeAt: undefined, isRemoved: false };
      this.#relays.set(id, { value: undefined, seenAt: now, ...more });
    }
  }

  /** This relay heard no relay for a while, for a reason of its own: all have their time anew. */
  startAnew(now: number): void {
    for (const known of this.#relays.values()) {
      if (known.value?.hasLeft === true) continue;
      known.seenAt = now;
      known.removeAt = undefined;
    }
  }

  /** @returns relays whose entries are to be removed; `isFirst`: nothing of it was removed yet */
  gone(now: number, sharesOf: (id: string) => number): GoneRelay[] {
    const gone: GoneRelay[] = [];
    for (const [id, known] of this.#relays) {
      if (id === this.#me || now - known.seenAt < RELAY_GONE_MS) continue;
      known.removeAt ??= now + this.#random() * REMOVE_SPREAD_MS;
      if (now < known.removeAt) continue;
      const hasLeft = known.value?.hasLeft === true;
      gone.push({ id, isFirst: !known.isRemoved, hasLeft, silentMs: now - known.seenAt });
      known.isRemoved = true;
      if (sharesOf(id) === 0) this.#relays.delete(id);
    }
    return gone;
  }

  /** The clients of this relay for which another one is there. @param name as `RelayValue.public` */
  refuge(now: number, name: string | undefined): Refuge {
    let refuge: Refuge = "none";
    for (const [id, { value, seenAt }] of this.#relays) {
      const isThere = this.addressOf(id) !== undefined && now - seenAt < REFUGE_SEEN_MS;
      if (id === this.#me || !isThere || value?.drains === true) continue;
      if (name !== undefined && value?.public === name) return "named";
      refuge = "known";
    }
    return refuge;
  }

  list(now: number, sharesOf: (id: string) => number): ClusterRelay[] {
    const there = [...this.#relays].filter(([, { value }]) => value?.hasLeft !== true);
    return there.map(([id, { value, seenAt }]) => {
      const { address, version, site, isStranger } = value ?? {};
      return {
        id,
        address,
        version,
        site,
        isStranger,
        shares: sharesOf(id),
        seenMsAgo: now - seenAt,
      };
    });
  }
}
