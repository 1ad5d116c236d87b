/** At most so many bytes per second on average; a record goes as a whole, then the next has to wait. */
export class RateLimit {
  readonly #bytesPerSecond: number | undefined;
  /** When the next may go. ms */
  #free = 0;

  /** @param bytesPerSecond undefined: no limit */
  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** How long what comes next has to wait. ms */
  wait(now: number): number {
    return Math.max(0, this.#free - now);
  }

  spend(bytes: number, now: number): void {
    if (this.#bytesPerSecond === undefined) return;
    this.#free = Math.max(this.#free, now) + (bytes / this.#bytesPerSecond) * 1000;
  }
}
