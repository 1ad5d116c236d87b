/** Questions of workers for shares of other relays, which requests of HTTP read: open until the share is open here, or none. */
import type { Say } from "./book-effects.ts";
import type { KnownShare, KnownShares } from "./known-shares.ts";

/** As long as a worker waits for the answer. ms */
export const QUESTION_MS = 10_000;
/** Of all workers; those beyond hear at once what is open. */
export const QUESTIONS_MOST = 10_000;

interface Question {
  readonly worker: number;
  readonly question: number;
  readonly key: string;
  /** Blinded. */
  readonly share: string;
  readonly at: number;
}

export interface OpenQuestionsHost {
  readonly me: string;
  readonly known: KnownShares;
  readonly isOpen: (key: string) => boolean;
  /** The watch told all at least once. */
  readonly knowsAll: () => boolean;
  /** Has a link to the owner made, if its channel can be known. @returns false: it can't */
  readonly lookInto: (entry: KnownShare, asked: Pick<Question, "worker" | "key">) => boolean;
  readonly say: Say;
}

export class OpenQuestions {
  readonly #host: OpenQuestionsHost;
  /** By blinded share. */
  readonly #open = new Map<string, Set<Question>>();
  #size = 0;

  constructor(host: OpenQuestionsHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#size;
  }

  ask(question: Question): void {
    const others = this.#open.get(question.share) ?? new Set();
    this.#open.set(question.share, others.add(question));
    this.#size++;
    if (this.#size > QUESTIONS_MOST) this.#answer(question);
    else this.#look(question);
  }

  /** The share came, or its owner is another one. @param share blinded */
  changed(share: string): void {
    for (const each of this.#open.get(share) ?? []) this.#look(each);
  }

  /** This relay's directory has no room for it. @param share blinded */
  refused(share: string): void {
    for (const each of this.#open.get(share) ?? []) this.#answer(each);
  }

  lookAgain(): void {
    for (const each of this.#all()) this.#look(each);
  }

  workerLost(worker: number): void {
    for (const each of this.#all()) if (each.worker === worker) this.#close(each);
  }

  tick(now: number): void {
    for (const each of this.#all()) if (now - each.at >= QUESTION_MS) this.#answer(each);
  }

  #all(): Question[] {
    return this.#open
      .values()
      .flatMap((questions) => questions)
      .toArray();
  }

  #look(each: Question): void {
    const { me, known, isOpen, knowsAll, lookInto } = this.#host;
    const others = [...known.ofShare(each.share)].filter(({ relay }) => relay !== me);
    const isComing = others.map((entry) => lookInto(entry, each)).includes(true);
    if (isOpen(each.key) || (knowsAll() && !isComing)) this.#answer(each);
  }

  #answer(each: Question): void {
    this.#close(each);
    this.#host.say({ t: "looked-up", worker: each.worker, question: each.question });
  }

  #close(each: Question): void {
    const others = this.#open.get(each.share);
    if (others?.delete(each) === true) this.#size--;
    if (others?.size === 0) this.#open.delete(each.share);
  }
}
