import type { ToStoreBook } from "./messages.ts";

/** Of one worker at once: requests of HTTP beyond them are told to come again. */
export const LOOK_UPS_MOST = 1000;
/** A book that saves to a slow store answers later than that; the client may ask again. ms */
export const LOOK_UP_MS = 10_000;

interface LookUp {
  readonly deadline: number;
  readonly over: (isAnswered: boolean) => void;
}

/** Questions to the book of stored shares whether it has a share that no receiver asked for yet. */
export class LookUps {
  readonly #worker: number;
  readonly #toStoreBook: ((message: ToStoreBook) => void) | undefined;
  readonly #pending = new Map<number, LookUp>();
  #questions = 0;

  constructor(worker: number, toStoreBook: ((message: ToStoreBook) => void) | undefined) {
    this.#worker = worker;
    this.#toStoreBook = toStoreBook;
  }

  /**
   * Resolves when the share is open here, if it is stored; to false when the book has not said in time.
   * @returns undefined: none can be
   */
  ask(key: string, now: number): Promise<boolean> | undefined {
    const tell = this.#toStoreBook;
    if (tell === undefined) return undefined;
    if (this.#pending.size >= LOOK_UPS_MOST) return Promise.resolve(false);
    const question = this.#questions++;
    return new Promise((over) => {
      this.#pending.set(question, { deadline: now + LOOK_UP_MS, over });
      tell({ t: "look-up", worker: this.#worker, key, question });
    });
  }

  answered(question: number): void {
    this.#end(question, true);
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
