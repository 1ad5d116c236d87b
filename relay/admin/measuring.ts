import type { FaultCode } from "../../protocol/mod.ts";

import { type WorkerMeasures } from "../worker/measures.ts";
import { addTotals, noTotals, type Totals } from "../share/totals.ts";

/** A measurement of that age is told again: any number of readers costs the workers one question. ms */
export const FRESH_MS = 250;
/** A worker that does not answer in time is told of as it was. ms */
const ANSWER_MS = 2000;

export interface Measured {
  /** performance.now() */
  readonly at: number;
  /** As they answered, and of one that did not in time, what it said last. */
  readonly workers: readonly WorkerMeasures[];
  /** Since the relay began, also of workers that are no more. */
  readonly totals: Totals;
  readonly opened: number;
  readonly faults: Readonly<Partial<Record<FaultCode, number>>>;
}

export interface MeasuringOptions {
  /** Asks every worker that is up to measure. @returns which those are */
  readonly ask: () => readonly number[];
  readonly clock: () => number;
}

/** Asks the workers what they measure, when somebody wants to know, and only then. */
export class Measuring {
  readonly #options: MeasuringOptions;
  readonly #last = new Map<number, WorkerMeasures>();
  readonly #waiting = new Set<number>();
  /** Of workers that are no more: what grows must not shrink. */
  readonly #gone = noTotals();
  readonly #goneFaults: Partial<Record<FaultCode, number>> = {};
  #goneOpened = 0;
  #measured: Measured | undefined;
  #underWay: PromiseWithResolvers<Measured> | undefined;
  #late: NodeJS.Timeout | undefined;

  constructor(options: MeasuringOptions) {
    this.#options = options;
  }

  /** The measures of now, or of FRESH_MS ago at most. */
  take(): Promise<Measured> {
    if (this.#underWay !== undefined) return this.#underWay.promise;
    if (this.#measured !== undefined && this.#options.clock() - this.#measured.at < FRESH_MS) {
      return Promise.resolve(this.#measured);
    }
    const underWay = Promise.withResolvers<Measured>();
    this.#underWay = underWay;
    for (const worker of this.#options.ask()) this.#waiting.add(worker);
    this.#late = setTimeout(() => this.#finish(), ANSWER_MS);
    this.#finishIfAll();
    return underWay.promise;
  }

  received(measures: WorkerMeasures): void {
    this.#last.set(measures.worker, measures);
    this.#waiting.delete(measures.worker);
    this.#finishIfAll();
  }

  /** A worker ended: another may come in its place, and counts from 0. */
  lost(worker: number): void {
    const last = this.#last.get(worker);
    this.#last.delete(worker);
    this.#waiting.delete(worker);
    if (last !== undefined) {
      addTotals(this.#gone, last.totals);
      addFaults(this.#goneFaults, last.faults);
      this.#goneOpened += last.opened;
    }
    this.#finishIfAll();
  }

  #finishIfAll(): void {
    if (this.#underWay !== undefined && this.#waiting.size === 0) this.#finish();
  }

  #finish(): void {
    clearTimeout(this.#late);
    this.#waiting.clear();
    const workers = [...this.#last.values()].toSorted((one, other) => one.worker - other.worker);
    const totals = { ...this.#gone };
    const faults = { ...this.#goneFaults };
    let opened = this.#goneOpened;
    for (const each of workers) {
      addTotals(totals, each.totals);
      addFaults(faults, each.faults);
      opened += each.opened;
    }
    this.#measured = { at: this.#options.clock(), workers, totals, opened, faults };
    this.#underWay?.resolve(this.#measured);
    this.#underWay = undefined;
  }
}

function addFaults(
  into: Partial<Record<FaultCode, number>>,
  more: Readonly<Partial<Record<FaultCode, number>>>,
): void {
  for (const [code, count] of Object.entries(more)) {
    const key = code as FaultCode;
    into[key] = (into[key] ?? 0) + count;
  }
}
