/**
 * For how long something that should go on has stood still: records that a sender is asked for, bytes that a
 * client should take or bring. Time is an argument.
 */
export class StallTimer {
  #progress: number | undefined;
  #since: number | undefined;

  /**
   * @param progress any number that changes with each step; undefined: nothing is due
   * @returns ms since the last change that was seen, or since something is due
   */
  stalledFor(progress: number | undefined, now: number): number {
    if (progress !== this.#progress || this.#since === undefined) this.#since = now;
    this.#progress = progress;
    return progress === undefined ? 0 : now - this.#since;
  }
}
