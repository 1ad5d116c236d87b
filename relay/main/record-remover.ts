import type { Ledger } from "../store/ledger.ts";

/** A worker may write records while they are removed: they are removed once more. ms */
const AGAIN_MS = 10_000;
/** Tries of one place. A start of the relay finds what is left. */
const TRIES = 6;
/** Places that wait; of more the same holds. */
const PLACES_MOST = 10_000;
/** Places at once: each takes S3 several requests. */
const AT_ONCE = 4;

interface Removal {
  readonly place: string;
  readonly tries: number;
  readonly at: number;
}

/** Removes the records of stored shares that are gone. */
export class RecordRemover {
  readonly #ledger: Pick<Ledger, "removeRecords">;
  readonly #trouble: (error: unknown) => void;
  /** By the time of the next try. */
  #waiting: Removal[] = [];
  readonly #underWay = new Set<PromiseLike<void>>();

  constructor(ledger: Pick<Ledger, "removeRecords">, trouble: (error: unknown) => void) {
    this.#ledger = ledger;
    this.#trouble = trouble;
  }

  remove(places: readonly string[], now: number): void {
    for (const place of places) this.#wait({ place, tries: 0, at: now });
    this.tick(now);
  }

  tick(now: number): void {
    while (this.#underWay.size < AT_ONCE) {
      const index = this.#waiting.findIndex(({ at }) => at <= now);
      const [removal] = index < 0 ? [] : this.#waiting.splice(index, 1);
      if (removal === undefined) return;
      const { place, tries } = removal;
      const step = this.#ledger.removeRecords(place).then(
        () => {
          this.#underWay.delete(step);
          if (tries === 0) this.#wait({ place, tries: 1, at: now + AGAIN_MS });
        },
        (error: unknown) => {
          this.#underWay.delete(step);
          if (tries === 0) this.#trouble(error);
          this.#wait({ place, tries: tries + 1, at: now + AGAIN_MS * 2 ** tries });
        },
      );
      this.#underWay.add(step);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #wait(removal: Removal): void {
    if (removal.tries < TRIES && this.#waiting.length < PLACES_MOST) this.#waiting.push(removal);
  }
}
