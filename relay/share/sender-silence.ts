import type { FaultError } from "../../protocol/mod.ts";

import type { LiveLimits } from "../limits/limits.ts";
import { StallTimer } from "../limits/stall-timer.ts";
import type { Origin } from "./origin.ts";

/** The time for which a sender of a share is asked and sends nothing, against the limits of a start and of a record. */
export class SenderSilence {
  readonly #limits: LiveLimits;
  readonly #over: (why: FaultError) => void;
  #timer = new StallTimer();

  /** @param over the share shall end */
  constructor(limits: LiveLimits, over: (why: FaultError) => void) {
    this.#limits = limits;
    this.#over = over;
  }

  /** To be called while the sender is here. @param hasStart whether the store has the first record */
  tick(
    { isAwaited, arrived, wantsFirst, offer }: Origin,
    hasStart: () => boolean,
    now: number,
  ): void {
    const waited = this.#timer.stalledFor(isAwaited ? arrived : undefined, now);
    // The first record holds the manifest: a sender gives it before any receiver agrees.
    const name = wantsFirst ? "start-timeout" : "record-timeout";
    // A store that is away is waited for, and ends the share itself.
    if (wantsFirst && hasStart()) return;
    // Bytes of a pipe may take their time after that.
    if (!(wantsFirst || offer.seekable) || waited < this.#limits.now[name]) return;
    this.#timer = new StallTimer();
    this.#over(this.#limits.over(name));
  }
}
