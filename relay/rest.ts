/** ms without a message or a request after which a worker is at rest */
const REST_MS = 1000;
/** Messages and requests after which there is enough to collect. */
const WORTH_MESSAGES = 1000;

/**
 * Collects what a crowd left behind. The engine does so by itself only when more is allocated, and
 * five thousand receivers that came and now wait allocate nothing: their hellos would stay for hours.
 */
export class Rest {
  readonly #collect: () => void;
  #messages = 0;
  #busyAt = 0;

  constructor(collect: () => void = () => Bun.gc(true)) {
    this.#collect = collect;
  }

  /** A message or a request was handled. */
  busy(now: number): void {
    this.#messages++;
    this.#busyAt = now;
  }

  tick(now: number): void {
    if (this.#messages < WORTH_MESSAGES || now - this.#busyAt < REST_MS) return;
    this.#messages = 0;
    this.#collect();
  }
}
