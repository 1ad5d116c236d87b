import type { MemoryPlace } from "../limits/memory-budget.ts";

/**
 * Bytes given at once to a download by HTTP or the original app: all of ours that a download costs
 * which nobody reads.
 */
export const PIECE_BYTES = 16 * 1024;
/** The same for a client that took PROVEN_BYTES, while few wait; each piece costs some calls. */
export const STEADY_PIECE_BYTES = 512 * 1024;
/** The same while many wait, so that all together stay within STILL_BYTES as long as possible. */
export const STEADY_PIECE_BYTES_MIN = 64 * 1024;

/** Bytes that leave for a client piece by piece, read when it takes them. */
export interface Part {
  readonly length: number;
  /** In memory of their own. */
  read(from: number, to: number): Uint8Array;
  /** The same, perhaps in memory that others read too: to be copied or sent at once. */
  view(from: number, to: number): Uint8Array;
  /** Nobody reads it any more. */
  done(): void;
}

/** What is in memory anyway. */
export function partOf(bytes: Uint8Array): Part {
  return {
    length: bytes.length,
    read: (from, to) => bytes.slice(from, to),
    view: (from, to) => bytes.subarray(from, to),
    done: () => undefined,
  };
}

/** Some of a part; no other of it is taken. */
export function within(part: Part, from: number, to: number): Part {
  return {
    length: to - from,
    read: (first, end) => part.read(from + first, from + end),
    view: (first, end) => part.view(from + first, from + end),
    done: () => part.done(),
  };
}

/**
 * How much a client is given at once: a steady one its part of what may stand still, so that those who are
 * given something can all stand still at once, and nobody is cut off for it. bytes
 */
export function pieceFor({ isStill, part }: MemoryPlace): number {
  if (isStill) return PIECE_BYTES;
  return Math.min(Math.max(Math.floor(part), STEADY_PIECE_BYTES_MIN), STEADY_PIECE_BYTES);
}

/** What leaves for a client. */
export interface Outgoing {
  /** Something waits until the client takes what was before it. */
  readonly isFull: boolean;
  /** How often something of what waited has left. */
  readonly taken: number;
  /** What waits, waits for memory of ours. */
  readonly isHeldBack?: boolean;
}

/** For `StallTimer`: a client that waits for a sender may do so for ever. */
export function progressOf({ isFull, taken, isHeldBack }: Outgoing): number | undefined {
  return isFull && isHeldBack !== true ? taken : undefined;
}

/** The bytes of an answer, on their way to its client. */
export interface Body extends Outgoing {
  /** A part that is written while it is full makes it wait longer. */
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
