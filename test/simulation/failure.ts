/** A seed that fails, and the story of it. */
import { Violation } from "./world.ts";

export type Trace = (line: string) => void;

export interface Failure {
  readonly seed: number;
  readonly message: string;
  /** The last things that happened, and where everybody was. */
  readonly story: readonly string[];
}

/** The parts of a run with one seed. */
export interface Playable<Outcome> {
  run(): Outcome;
  standing(): string[];
}

const STORY_LINES = 80;

/** Plays a seed that fails with `error` again to tell its story. */
export function failureOf(
  seed: number,
  error: unknown,
  build: (trace: Trace) => Playable<unknown>,
): Failure {
  const message = error instanceof Violation ? error.message : `threw ${describe(error)}`;
  const lines: string[] = [];
  const played = build((line) => {
    lines.push(line);
    if (lines.length > 2 * STORY_LINES) lines.splice(0, STORY_LINES);
  });
  try {
    played.run();
  } catch {
    // The same as before.
  }
  return { seed, message, story: [...lines.slice(-STORY_LINES), ...played.standing()] };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
