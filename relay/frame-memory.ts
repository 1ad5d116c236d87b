import { FRAME_BYTES } from "../protocol/mod.ts";

import type { SocketId } from "./outlet.ts";

/**
 * The memory in which frames wait for sockets that Bun sends to, one for each socket at most. Whoever
 * finds none free waits for it, first come, first served.
 */
export class FrameMemory {
  readonly #bytes: number;
  readonly #turn: (id: SocketId) => void;
  readonly #taken = new Set<SocketId>();
  readonly #queue = new Set<SocketId>();

  /** @param turn there is memory for this socket, which waited for it */
  constructor(bytes: number, turn: (id: SocketId) => void) {
    this.#bytes = bytes;
    this.#turn = turn;
  }

  /** Whether another frame may wait; if not, this socket is told when one may. */
  hasRoom(id: SocketId): boolean {
    if (this.#isFree) return true;
    this.#queue.add(id);
    return false;
  }

  /** A frame waits for this socket. */
  take(id: SocketId): void {
    this.#taken.add(id);
  }

  /** It waits no more: it is the turn of who has waited longest. */
  release(id: SocketId): void {
    if (!this.#taken.delete(id)) return;
    for (const next of this.#queue) {
      this.#queue.delete(next);
      this.#turn(next);
      if (!this.#isFree) return;
    }
  }

  /** The socket is gone. */
  leave(id: SocketId): void {
    this.#queue.delete(id);
    this.release(id);
  }

  get #isFree(): boolean {
    return this.#taken.size * FRAME_BYTES < this.#bytes;
  }
}
