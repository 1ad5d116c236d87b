import type { BlockLog } from "../log/block-log.ts";
import type { Origin } from "./origin.ts";
import type { BlockPool } from "../log/block-pool.ts";

/** A share without receivers keeps its records so long; then they come again from the sender, but for a head start. */
export const LOG_IDLE_MS = 5000;

export interface LogUse {
  /** The share has receivers, at whatever worker. */
  readonly attached: boolean;
  /** Its sender left before any of them accepted it: it goes first. */
  readonly abandoned: boolean;
  /** It holds no more than its head start, for receivers to come. */
  readonly isAhead?: boolean;
}

/** When a share gives room of its log back to others. */
export class LogTrimmer {
  readonly #pool: BlockPool;
  #idleSince: number | undefined;
  #uses = 0;
  #usedAt = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /**
   * Unused room goes back, and the sender is asked again for the records of a later receiver. Records of a share
   * that can't be read again stay as long as no other share is short of room. Room kept for receivers that take
   * nothing goes back when another share has nothing at all.
   */
  tick(
    log: BlockLog,
    { keeps, offer }: Pick<Origin, "keeps" | "offer">,
    { attached, abandoned, isAhead = false }: LogUse,
    now: number,
  ): void {
    if (abandoned && log.size > 0 && this.#pool.isShort) {
      log.shrinkTo(0);
      return;
    }
    if (attached || keeps) {
      this.#idleSince = undefined;
      const unused = !keeps && this.#isUnused(log, now);
      log.shrinkTo(unused && this.#pool.takeStarved() ? 0 : log.fairShare);
      return;
    }
    this.#idleSince ??= now;
    if (now - this.#idleSince < LOG_IDLE_MS) return;
    if ((offer.seekable && !isAhead) || this.#pool.isShort) log.shrinkTo(0);
  }

  /** Whether the log was not used for LOG_IDLE_MS: the attached receivers take nothing. */
  #isUnused(log: BlockLog, now: number): boolean {
    if (log.uses !== this.#uses) {
      this.#uses = log.uses;
      this.#usedAt = now;
    }
    return log.size > 0 && now - this.#usedAt >= LOG_IDLE_MS;
  }
}
