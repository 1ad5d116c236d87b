/** The file of one stored share on the simulated disk. */
export interface StoredFile {
  readonly slots: Map<number, { readonly bytes: Uint8Array; isDurable: boolean }>;
}

/** How slow the disk of a relay is, and how often it fails. */
export interface DiskHabits {
  /** The longest that each of these takes, but for the few that take much longer. ms */
  readonly writeMs: number;
  readonly readMs: number;
  readonly syncMs: number;
  readonly saveMs: number;
  /** Of one share, waiting to be written. records */
  readonly queue: number;
  /** Written and not durable; then they are made so. records */
  readonly unsynced: number;
  /** How often these fail while things go wrong. */
  readonly failedSave: number;
  readonly failedWrite: number;
  readonly failedRemoval: number;
}

/** Of so many one takes SLOW_TIMES as long. */
export const SLOW_EVERY = 30;
export const SLOW_TIMES = 20;
