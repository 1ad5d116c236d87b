/** What leaves for a client. */
export interface Outgoing {
  /** Something waits until the client takes what was before it. */
  readonly isFull: boolean;
  /** How often something of what waited has left. */
  readonly taken: number;
  /** What waits, waits for memory of ours. */
  readonly isHeldBack?: boolean;
}

/** Whether a client takes what waits for it. A client that waits for a sender may do so for ever. */
export class StallTimer {
  #taken = 0;
  #since: number | undefined;

  /** @param unreadMs that it may take nothing */
  isLate({ isFull, taken, isHeldBack }: Outgoing, unreadMs: number, now: number): boolean {
    const waits = isFull && !isHeldBack;
    if (!waits || taken !== this.#taken) this.#since = undefined;
    this.#taken = taken;
    if (!waits) return false;
    this.#since ??= now;
    return now - this.#since >= unreadMs;
  }
}
