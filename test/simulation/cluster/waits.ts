import { Violation } from "../world.ts";

/** An answer may come with the tick after its time. ms */
const SLACK_MS = 2500;

interface Wait {
  /** Of the time in which the relay did not stand still. ms */
  readonly since: number;
  readonly most: number;
  readonly link: number | undefined;
}

/** Questions to the book that it must answer in time. */
export class Waits {
  readonly #what: string;
  readonly #waits = new Map<number, Wait>();

  constructor(what: string) {
    this.#what = what;
  }

  /** @param link the answer is not needed when this link is over */
  begin(id: number, since: number, most: number, link?: number): void {
    this.#waits.set(id, { since, most, link });
  }

  answered(id: number): void {
    this.#waits.delete(id);
  }

  isWaiting(link: number): boolean {
    return [...this.#waits.values()].some((each) => each.link === link);
  }

  linkOver(link: number): void {
    for (const [id, each] of this.#waits) if (each.link === link) this.#waits.delete(id);
  }

  forget(isGone: (id: number) => boolean): void {
    for (const id of this.#waits.keys()) if (isGone(id)) this.#waits.delete(id);
  }

  check(now: number): void {
    for (const { since, most } of this.#waits.values()) {
      if (now - since > most + SLACK_MS) throw new Violation(`${this.#what} waits for ever`);
    }
  }
}
