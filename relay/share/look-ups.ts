import type { ToStoreBook } from "./messages.ts";

/** Of one worker at once: requests of HTTP beyond them are told to come again. */
export const LOOK_UPS_MOST = 1000;
/** A book that saves to a slow store answers later than that; the client may ask again. ms */
export const LOOK_UP_MS = 10_000;

/** A question to the main thread about shares that no worker has. */
export type ChannelQuestion = Extract<ToStoreBook, { t: "asked" | "unasked" | "look-up" }>;

/** The books that know such shares: of stored shares, and of the cluster. */
export interface Lookers {
  /** Each answers a look-up. */
  readonly count: number;
  readonly tell: (question: ChannelQuestion) => void;
}

interface LookUp {
  /** Answers to come. */
  left: number;
  readonly deadline: number;
  readonly over: (isAnswered: boolean) => void;
}

/** Questions for a share that no receiver asked for yet. */
export class LookUps {
  readonly #worker: number;
  readonly #lookers: Lookers | undefined;
  readonly #pending = new Map<number, LookUp>();
  #questions = 0;

  constructor(worker: number, lookers: Lookers | undefined) {
    this.#worker = worker;
    this.#lookers = lookers;
  }

  /**
   * Resolves when the share is open here, if there is one; to false when a book has not said in time.
   * @returns undefined: none can be
   */
  ask(key: string, now: number): Promise<boolean> | undefined {
    const lookers = this.#lookers;
    if (lookers === undefined) return undefined;
    if (this.#pending.size >= LOOK_UPS_MOST) return Promise.resolve(false);
    const question = this.#questions++;
    return new Promise((over) => {
      const deadline = now + LOOK_UP_MS;
      this.#pending.set(question, { left: lookers.count, deadline, over });
      lookers.tell({ t: "look-up", worker: this.#worker, key, question });
    });
  }

  answered(question: number): void {
    const one = this.#pending.get(question);
    if (one !== undefined && --one.left === 0) this.#end(question, true);
  }

  tick(now: number): void {
    for (const [question, { deadline }] of this.#pending) {
      if (now >= deadline) this.#end(question, false);
    }
  }

  #end(question: number, isAnswered: boolean): void {
    this.#pending.get(question)?.over(isAnswered);
    this.#pending.delete(question);
  }
}
