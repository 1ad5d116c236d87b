/**
 * Finds out that an open link is dead when nothing tells so. A browser answers the relay's pings by
 * itself and shows no script that they come, so silence alone proves nothing: a page that waits for a
 * sender hears nothing for hours. Two signs are left:
 *
 * - The device slept. The relay closed the link meanwhile, and its word may never have arrived.
 * - The link is silent, and the relay does not answer a request by HTTP either.
 */
import { SILENCE_MS } from "../../protocol/wire/limits.ts";

/** Between two looks. ms */
export const WATCH_MS = 10_000;
/**
 * A look that comes so late comes after a sleep: browsers delay timers of hidden pages by a minute at most.
 * The relay closes a silent link after 32 s. ms
 */
export const SLEPT_MS = 90_000;

export class LinkWatch {
  #heardAt: number;
  #lookedAt: number;

  /** @param now ms of a clock that goes on in sleep */
  constructor(now: number) {
    this.#heardAt = now;
    this.#lookedAt = now;
  }

  /** A message came, or the relay answered otherwise. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** `dead`: give the link up. `ask`: ask the relay by HTTP, then say `heard`, or give the link up. */
  look(now: number): "dead" | "ask" | "fine" {
    const slept = now - this.#lookedAt >= SLEPT_MS;
    this.#lookedAt = now;
    if (slept) return "dead";
    return now - this.#heardAt >= SILENCE_MS ? "ask" : "fine";
  }
}
