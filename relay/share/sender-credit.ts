/**
 * The records that one sender may be asked for at once: as many as come within two round trips to it, so that a far
 * and fast path is filled, and CREDIT_RECORDS at least. `Origin` owns one, and all of a worker share a budget.
 */
import { CREDIT_RECORDS, FlowWindow } from "../../protocol/mod.ts";

/**
 * Records that all senders of one worker may be asked for beyond CREDIT_RECORDS each. A record that is asked for has
 * a place in the log, which nothing else can have, and comes even if its receivers are gone by then. Eight far
 * senders have the whole of it: 896 MiB.
 */
export const CREDIT_BUDGET_RECORDS = 8 * 112;
/** Lanes hear of the credit in steps, as a message to other workers is not worth a record. records */
const STEP_RECORDS = 8;

/** Of one worker. */
export class CreditBudget {
  #free = CREDIT_BUDGET_RECORDS;

  /** Gives `had` back, and takes `wanted` or what there is of it. */
  exchange(had: number, wanted: number): number {
    const taken = Math.min(wanted, this.#free + had);
    this.#free += had - taken;
    return taken;
  }
}

export class SenderCredit {
  readonly #budget: CreditBudget;
  readonly #most: number;
  readonly #changed: (records: number) => void;
  #flow: FlowWindow;
  /** Taken from the budget. */
  #beyond = 0;
  #told = CREDIT_RECORDS;

  /**
   * @param most of this sender: one that keeps what it sent keeps so much
   * @param changed told of other credits, in steps
   */
  constructor(budget: CreditBudget, most: number, changed: (records: number) => void) {
    this.#budget = budget;
    this.#most = most;
    this.#changed = changed;
    this.#flow = new FlowWindow(CREDIT_RECORDS, most);
  }

  get records(): number {
    return CREDIT_RECORDS + this.#beyond;
  }

  /** A record came that was asked for then. @param askedAt undefined: its time tells nothing of the path */
  came(askedAt: number | undefined, now: number): void {
    if (askedAt !== undefined) this.#flow.answered(now - askedAt);
    this.#flow.moved(now);
    this.#take(this.#flow.size - CREDIT_RECORDS);
  }

  /** Another line of the sender, or none: its path is not known. */
  reset(): void {
    this.#flow = new FlowWindow(CREDIT_RECORDS, this.#most);
    this.#take(0);
  }

  #take(wanted: number): void {
    this.#beyond = this.#budget.exchange(this.#beyond, wanted);
    const told = CREDIT_RECORDS + Math.ceil(this.#beyond / STEP_RECORDS) * STEP_RECORDS;
    if (told === this.#told) return;
    this.#told = told;
    this.#changed(told);
  }
}
