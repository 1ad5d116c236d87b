import type { ShareRecord } from "../share/messages.ts";
import type { Certificate } from "../access/certificate.ts";
import type { Policy } from "../access/policy.ts";
import type { PoolBuffers } from "../log/block-pool.ts";
import type { Ban, Bans } from "../access/bans.ts";
import type { Kept } from "../store/kept-share.ts";
import type { ClusterCounts } from "../cluster/cluster-book.ts";
import type { ClusterRelay } from "../cluster/known-relays.ts";
import type { BookCounts } from "../store/store-book.ts";
import type { Measuring } from "./measuring.ts";

export interface ListedShare {
  readonly record: ShareRecord;
  /** The number that operators call it by: it says nothing of its id. */
  readonly number: number;
  readonly openedAt: number;
  readonly senderHere: boolean;
}

/** The store as its operators see it. */
export interface ManagedStore {
  readonly counts: BookCounts;
  readonly shares: Iterable<Kept>;
  /** Changes that were saved, or could not be, since the relay began. */
  readonly saves: { readonly done: number; readonly failed: number };
}

/** The cluster as its operators see it. */
export interface ManagedCluster {
  readonly name: string;
  /** This relay's id in hex. */
  readonly me: string;
  /** HOST:PORT, at which this relay serves edges. */
  readonly address: string;
  readonly counts: ClusterCounts;
  /** When `counts.isConnected` became what it is; performance.now() */
  readonly since: number;
  readonly relays: readonly ClusterRelay[];
  /** ms that NATS took to answer lately; undefined: it did not. */
  readonly roundTrip: number | undefined;
}

export interface Health {
  /** Every worker was up once. */
  readonly isStarted: boolean;
  readonly isEnding: boolean;
  /** Workers that take clients. */
  readonly up: number;
  /** Of those, who answered when asked last. */
  readonly answering: number;
  readonly workers: number;
}

/** The relay as its operators see it: what they can know and do. */
export interface ManagedRelay {
  readonly health: Health;
  readonly measuring: Measuring;
  readonly shares: Iterable<ListedShare>;
  readonly sharesOpened: number;
  /** Undefined: it stores no shares. */
  readonly store: ManagedStore | undefined;
  /** Undefined: it is in none. */
  readonly cluster: ManagedCluster | undefined;
  readonly workersLost: number;
  /** How often each limit was gone over, by name. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly pool: PoolBuffers;
  readonly policy: Policy;
  /** Undefined without TLS. */
  readonly certificate: Certificate | undefined;
  readonly bans: Bans;
  /** @throws FaultError `bad-ban`, `bad-ban-file` */
  ban(range: string, until: number | undefined): Ban;
  /** @returns whether there was such a ban. @throws FaultError `bad-ban-file` */
  unban(range: string): boolean;
  /** @returns false: no share has that number */
  removeShare(number: number): boolean;
  drain(ms: number): Promise<void>;
}
