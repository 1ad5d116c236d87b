/**
 * Records that may be on their way at once, on a path whose bandwidth and delay nobody knows: twice the records that
 * moved within the last round trip. Where this limits, the rate is a window per round trip, so the window
 * doubles with each. Where the path or a disk limits, it stays at twice what these carry. So it grows with
 * the rate at which records are done with, and never because they are slow. Without I/O; a receiver has one
 * for its window, and the relay one for the credit of each sender.
 *
 *   records moved    | slot | slot | slot | now |    SLOTS together are one round trip
 */

/** Parts of a round trip that are counted apart, so that growth is seen before a whole one is over. */
const SLOTS = 4;
/** Least length of a slot: bursts of a busy thread must not pass for a fast path. ms */
const SLOT_MS = 25;
/** A round trip that is shorter by less changes no slot. */
const SAME = 0.9;
/** The part that is left of an excess after a slot: a quarter of it is gone after a round trip. */
const KEPT = 15 / 16;
/** After so many slots without a record nothing of an excess is left. */
const SLOTS_REMEMBERED = 64;
/** Records on their way for each that moved within a round trip. */
const GAIN = 2;

export class FlowWindow {
  readonly #least: number;
  readonly #most: number;
  #size: number;
  /** The least that was seen: waiting in queues is no part of the path. ms */
  #roundTripMs = Infinity;
  readonly #moved = Array.from({ length: SLOTS }, () => 0);
  /** The slot that counts now. */
  #slot = 0;
  #slotEndsAt = -Infinity;
  #slotMs = Infinity;
  #movedAt = -Infinity;

  /**
   * @param least while nothing is known, and on a path that carries less
   * @param most more than this is never on its way
   */
  constructor(least: number, most: number) {
    this.#least = Math.min(least, most);
    this.#most = most;
    this.#size = this.#least;
  }

  get size(): number {
    return Math.min(Math.ceil(this.#size), this.#most);
  }

  /** An answer took so long to come; it may have waited on the way. */
  answered(ms: number): void {
    this.#roundTripMs = Math.min(this.#roundTripMs, Math.max(ms, 0));
    const slotMs = Math.max(SLOT_MS, this.#roundTripMs / SLOTS);
    if (slotMs > this.#slotMs * SAME) return;
    // Counts of longer slots say nothing for shorter ones.
    this.#slotMs = slotMs;
    this.#slotEndsAt = Math.min(this.#slotEndsAt, this.#movedAt);
    this.#moved.fill(0);
  }

  /** A record is done with: written by a receiver, or here from a sender. */
  moved(now: number): void {
    if (this.#roundTripMs === Infinity) return;
    this.#advance(now);
    this.#movedAt = now;
    this.#moved[this.#slot]!++;
    const records = this.#moved.reduce((sum, each) => sum + each, 0);
    const perRoundTrip = (records * this.#roundTripMs) / (SLOTS * this.#slotMs);
    this.#size = Math.min(Math.max(this.#size, GAIN * perRoundTrip), this.#most);
  }

  /** Slots that are over let go of what they counted, and of a part of the excess. */
  #advance(now: number): void {
    if (now < this.#slotEndsAt) return;
    const over = Math.floor((now - this.#slotEndsAt) / this.#slotMs) + 1;
    for (let left = Math.min(over, SLOTS_REMEMBERED); left > 0; left--) {
      this.#slot = (this.#slot + 1) % SLOTS;
      this.#moved[this.#slot] = 0;
      this.#size = Math.max(this.#least, this.#size * KEPT);
    }
    const isLong = over > SLOTS_REMEMBERED;
    this.#slotEndsAt = isLong ? now + this.#slotMs : this.#slotEndsAt + over * this.#slotMs;
  }
}
