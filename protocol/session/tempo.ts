/** So many at once, and then one each so often. */
export interface Beat {
  readonly atOnce: number;
  /** ms */
  readonly everyMs: number;
}

/** A token bucket (GCRA): one number, and time as an argument. */
export class Tempo {
  readonly #beat: Beat;
  /** When all that was taken would be through at one each `everyMs`. ms */
  #throughAt = -Infinity;

  constructor(beat: Beat) {
    this.#beat = beat;
  }

  /** @returns whether one more may be now; then it is taken */
  take(now: number): boolean {
    if (!this.may(now)) return false;
    this.#throughAt = Math.max(this.#throughAt, now) + this.#beat.everyMs;
    return true;
  }

  may(now: number): boolean {
    const { atOnce, everyMs } = this.#beat;
    return this.#throughAt - now <= (atOnce - 1) * everyMs;
  }

  /** Whether it is as if nothing had ever been taken. */
  isRested(now: number): boolean {
    return this.#throughAt <= now;
  }
}
