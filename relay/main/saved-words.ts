import type { ClusterOfBook } from "../store/share-shelf.ts";

interface Word {
  readonly key: string;
  readonly say: () => void;
}

/** The last words of each kind about each share. */
type Words = Map<string, Word>;

/** The words of the book to the cluster. Each leaves when the state of the book behind it is saved: see `afterSave`. */
export class SavedWords {
  readonly #keeps: (key: string) => boolean;
  /** A save that waits for long finds three words at most for each share that the book took in meanwhile. */
  readonly #later: Words = new Map();
  /** Words that leave when the save under way is done. */
  readonly #leaving: Words = new Map();
  #isAtOnce = false;

  constructor(keeps: (key: string) => boolean) {
    this.#keeps = keeps;
  }

  /** Another relay may take a share in a common bucket over at once, so the bucket has to agree with each word. */
  afterSave({ kept, released }: ClusterOfBook): ClusterOfBook {
    const later = (kind: string, key: string, say: () => void): void => {
      if (this.#isAtOnce) say();
      else setLast(this.#later, `${kind} ${key}`, { key, say });
    };
    return {
      kept: (share, place, isPart) => {
        const { key } = share;
        later(place === undefined ? "over" : "kept", key, () => {
          if (place !== undefined || !this.#keeps(key)) kept(share, place, isPart);
        });
      },
      released: (share) => {
        const { key } = share;
        later("released", key, () => {
          if (!this.#keeps(key)) released(share);
        });
      },
    };
  }

  /** Says the words of a change at once, because the store has it already. */
  sayAtOnce(change: () => void): void {
    this.#isAtOnce = true;
    change();
    this.#isAtOnce = false;
  }

  /** A save begins that contains the state behind the waiting words. */
  saving(): void {
    for (const [name, word] of this.#later) setLast(this.#leaving, name, word);
    this.#later.clear();
  }

  /** The save is done: its words leave. */
  say(): void {
    const words = [...this.#leaving.values()];
    this.#leaving.clear();
    for (const { say } of words) say();
  }

  forget(key: string): void {
    for (const words of [this.#later, this.#leaving]) {
      for (const [name, word] of words) if (word.key === key) words.delete(name);
    }
  }

  forgetAll(): void {
    this.#later.clear();
  }
}

/** Puts a word in place of the one before, and after all others. */
function setLast(words: Words, name: string, word: Word): void {
  words.delete(name);
  words.set(name, word);
}
