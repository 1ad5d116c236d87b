/** Lets a number of bytes go per second. Unused bytes are kept, up to a limit, so a late timer costs nothing. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #most: number;
  #tokens = 0;
  #at: number;

  /**
   * @param perSecond bytes
   * @param most bytes that it holds; nobody takes more at once
   * @param now ms
   */
  constructor(perSecond: number, most: number, now: number) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#at = now;
  }

  /** Takes `bytes` when they are there, and returns 0; else takes none and returns the ms until they are. */
  take(bytes: number, now: number): number {
    const more = ((now - this.#at) * this.#perSecond) / 1000;
    this.#tokens = Math.min(this.#most, this.#tokens + more);
    this.#at = now;
    const lacking = bytes - this.#tokens;
    if (lacking > 0) return Math.ceil((lacking * 1000) / this.#perSecond);
    this.#tokens -= bytes;
    return 0;
  }
}
