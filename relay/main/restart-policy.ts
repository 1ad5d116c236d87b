/**
 * Time before a worker that failed twice in a row is started again; doubled each time, and nothing
 * the first time.
 */
export const WORKER_RESTART_MS = 1000;
/** Time between two starts of a worker that keeps failing while others are up. */
export const WORKER_RESTART_MAX_MS = 60_000;
/** A worker that was up so long is sound: earlier failures no longer count. */
export const WORKER_STEADY_MS = 60_000;
/**
 * Failures in a row of every worker with none up, after which the relay ends; with the pauses
 * between, 15 s.
 */
export const WORKER_FAILURES = 6;

/** How often one worker failed in a row, and how long it waits therefore. Time is an argument. */
export class RestartPolicy {
  readonly #firstMs: number;
  #failures = 0;
  #upSince: number | undefined;

  constructor(firstMs = WORKER_RESTART_MS) {
    this.#firstMs = firstMs;
  }

  up(now: number): void {
    this.#upSince = now;
  }

  /**
   * It ended, or did not come up.
   * @returns the ms before it may start again: none the first time, since clients wait for it
   */
  failed(now: number): number {
    const steady = this.#upSince !== undefined && now - this.#upSince >= WORKER_STEADY_MS;
    this.#upSince = undefined;
    this.#failures = steady ? 1 : this.#failures + 1;
    if (this.#failures === 1) return 0;
    return Math.min(WORKER_RESTART_MAX_MS, this.#firstMs * 2 ** (this.#failures - 2));
  }

  /** Failed so often in a row that clients without another worker should not wait for it. */
  get hopeless(): boolean {
    return this.#failures >= WORKER_FAILURES;
  }
}
