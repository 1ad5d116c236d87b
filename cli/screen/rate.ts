/** How far back the rate looks. */
const WINDOW_MS = 3000;

/** Two positions that are nearer to each other tell of buffers alone. */
const LEAST_MS = 250;

/** Bytes per second over the last seconds, from positions as they become known. */
export class Rate {
  #samples: { readonly at: number; readonly bytes: number }[] = [];

  /**
   * `bytes` in all so far; the first call starts the clock, so it is for the first content that
   * comes. Going back starts anew. `now` in ms.
   */
  reached(bytes: number, now: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ at: now, bytes });
    // One sample older than the window is its beginning.
    while ((this.#samples[1]?.at ?? Infinity) <= now - WINDOW_MS) this.#samples.shift();
  }

  /** undefined until there are two positions to compare. */
  perSecond(now: number): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || first === last) return undefined;
    if (now - first.at < LEAST_MS) return undefined;
    // Silence counts: what stalls slows down on the screen.
    const silent = now - last.at > WINDOW_MS;
    return silent ? 0 : (1000 * (last.bytes - first.bytes)) / (now - first.at);
  }
}
