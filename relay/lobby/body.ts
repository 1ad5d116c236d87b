import type { Part } from "./body-part.ts";
import type { Outgoing } from "./download-stall.ts";

/** The bytes of an answer, on their way to its client. */
export interface Body {
  /** Something waits: a part that is written now makes it wait longer. */
  readonly isFull: boolean;
  readonly outgoing: Outgoing;
  write(part: Part): void;
  /** After what waits, no more follows. */
  end(): void;
  /** The connection ends in a way that no client takes for the end of the body. */
  fail(): void;
}

export interface BodyEvents {
  /** All has left. */
  drained(): void;
  /** The reader went away. */
  gone(): void;
}

/**
 * A connection may be silent so long after a transfer: bytes that left the relay may still wait for a
 * reader that pauses. s
 */
export const IDLE_AFTER_SECONDS = 120;
