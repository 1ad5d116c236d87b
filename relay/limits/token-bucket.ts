import type { Message } from "../../protocol/mod.ts";

/** A second's worth of messages times this may come at once. */
const BURST_SECONDS = 10;

/** `join`, `ack`, `complete` and `leave`: a receiver in the lobby takes one small file after another. */
const ANSWERS_TO_OFFER = 4;

/**
 * What one client may say: so much per second, and an answer to each thing that it was given. A fast
 * receiver acknowledges thousands of records in a second, and a sender answers as many receipts.
 */
export class TokenBucket {
  /** Messages ahead of the allowed rate. */
  #ahead = 0;
  #at: number;
  /** Answers that it may give. */
  #owed = 0;

  constructor(now: number) {
    this.#at = now;
  }

  /** @returns false: too much */
  spend(perSecond: number, now: number): boolean {
    if (this.#owed > 0) {
      this.#owed--;
      return true;
    }
    this.#ahead = Math.max(0, this.#ahead - ((now - this.#at) / 1000) * perSecond) + 1;
    this.#at = now;
    return this.#ahead <= perSecond * BURST_SECONDS;
  }

  earn(answers: number): void {
    this.#owed += answers;
  }
}

/** Messages with which a client may answer one of ours. What it asked for itself earns it nothing. */
export function answersTo(message: Message): number {
  switch (message.t) {
    case "want":
      return message.count;
    case "receivers":
      return message.list.length;
    case "receipt":
      return 1;
    case "offers":
      return ANSWERS_TO_OFFER * message.list.length;
    default:
      return 0;
  }
}
