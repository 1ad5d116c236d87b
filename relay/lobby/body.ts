import type { MemoryPlace } from "../limits/memory-budget.ts";

/** Bytes given at once to a download of the lobby. A download whose client reads nothing costs no more memory. */
export const PIECE_BYTES = 16 * 1024;
/** The same for a client that took PROVEN_BYTES, while few wait; each piece costs some calls. */
export const STEADY_PIECE_BYTES = 512 * 1024;
/** The same while many wait, so that all together stay within STILL_BYTES as long as possible. */
export const STEADY_PIECE_BYTES_MIN = 64 * 1024;

/** Bytes that leave for a client piece by piece. They are read when it takes them. */
export interface Part {
  readonly length: number;
  /** A copy. */
  read(from: number, to: number): Uint8Array;
  /** Perhaps shared with other readers: to be copied or sent at once. */
  view(from: number, to: number): Uint8Array;
  /** It is not read any more. */
  done(): void;
}

/** Of bytes that are in memory anyway. */
export function partOf(bytes: Uint8Array): Part {
  return {
    length: bytes.length,
    read: (from, to) => bytes.slice(from, to),
    view: (from, to) => bytes.subarray(from, to),
    done: () => undefined,
  };
}

/** A range of a part, in place of the part. */
export function within(part: Part, from: number, to: number): Part {
  return {
    length: to - from,
    read: (first, end) => part.read(from + first, from + end),
    view: (first, end) => part.view(from + first, from + end),
    done: () => part.done(),
  };
}

/**
 * Bytes to give a client at once. A steady client gets its part of what may stand still, so that all clients
 * may stand still at once and none is cut off for it.
 */
export function pieceFor({ isStill, part }: MemoryPlace): number {
  if (isStill) return PIECE_BYTES;
  return Math.min(Math.max(Math.floor(part), STEADY_PIECE_BYTES_MIN), STEADY_PIECE_BYTES);
}

/** Bytes on their way to a client, as far as stalls go. */
export interface Outgoing {
  /** A part waits until the client takes the one before it. */
  readonly isFull: boolean;
  /** Changes whenever the client takes something. */
  readonly taken: number;
  /** It waits for memory of the relay, not for the client. */
  readonly isHeldBack?: boolean;
}

/** For `StallTimer`: a client that waits for a sender may do so for ever. */
export function progressOf({ isFull, taken, isHeldBack }: Outgoing): number | undefined {
  return isFull && isHeldBack !== true ? taken : undefined;
}

export interface Body extends Outgoing {
  /** A part that is written while it is full makes it wait longer. */
  write(part: Part): void;
  /** The parts that wait are the last. */
  end(): void;
  /** Ends the connection in a way that no client takes for the end of the body. */
  fail(): void;
}

export interface BodyEvents {
  /** All has left. */
  drained(): void;
  /** The reader went away. */
  gone(): void;
}

/** A connection may be silent so long after a transfer: bytes may still wait for a reader that pauses. s */
export const IDLE_AFTER_SECONDS = 120;
