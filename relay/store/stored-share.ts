/** A stored share: what the relay keeps of it, what its workers know of it, and what is left when it is over. */
import type { Offer, StoreEnd, StoredReceipt } from "../../protocol/mod.ts";
import type { RecordRun } from "./record-store.ts";

/** The public facts of a stored share: what any relay sees of a share, and no more. */
export interface StoredShare {
  /** See `StoredState.place`: random, so that it tells nothing of share or channel. */
  readonly place: string;
  /** The share's id, in hex. */
  readonly key: string;
  /** In hex. */
  readonly channel: string;
  readonly offer: Offer;
  readonly capability: Uint8Array | undefined;
  /** A keyed hash of the address that offered it, for limits; undefined: not counted. */
  readonly address: string | undefined;
  /** When its sender offered it first. ms since 1970 */
  readonly startedAt: number;
  /** When its sender offered it, gave a record or left last. ms since 1970 */
  readonly seenAt: number;
  /** ms since 1970 */
  readonly until: number;
  /** Undefined: any number. */
  readonly downloadsMost: number | undefined;
  /** Receivers that got all of it; of each one the first receipt counts. */
  readonly downloads: number;
  /** The latest RECEIPTS_PER_MESSAGE ones. */
  readonly receipts: readonly StoredReceipt[];
  /** See `counted-receivers.ts`. */
  readonly counted: string;
  /** See `StoredState.begun`. */
  readonly begun: readonly string[];
  readonly durable: readonly RecordRun[];
  /** See `StoredState.records`. */
  readonly records: number | undefined;
}

/** A share that is over: nothing of it is left but this. Its sender sees how often it was received. */
export interface Tombstone {
  readonly key: string;
  readonly channel: string;
  readonly reason: StoreEnd;
  /** See `StoredShare.address`. */
  readonly address: string | undefined;
  /** Another share began in its channel: receivers hear of this one no more, its sender does. */
  readonly isSilent: boolean;
  /** ms since 1970 */
  readonly at: number;
  /** So many were durable: receipts say how many a receiver got. */
  readonly records: number;
  readonly downloadsMost: number | undefined;
  readonly downloads: number;
  /** The latest RECEIPTS_OF_OVER ones. */
  readonly receipts: readonly StoredReceipt[];
}

/** The facts of a stored share that concern its receivers, also at other relays of the cluster. */
export interface StoredFacts {
  /** Until when it is stored. ms since 1970 */
  readonly until: number;
  /** Every record is durable. */
  readonly isWhole: boolean;
  /** The end of a share that was offered open, once its last record came. */
  readonly records: number | undefined;
  /** Receivers that may still get all of it; undefined: any number. */
  readonly downloadsLeft: number | undefined;
  /** In hex, receivers that had begun when no download was left: they may finish, and no others may join. */
  readonly begun: readonly string[];
}

/** A share in the relay's store, as every worker knows it. */
export interface StoredState extends StoredFacts {
  /** The place of its records: the name of a file, or a key. */
  readonly place: string;
  /** All records before this one are durable. */
  readonly durableBefore: number;
}

/** The facts with which the directory opens a stored share. */
export interface OpenedShare {
  /** Operators call it by that one. */
  readonly number: number;
  readonly facts: StoredShare;
  readonly state: StoredState;
}

/** A stored share that is over. */
export interface OverShare {
  /** 16 bytes */
  readonly share: Uint8Array;
  readonly reason: StoreEnd;
}
