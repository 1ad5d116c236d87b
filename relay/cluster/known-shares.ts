import type { OwnerValue, StoreKind } from "./directory-kv.ts";

/**
 * Shares of the whole cluster that a relay keeps in memory; of more it knows its own alone. With a channel for each of them
 * they take 65 MB of the heap, measured after a collection.
 */
export const CLUSTER_SHARES_MOST = 50_000;

export interface KnownShare {
  /** Its key in the directory. */
  readonly name: string;
  /** Blinded. */
  readonly channel: string;
  /** Blinded. */
  readonly share: string;
  /** The owner's id. */
  readonly relay: string;
  readonly revision: number;
  /** The time at which this relay heard of this revision first. ms */
  readonly since: number;
  /** See `OwnerValue`, as all below. */
  readonly masked: string | undefined;
  readonly stored: StoreKind | undefined;
  readonly isPart: boolean;
  readonly isOver: boolean;
  /** Masked. */
  readonly place: string | undefined;
  readonly store: string | undefined;
}

type Index = Map<string, Map<string, KnownShare>>;

/** The shares of the cluster and their owners, as the watch told them last. */
export class KnownShares {
  readonly #me: string;
  readonly #most: number;
  readonly #byName = new Map<string, KnownShare>();
  readonly #byChannel: Index = new Map();
  readonly #byShare: Index = new Map();
  readonly #byRelay: Index = new Map();

  constructor(me: string, most: number = CLUSTER_SHARES_MOST) {
    this.#me = me;
    this.#most = most;
  }

  get size(): number {
    return this.#byName.size;
  }

  get isFull(): boolean {
    return this.#byName.size >= this.#most;
  }

  get isHalfFull(): boolean {
    return this.#byName.size >= this.#most / 2;
  }

  get names(): Iterable<string> {
    return this.#byName.keys();
  }

  get(name: string): KnownShare | undefined {
    return this.#byName.get(name);
  }

  /** @param channel blinded */
  inChannel(channel: string): Iterable<KnownShare> {
    return this.#byChannel.get(channel)?.values() ?? [];
  }

  /** @param share blinded */
  ofShare(share: string): Iterable<KnownShare> {
    return this.#byShare.get(share)?.values() ?? [];
  }

  ofRelay(relay: string): Iterable<KnownShare> {
    return this.#byRelay.get(relay)?.values() ?? [];
  }

  /** The number of shares of a relay, without those that are over. */
  currentOf(relay: string): number {
    return [...this.ofRelay(relay)].filter(({ isOver }) => !isOver).length;
  }

  countOf(relay: string): number {
    return this.#byRelay.get(relay)?.size ?? 0;
  }

  /** @returns false: there is no room for it. This relay's own always have room: it has limits of its own. */
  set(name: string, value: OwnerValue, revision: number, now: number): boolean {
    const { relay, channel: masked, stored, isPart = false, isOver = false, place, store } = value;
    if (this.isFull && relay !== this.#me && !this.#byName.has(name)) return false;
    const [channel = "", share = ""] = name.split(".");
    const before = this.#byName.get(name);
    const since = before?.revision === revision ? before.since : now;
    this.delete(name);
    const of = { masked, stored, isPart, isOver, place, store };
    const known = { name, channel, share, relay, revision, since, ...of };
    this.#byName.set(name, known);
    add(this.#byChannel, channel, known);
    add(this.#byShare, share, known);
    add(this.#byRelay, relay, known);
    return true;
  }

  delete(name: string): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#byName.delete(name);
    remove(this.#byChannel, known.channel, name);
    remove(this.#byShare, known.share, name);
    remove(this.#byRelay, known.relay, name);
  }
}

function add(index: Index, key: string, known: KnownShare): void {
  const others = index.get(key);
  if (others === undefined) index.set(key, new Map([[known.name, known]]));
  else others.set(known.name, known);
}

function remove(index: Index, key: string, name: string): void {
  const others = index.get(key);
  others?.delete(name);
  if (others?.size === 0) index.delete(key);
}
