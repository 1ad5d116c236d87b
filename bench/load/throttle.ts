/** A reader that keeps a fixed rate by pausing, or stops for good. */
import type { Group } from "./contract.ts";

export interface Pausable {
  pause(): void;
  resume(): void;
}

export class Throttle {
  readonly #perSecond: number | undefined;
  readonly #stopsAfter: number | undefined;
  #taken = 0;
  #since: number | undefined;

  constructor({ kind, bytesPerSecond, afterBytes }: Group) {
    this.#perSecond = kind === "slow" ? bytesPerSecond : undefined;
    this.#stopsAfter = kind === "stopped" ? (afterBytes ?? 0) : undefined;
  }

  /** `bytes` came from the line; pauses it when that was too much. */
  took(bytes: number, line: Pausable): void {
    if (this.#perSecond === undefined && this.#stopsAfter === undefined) return;
    this.#taken += bytes;
    if (this.#stopsAfter !== undefined) {
      if (this.#taken >= this.#stopsAfter) line.pause();
      return;
    }
    if (this.#perSecond === undefined) return;
    const now = performance.now();
    this.#since ??= now;
    const early = (this.#taken / this.#perSecond) * 1000 - (now - this.#since);
    if (early <= 1) return;
    line.pause();
    setTimeout(() => line.resume(), early);
  }
}
