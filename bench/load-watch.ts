/** Watches a run's board: samples, has late groups join, and finds out that nothing comes any more. */
import type { Receivers } from "./load/receivers.ts";
import type { Observer } from "./observer.ts";
import { sampledReceivers } from "./result.ts";

/** ms between two looks: a late group joins so much too late at most */
const LOOK_MS = 20;
/** ms between two samples */
const SAMPLE_MS = 200;
/** ms without a byte for anyone after which a run is given up */
const STALL_MS = 30_000;

export interface LoadWatchOptions {
  readonly receivers: Receivers;
  readonly observer: Observer;
  /** bytes of the source */
  readonly size: number;
  /** As of a `LoadRun`. */
  readonly joinAt: ReadonlyMap<number, number> | undefined;
}

export class LoadWatch {
  readonly #options: LoadWatchOptions;
  readonly #sampled: readonly number[];
  /** Groups that have not joined yet. */
  readonly #late: Map<number, number>;
  readonly #stalled = Promise.withResolvers<never>();
  readonly #timer: NodeJS.Timeout;
  #sampledAt = performance.now();
  #cameAt = performance.now();
  #sum = 0;
  #isOver = false;

  constructor(options: LoadWatchOptions) {
    this.#options = options;
    this.#sampled = sampledReceivers(options.receivers.board.receivers);
    this.#late = new Map(options.joinAt);
    this.#stalled.promise.catch(() => undefined);
    this.#timer = setInterval(() => this.#look(performance.now()), LOOK_MS);
  }

  /** Never resolves. @throws Error when nothing comes any more */
  get stalled(): Promise<never> {
    return this.#stalled.promise;
  }

  /** Takes the last sample. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#sample();
  }

  #look(now: number): void {
    const { receivers, size } = this.#options;
    const { furthest, sum } = receivers.board;
    for (const [group, part] of this.#late) {
      if (furthest < part * size) continue;
      this.#late.delete(group);
      receivers.join(group);
    }
    if (now - this.#sampledAt >= SAMPLE_MS) {
      this.#sampledAt = now;
      this.#sample();
    }
    if (sum !== this.#sum) {
      this.#sum = sum;
      this.#cameAt = now;
    } else if (now - this.#cameAt > STALL_MS) {
      this.#stalled.reject(new Error(`nothing came for ${STALL_MS / 1000} s`));
    }
  }

  #sample(): void {
    const { receivers, observer } = this.#options;
    observer.sample(this.#sampled.map((receiver) => receivers.board.of(receiver)));
  }
}
