import { PIECE_BYTES, STEADY_PIECE_BYTES } from "../../protocol/mod.ts";

import type { MemoryPlace } from "../memory.ts";

/** Bytes that leave for a client piece by piece, read when it takes them. */
export interface Part {
  readonly length: number;
  /** In memory of their own. */
  read(from: number, to: number): Uint8Array;
  /** Nobody reads it any more. */
  done(): void;
}

/** What is in memory anyway. */
export function partOf(bytes: Uint8Array): Part {
  return {
    length: bytes.length,
    read: (from, to) => bytes.slice(from, to),
    done: () => undefined,
  };
}

/** Some of a part; no other of it is taken. */
export function within(part: Part, from: number, to: number): Part {
  return {
    length: to - from,
    read: (first, end) => part.read(from + first, from + end),
    done: () => part.done(),
  };
}

/** How much a client is given at once. bytes */
export function pieceFor({ isStill }: MemoryPlace): number {
  return isStill ? PIECE_BYTES : STEADY_PIECE_BYTES;
}
