/**
 * The order in which sockets get frames while the kernel's memory for TCP is short. Each frame takes time in proportion
 * to its bytes, and the next one waits for it. `DirectSender` asks it for each frame.
 */
import { FRAME_BYTES } from "../../protocol/mod.ts";
import type { SocketId } from "../share/outlet.ts";

/** With fewer sockets the kernel's memory is not looked at. */
const MANY_SOCKETS = 128;
/** For a frame of FRAME_BYTES when TCP has all memory that the kernel gives it without care. ms */
const SPARING_MS = 1;
/** So many times in each part more of that memory the time for a frame doubles. */
const SPARING_DOUBLINGS = 12;
/**
 * The most for a frame of FRAME_BYTES. Receivers that take nothing, or other programs, may hold the memory for as long
 * as they like. Each worker gives 250 MiB/s to all others meanwhile. ms
 */
const SPARING_MOST_MS = 4;
/** Time that no frame took is made up for, as far as this: the next look at those that wait may be late. ms */
const LATE_MS = 8;

export interface FrameTurnsOptions {
  readonly clock: () => number;
  /** See `TcpMemory.used`. */
  readonly tcpUsed: () => number;
  /** Gives this socket a frame. */
  readonly turn: (id: SocketId) => void;
}

export class FrameTurns {
  readonly #options: FrameTurnsOptions;
  /** Refused a frame, in order. */
  readonly #waiting = new Set<SocketId>();
  /** It waited, and may have one frame now. */
  #turn: SocketId | undefined;
  /** When the time of the frames that left is over. ms */
  #freeAt = -Infinity;

  constructor(options: FrameTurnsOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  isWaiting(id: SocketId): boolean {
    return this.#waiting.has(id);
  }

  /**
   * Whether this socket may have a frame now. If not, `turn` tells when.
   * @param sockets that there are
   */
  take(id: SocketId, bytes: number, sockets: number): boolean {
    const used = sockets < MANY_SOCKETS ? 0 : this.#options.tcpUsed();
    if (used < 1) return true;
    const now = this.#options.clock();
    if (this.#turn === id) {
      this.#turn = undefined;
    } else if (this.#waiting.size > 0 || now < this.#freeAt) {
      this.#waiting.add(id);
      return false;
    }
    const ms = Math.min(SPARING_MS * 2 ** (SPARING_DOUBLINGS * (used - 1)), SPARING_MOST_MS);
    this.#freeAt = Math.max(this.#freeAt, now - LATE_MS) + (ms * bytes) / FRAME_BYTES;
    return true;
  }

  leave(id: SocketId): void {
    this.#waiting.delete(id);
  }

  /** Tells those whose time has come. */
  wake(sockets: number): void {
    // A socket that is told may wait again, behind the others. Another round follows as long as frames leave.
    let left = this.#waiting.size;
    for (const id of this.#waiting) {
      if (left-- === 0) return;
      const isShort = sockets >= MANY_SOCKETS && this.#options.tcpUsed() >= 1;
      const freeAt = this.#freeAt;
      if (isShort && this.#options.clock() < freeAt) return;
      this.#waiting.delete(id);
      this.#turn = id;
      this.#options.turn(id);
      this.#turn = undefined;
      if (this.#freeAt > freeAt) left = this.#waiting.size;
    }
  }
}
