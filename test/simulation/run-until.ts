import type { Clock } from "./clock.ts";
import { Violation } from "./world.ts";

/** Looking whether all are done after each step would take longer than the step. */
const LOOK_STEPS = 8;

/** @throws Violation when the deadline is over, or nothing is planned any more */
export function runUntil(clock: Clock, done: () => boolean, deadline: number, what: string): void {
  while (clock.steps % LOOK_STEPS > 0 || !done()) {
    if (!clock.step()) throw new Violation(`nothing happens any more before ${what}`);
    if (clock.now > deadline) throw new Violation(`too late: not yet ${what}`);
  }
}
