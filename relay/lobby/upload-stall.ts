import { FRAME_BYTES } from "../../protocol/mod.ts";

/**
 * Whether the body of a request comes on: FRAME_BYTES of it have as long as a message of a WebSocket.
 * Of a body whose length nobody said there is no telling, since it may be a program that is silent.
 */
export class BodyPace {
  #since: number;
  #bytes = 0;
  #isPaused = false;

  constructor(now: number) {
    this.#since = now;
  }

  came(bytes: number, now: number): void {
    this.#bytes += bytes;
    if (this.#bytes < FRAME_BYTES) return;
    this.#bytes = 0;
    this.#since = now;
  }

  /** It is not read for a while: there is no room for it. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(now: number): void {
    this.#isPaused = false;
    this.#bytes = 0;
    this.#since = now;
  }

  isLate(messageMs: number, now: number): boolean {
    return !this.#isPaused && now - this.#since >= messageMs;
  }
}
