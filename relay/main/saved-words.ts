import type { ClusterOfBook } from "../store/share-shelf.ts";

interface Word {
  readonly key: string;
  readonly say: () => void;
}

/** The last words of each kind about each share. */
type Words = Map<string, Word>;

/** What the book says to the cluster, once what is in the book by then is saved: see `afterSave`. */
export class SavedWords {
  readonly #keeps: (key: string) => boolean;
  /** A save that waits for long finds three words at most for each share that the book took in meanwhile. */
  readonly #later: Words = new Map();
  /** Of the save under way. */
  readonly #leaving: Words = new Map();
  #isAtOnce = false;

  constructor(keeps: (key: string) => boolean) {
    this.#keeps = keeps;
  }

  /** In a common bucket another relay may take a share over at once: it finds there what this one said. */
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

  /** Words of a change that the store has already. */
  sayAtOnce(change: () => void): void {
    this.#isAtOnce = true;
    change();
    this.#isAtOnce = false;
  }

  /** The next save has what they are about. */
  saving(): void {
    for (const [name, word] of this.#later) setLast(this.#leaving, name, word);
    this.#later.clear();
  }

  /** It is done. */
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

/** In place of the one before, and after all others. */
function setLast(words: Words, name: string, word: Word): void {
  words.delete(name);
  words.set(name, word);
}
