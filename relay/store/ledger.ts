/**
 * The facts of stored shares that a relay needs after a restart. `SqliteLedger` and `S3Ledger` keep them; `StoreBook`, on
 * the main thread, has all of them in memory and alone decides.
 */
import type { StoredShare, Tombstone } from "./stored-share.ts";

export interface LedgerChange {
  /** New, or in place of the one with the same `place`. */
  readonly shares: readonly StoredShare[];
  /** Places of shares that are gone; `removeRecords` removes their records afterwards. */
  readonly removed: readonly string[];
  readonly tombstones: readonly Tombstone[];
  /** Keys of tombstones that are not needed any more. */
  readonly forgotten: readonly string[];
}

export interface AdoptedShare {
  /** Undefined: the share is not there any more. */
  readonly share: StoredShare | undefined;
  /** The tombstone of the share, of an earlier life or a later one. */
  readonly over: Tombstone | undefined;
}

export interface Ledger {
  /**
   * The saved shares and tombstones. Removes records of no share, which a crash left.
   * @throws FaultError `bad-store`, `store-failed`
   */
  load(): Promise<{ readonly shares: StoredShare[]; readonly tombstones: Tombstone[] }>;
  /**
   * Resolves when a crash loses none of it. A crash before may leave all of it or none, and a bucket that of each
   * share by itself. @throws FaultError
   */
  save(change: LedgerChange): PromiseLike<void>;
  /**
   * Reads the share at a place that another relay of the cluster kept. This relay keeps it from now on.
   * @param epoch of this relay as its owner
   * @throws FaultError
   */
  adopt?(place: string, epoch: number): Promise<AdoptedShare>;
  /** The tombstone of a share that this relay does not keep; undefined: there is none. @throws FaultError */
  over?(key: string): Promise<Tombstone | undefined>;
  /** Another relay of the cluster keeps the share at this place now. */
  disown?(place: string): void;
  /** Removes the records at this place; one that is not there is no fault. @throws FaultError */
  removeRecords(place: string): PromiseLike<void>;
  close(): Promise<void>;
}
