import type { Time } from "./clock.ts";
import type { Random } from "./random.ts";
import type { SimStore } from "./store.ts";
import type { Streams } from "./streams.ts";

/** An invariant does not hold. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** The shared state of all parts of one simulated world. */
export interface World {
  readonly clock: Time;
  /** Chance of one part's own, so that one part more or less changes nothing for the others. */
  fork(part: string): Random;
  /** While true, things are lost and damaged now and then. */
  faulty: boolean;
  readonly chances: Chances;
  readonly streams: Streams;
  /** Undefined: the relay stores nothing. */
  store: SimStore | undefined;
  readonly count: (what: string) => void;
  /** Notes what happens; the text is made only when somebody reads it. */
  trace(text: () => string): void;
  /** Between two ticks of a relay, unless as the product has it. ms */
  readonly tickMs?: number | undefined;
  /** Runs a task of the relay's process: later if it stands still, never if it is gone. Unless given: at once. */
  readonly run?: (task: () => void) => void;
}

/** How often what goes wrong by chance does. */
export interface Chances {
  readonly lostFrame: number;
  readonly lostDrain: number;
  readonly corrupt: number;
  readonly refused: number;
  readonly unanswered: number;
  /** With a record that a relay reads from another one, its line breaks. */
  readonly brokenStream?: number;
}
