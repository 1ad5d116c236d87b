/** A worker is idle after so long without a message or a request. ms */
const IDLE_MS = 1000;
/** After so many messages and requests there is enough to collect. */
const WORTH_MESSAGES = 1000;
/** The same for bytes that were held for clients: each piece of a download is an object. */
const WORTH_BYTES = 16 * 1024 ** 2;

/**
 * Collects garbage once a worker is idle. The engine collects only when more is allocated: five thousand receivers
 * that came and now wait allocate nothing, so their hellos would stay for hours.
 */
export class IdleGc {
  readonly #collect: () => void;
  #messages = 0;
  #busyAt = 0;
  /** As of the last tick, and of the last collection. */
  #passed = 0;
  #collected = 0;

  constructor(collect: () => void = () => Bun.gc(true)) {
    this.#collect = collect;
  }

  /** A message or a request was handled. */
  busy(now: number): void {
    this.#messages++;
    this.#busyAt = now;
  }

  /** @param passed bytes that were held for clients since the worker started */
  tick(now: number, passed = 0): void {
    if (passed !== this.#passed) this.#busyAt = now;
    this.#passed = passed;
    const isWorth = this.#messages >= WORTH_MESSAGES || passed - this.#collected >= WORTH_BYTES;
    if (!isWorth || now - this.#busyAt < IDLE_MS) return;
    this.#messages = 0;
    this.#collected = passed;
    this.#collect();
  }
}
