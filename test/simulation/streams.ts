import type { Time } from "./clock.ts";
import { Violation } from "./world.ts";

/** A log that moves between workers is lost if one of the two dies then. ms */
const MOVING_MS = 1000;

/** Facts about shares that can't be read again. Only the checks know them, no client or relay does. */
export class Streams {
  readonly #clock: Time;
  /** Records that the relay's log has had, by share. */
  readonly #kept = new Map<string, Set<number>>();
  /** By share, how far records had been asked for and when, each further than the one before. */
  readonly #asked = new Map<string, { readonly end: number; readonly at: number }[]>();
  readonly #acceptedAt = new Map<string, number>();
  readonly #lost = new Set<string>();

  constructor(clock: Time) {
    this.#clock = clock;
  }

  kept(share: string, index: number): void {
    const kept = this.#kept.get(share) ?? new Set();
    this.#kept.set(share, kept.add(index));
  }

  accepted(share: string): void {
    this.#acceptedAt.set(share, this.#clock.now);
  }

  /** @throws Violation if the relay has had one of these records */
  wanted(share: string, first: number, count: number): void {
    const asked = this.#asked.get(share) ?? [];
    this.#asked.set(share, asked);
    const end = first + count;
    if (end > (asked.at(-1)?.end ?? 0)) asked.push({ end, at: this.#clock.now });
    for (let index = first; index < end; index++) {
      if (this.#kept.get(share)?.has(index) !== true) continue;
      throw new Violation(`record ${index} of ${share.slice(0, 6)} is asked again`);
    }
  }

  /** Records before it had been asked for at that time. */
  askedBy(share: string, time: number): number {
    return this.#asked.get(share)?.findLast(({ at }) => at <= time)?.end ?? 0;
  }

  /** A worker died; `homes`: shares whose log it had. */
  workerDied(homes: readonly string[]): void {
    const moving = [...this.#acceptedAt].filter(([, at]) => this.#clock.now - at < MOVING_MS);
    for (const share of [...homes, ...moving.map(([share]) => share)]) this.#lose(share);
  }

  relayStopped(): void {
    for (const share of this.#acceptedAt.keys()) this.#lose(share);
  }

  /** Whether a log was lost with what receivers needed. */
  hasLost(share: string): boolean {
    return this.#lost.has(share);
  }

  #lose(share: string): void {
    this.#lost.add(share);
    this.#kept.delete(share);
  }
}
