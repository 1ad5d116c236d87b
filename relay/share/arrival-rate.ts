/** Time over which a rate is taken. ms */
const SPAN_MS = 100;

/** How fast records of a share come. After a pause it begins anew. */
export class ArrivalRate {
  /** Of the last whole span; 0: there was none. */
  bytesPerSecond = 0;
  #since: number | undefined;
  #bytes = 0;

  note(bytes: number, now: number): void {
    const since = (this.#since ??= now);
    this.#bytes += bytes;
    const passed = now - since;
    if (passed < SPAN_MS) return;
    this.bytesPerSecond = (this.#bytes * 1000) / passed;
    this.#since = now;
    this.#bytes = 0;
  }
}
