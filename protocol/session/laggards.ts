import type { ReceiverView } from "./sender-events.ts";

/**
 * Finds receivers that take no record for too long while others went further. A receiver that is as far as
 * the furthest waits for the sender, and one that has not agreed waits for a person: neither is slow.
 */
export class Laggards {
  readonly #patienceMs: number;
  /** How far each had come, and since when. */
  readonly #since = new Map<string, { next: number; at: number }>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** @param receivers all, by their id in hex. @returns the keys of those that are too slow */
  poll(receivers: ReadonlyMap<string, ReceiverView>, now: number): string[] {
    let furthest = 0;
    for (const { next } of receivers.values()) furthest = Math.max(furthest, next);
    const slow: string[] = [];
    for (const [key, { state, next }] of receivers) {
      if (state !== "live" && state !== "behind") {
        this.#since.delete(key);
        continue;
      }
      const since = this.#since.get(key);
      if (since === undefined || next > since.next || next >= furthest) {
        this.#since.set(key, { next, at: now });
      } else if (now - since.at >= this.#patienceMs) {
        this.#since.delete(key);
        slow.push(key);
      }
    }
    return slow;
  }
}
