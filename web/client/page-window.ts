/** The room for content between the worker and the page: at most PIECES_BYTES are on their way. */
import { PIECES_BYTES } from "../job/receive-messages.ts";

export class PageWindow {
  #inFlight = 0;
  #wake: (() => void) | undefined;
  #interrupts = 0;

  /** Bytes that the page's saver has not taken. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Resolves when there is room for so many bytes; false: it was interrupted. One caller at a time. */
  async room(bytes: number): Promise<boolean> {
    const before = this.#interrupts;
    while (this.#interrupts === before && !this.#has(bytes)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#interrupts === before;
  }

  sent(bytes: number): void {
    this.#inFlight += bytes;
  }

  /** The saver took these. */
  taken(bytes: number): void {
    this.#inFlight = Math.max(0, this.#inFlight - bytes);
    this.#wakeUp();
  }

  /** Ends the wait, because the share is over or is left. */
  interrupt(): void {
    this.#interrupts++;
    this.#wakeUp();
  }

  #has(bytes: number): boolean {
    return this.#inFlight === 0 || this.#inFlight + bytes <= PIECES_BYTES;
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
