/** Time over which a rate is taken. ms */
const SPAN_MS = 100;
/**
 * The same for a fast sender, of which frames wait in the log until its rate is known. It is more than a kernel keeps
 * of one line (tcp_rmem: 6 MiB by default), which says nothing about the sender. bytes
 */
const SPAN_BYTES = 8 * 1024 ** 2;

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
    if (passed < SPAN_MS && this.#bytes < SPAN_BYTES) return;
    this.bytesPerSecond = (this.#bytes * 1000) / Math.max(1, passed);
    this.#since = now;
    this.#bytes = 0;
  }
}
