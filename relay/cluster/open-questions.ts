/** Questions of workers for shares of other relays, which requests of HTTP read: open until the share is open here, or none. */
import type { Say } from "./book-effects.ts";
import type { KnownShare, KnownShares } from "./known-shares.ts";

/** As long as a worker waits for the answer. ms */
export const QUESTION_MS = 10_000;
/** Of all workers; those beyond hear at once what is open. */
export const QUESTIONS_MOST = 10_000;
/**
 * The watch tells of a share within this time after another relay accepted it: until then an unknown share may be
 * new. ms
 */
export const GUESS_MS = 1000;
/** Waiting questions for unknown shares: a quarter of the questions of one worker, so that a flood takes no place of others. */
export const GUESSES_MOST = 250;

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
  /** Questions for unknown shares. */
  readonly #guesses = new Set<Question>();
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
    else this.#look(question, true);
  }

  /** The share came, or its owner is another one. @param share blinded */
  changed(share: string): void {
    for (const each of this.#open.get(share) ?? []) this.#look(each, false);
  }

  /** A sender of this relay has the share now. @param share blinded */
  opened(share: string): void {
    for (const each of this.#open.get(share) ?? []) this.#answer(each);
  }

  /** This relay's directory has no room for it. @param share blinded */
  refused(share: string): void {
    for (const each of this.#open.get(share) ?? []) this.#answer(each);
  }

  lookAgain(): void {
    for (const each of this.#all()) this.#look(each, true);
  }

  workerLost(worker: number): void {
    for (const each of this.#all()) if (each.worker === worker) this.#close(each);
  }

  tick(now: number): void {
    for (const each of this.#all()) if (now - each.at >= QUESTION_MS) this.#answer(each);
    for (const each of this.#guesses) if (now - each.at >= GUESS_MS) this.#answer(each);
  }

  #all(): Question[] {
    return this.#open
      .values()
      .flatMap((questions) => questions)
      .toArray();
  }

  /** @param mayBeNew the watch may not have told of an unknown share yet */
  #look(each: Question, mayBeNew: boolean): void {
    const { me, known, isOpen, knowsAll, lookInto } = this.#host;
    const entries = [...known.ofShare(each.share)];
    const others = entries.filter(({ relay, isOver }) => relay !== me && !isOver);
    const isComing = others.map((entry) => lookInto(entry, each)).includes(true);
    if (isComing) this.#guesses.delete(each);
    if (isOpen(each.key)) this.#answer(each);
    else if (knowsAll() && !isComing) {
      const hasRoom = this.#guesses.size < GUESSES_MOST;
      if (mayBeNew && hasRoom && entries.length === 0) this.#guesses.add(each);
      // The relay's own entry comes just before the sender has the share here.
      if (!this.#guesses.has(each)) this.#answer(each);
    }
  }

  #answer(each: Question): void {
    this.#close(each);
    this.#host.say({ t: "looked-up", worker: each.worker, question: each.question });
  }

  #close(each: Question): void {
    this.#guesses.delete(each);
    const others = this.#open.get(each.share);
    if (others?.delete(each) === true) this.#size--;
    if (others?.size === 0) this.#open.delete(each.share);
  }
}
