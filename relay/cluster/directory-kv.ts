/**
 * The directory of a cluster, as relays see it: small values under keys, changed by compare-and-set alone. `nats-kv.ts`
 * keeps it in JetStream; tests and the simulation have one in memory that delays, fails and forgets.
 *
 *   shares:  BLINDED-CHANNEL.BLINDED-SHARE -> the relay that owns it
 *   relays:  RELAY-ID                      -> its internal address; said again each HEARTBEAT_MS, forgotten after RELAY_TTL_MS
 */

/** Between two heartbeats of a relay. ms */
export const HEARTBEAT_MS = 5000;
/** A relay whose heartbeat did not come for so long is gone; the others remove what it owned. ms */
export const RELAY_GONE_MS = 20_000;
/** The directory itself forgets a heartbeat after so long, so a relay that starts sees few that are gone. ms */
export const RELAY_TTL_MS = 60_000;

/** Up to SITE_SEGMENTS_MOST segments, the widest first: a region, a site. */
export const SITE_FORM = /^[a-z0-9-]{1,32}(?:\/[a-z0-9-]{1,32}){0,3}$/;

/** The owner of a share. Public facts only. */
export interface OwnerValue {
  /** The relay's id in hex. */
  readonly relay: string;
  /** The channel, which only the cluster's relays can read: see `ClusterSecret.masked`. A look-up by the share alone needs it. */
  readonly channel?: string | undefined;
  /** The store of the relay keeps the share, whole or in part, so the entry stays without the sender. */
  readonly stored?: StoreKind | undefined;
  /** Some records are not stored: a relay that stores the whole share takes it over. */
  readonly isPart?: boolean | undefined;
  /** The share is over. The store still knows why, for its sender and for late receivers. */
  readonly isOver?: boolean | undefined;
  /** The place of its records in that store, masked for all but relays of the cluster: see `ClusterSecret.maskedPlace`. */
  readonly place?: string | undefined;
  /** A keyed hash of the bucket, by which relays know that they use the same one; undefined: the store is a disk. */
  readonly store?: string | undefined;
}

export type StoreKind = "disk" | "s3";

export interface RelayValue {
  /** HOST:PORT, at which it serves edges. */
  readonly address: string;
  /** CLUSTER_VERSION of that relay. */
  readonly version: number;
  /** The site of the relay, as SITE_FORM; undefined: it has none. */
  readonly site?: string | undefined;
  /** The blinded id of the relay: others see by it that the relay has their secret. */
  readonly proof?: string | undefined;
  /** The relay has another secret. `Strangers` sets it, and the directory never has it. */
  readonly isStranger?: boolean | undefined;
  /** The relay drains: no client and no edge shall go there. */
  readonly drains?: true | undefined;
  /** Its public address, blinded: relays with the same one are behind one name. */
  readonly public?: string | undefined;
  /** The relay has ended: the others take over its shares in the bucket without waiting for RELAY_GONE_MS. */
  readonly hasLeft?: boolean | undefined;
}

/** A value of the directory as it is now; undefined value: there is none any more. */
export interface Entry<Value> {
  readonly key: string;
  readonly value: Value | undefined;
  /** Grows with each change of the directory: what a compare-and-set compares, and the epoch of an owner. */
  readonly revision: number;
}

/**
 * The outcome of a change. `conflict`: another one came first. `unknown`: no answer came, so it may have
 * happened or may still happen.
 */
export type Outcome =
  | { readonly t: "done"; readonly revision: number }
  | { readonly t: "conflict" }
  | { readonly t: "unknown"; readonly why: string };

export interface DirectoryEvents {
  share(entry: Entry<OwnerValue>): void;
  relay(entry: Entry<RelayValue>): void;
  /** The watch has told each entry that was there when it began, or began anew. The directory of shares has exactly the keys in `shares`. */
  synced(shares: ReadonlySet<string>): void;
  /** Whether the directory answers. */
  connected(isConnected: boolean): void;
}

export interface DirectoryKv {
  /** @param revision that the key has; 0: it is not there */
  putShare(key: string, value: OwnerValue, revision: number): Promise<Outcome>;
  removeShare(key: string, revision: number): Promise<Outcome>;
  /** Of this relay alone, so nothing is compared. */
  putRelay(id: string, value: RelayValue): Promise<Outcome>;
  removeRelay(id: string): Promise<Outcome>;
  /** ms that the last question took; undefined: none was answered lately. */
  readonly roundTrip: number | undefined;
  close(): Promise<void>;
}
