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
  /** The relay's store knows the share, whole or not, so it stays there without its sender. */
  readonly stored?: StoreKind | undefined;
  /** Records are missing: a relay that stores the whole share takes it over. */
  readonly isPart?: boolean | undefined;
  /** It is over: the store only knows why, for its sender and for receivers that come late. */
  readonly isOver?: boolean | undefined;
  /** Where that store has its records, which only the cluster's relays can read: see `ClusterSecret.maskedPlace`. */
  readonly place?: string | undefined;
  /** A keyed hash that tells the relays that use the same bucket; undefined: the store is a disk. */
  readonly store?: string | undefined;
}

export type StoreKind = "disk" | "s3";

export interface RelayValue {
  /** HOST:PORT, at which it serves edges. */
  readonly address: string;
  /** CLUSTER_VERSION of that relay. */
  readonly version: number;
  /** Where it is, as SITE_FORM; undefined: nowhere in particular. */
  readonly site?: string | undefined;
  /** It drains: nobody shall go there. */
  readonly drains?: true | undefined;
  /** Of its public address, blinded: relays with the same one are behind one name. */
  readonly public?: string | undefined;
  /** It has ended, and others need not wait before they take over what it kept in their bucket. */
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
