/** How long a sender has been asked for records without that any came. */
export class StallTimer {
  #arrived = 0;
  #since: number | undefined;

  /**
   * @param outstanding records that it is asked for
   * @param arrived records that ever came
   * @returns ms
   */
  tick(outstanding: number, arrived: number, now: number): number {
    if (outstanding === 0 || arrived !== this.#arrived) this.#since = undefined;
    this.#arrived = arrived;
    if (outstanding === 0) return 0;
    this.#since ??= now;
    return now - this.#since;
  }
}
