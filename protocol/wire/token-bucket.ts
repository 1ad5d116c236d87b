/** So many at once, and then one each so often. */
export interface Rate {
  readonly atOnce: number;
  readonly everyMs: number;
}

/**
 * A token bucket by the generic cell rate algorithm (GCRA): one number instead of a count and a time.
 * Time and rate are arguments, so that a rate may change while a bucket is in use. Workers of a relay
 * share two buckets of the same kind in memory: `Egress` and `AddressTable`.
 */
export class TokenBucket {
  /** When all that was taken is paid for at the rate. ms */
  #paidAt = -Infinity;

  /** @returns whether one more may be now; then it is taken */
  take(rate: Rate, now: number): boolean {
    if (!this.may(rate, now)) return false;
    this.force(rate.everyMs, now);
    return true;
  }

  may({ atOnce, everyMs }: Rate, now: number): boolean {
    return this.#paidAt - now <= (atOnce - 1) * everyMs;
  }

  /**
   * Takes what costs `ms`, whether it may be or not.
   * @returns ms until it is paid for
   */
  force(ms: number, now: number): number {
    this.#paidAt = Math.max(this.#paidAt, now) + ms;
    return this.#paidAt - now;
  }

  /** Whether it is as if nothing had ever been taken. */
  isFull(now: number): boolean {
    return this.#paidAt <= now;
  }
}
