import { setTimeout as sleep } from "node:timers/promises";

import { QUESTIONS_EVERY_MS } from "../../protocol/wire/limits.ts";

/** A question that others take back makes the next one wait; one that is answered does not. */
export class QuestionPace {
  #notBefore = 0;

  /** @throws when it is taken back meanwhile */
  async turn(signal: AbortSignal): Promise<void> {
    const wait = this.#notBefore - performance.now();
    if (wait > 0) await sleep(wait, undefined, { signal });
  }

  takenBack(): void {
    this.#notBefore = performance.now() + QUESTIONS_EVERY_MS;
  }
}
