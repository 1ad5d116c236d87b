import type { ClusterOfBook } from "../store/share-shelf.ts";

/** About one share. */
interface Word {
  readonly key: string;
  readonly say: () => void;
}

/** What the book says to the cluster, once what is in the book by then is saved: see `afterSave`. */
export class SavedWords {
  readonly #keeps: (key: string) => boolean;
  #later: Word[] = [];
  /** Of the save under way. */
  #leaving: Word[] = [];
  #isAtOnce = false;

  constructor(keeps: (key: string) => boolean) {
    this.#keeps = keeps;
  }

  /** In a common bucket another relay may take a share over at once: it finds there what this one said. */
  afterSave({ kept, released }: ClusterOfBook): ClusterOfBook {
    const later = (key: string, say: () => void): void => {
      if (this.#isAtOnce) say();
      else this.#later.push({ key, say });
    };
    return {
      kept: (share, place, isPart) => {
        const { key } = share;
        later(key, () => {
          if (place !== undefined || !this.#keeps(key)) kept(share, place, isPart);
        });
      },
      released: (share) => {
        const { key } = share;
        later(key, () => {
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
    this.#leaving.push(...this.#later.splice(0));
  }

  /** It is done. */
  say(): void {
    for (const { say } of this.#leaving.splice(0)) say();
  }

  forget(key: string): void {
    this.#later = this.#later.filter((word) => word.key !== key);
    this.#leaving = this.#leaving.filter((word) => word.key !== key);
  }

  forgetAll(): void {
    this.#later = [];
  }
}
