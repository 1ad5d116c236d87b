/** What leaves for a client. */
export interface Outgoing {
  /** Something waits until the client takes what was before it. */
  readonly isFull: boolean;
  /** How often something of what waited has left. */
  readonly taken: number;
}

/** Whether a client takes what waits for it. Who waits itself, for a sender, may do so for ever. */
export class Unread {
  #taken = 0;
  #since: number | undefined;

  /** @param unreadMs that it may take nothing */
  isLate({ isFull, taken }: Outgoing, unreadMs: number, now: number): boolean {
    if (!isFull || taken !== this.#taken) this.#since = undefined;
    this.#taken = taken;
    if (!isFull) return false;
    this.#since ??= now;
    return now - this.#since >= unreadMs;
  }
}
