import { TokenBucket, type Message } from "../../protocol/mod.ts";

/** Seconds of messages that may come at once. */
const BURST_SECONDS = 10;

/** `join`, `ack`, `complete` and `leave`: a receiver in the lobby takes one small file after another. */
const ANSWERS_TO_OFFER = 4;

/**
 * The messages that one client may send: so many per second, and an answer to each thing that it was
 * given. A fast receiver acknowledges thousands of records in a second, and a sender answers as many
 * receipts.
 */
export class MessageBudget {
  readonly #bucket = new TokenBucket();
  /** Answers that it may give. */
  #owed = 0;

  /** @returns false: too much */
  spend(perSecond: number, now: number): boolean {
    if (this.#owed === 0) {
      const rate = { atOnce: perSecond * BURST_SECONDS, everyMs: 1000 / perSecond };
      return this.#bucket.take(rate, now);
    }
    this.#owed--;
    return true;
  }

  earn(answers: number): void {
    this.#owed += answers;
  }
}

/** Messages with which a client may answer one of ours. A client earns nothing by its own requests. */
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
