/**
 * Whether the kernel has little memory left for TCP. Beyond its limit (tcp_mem, over all sockets of the machine) it drops
 * packets that came already, and their senders give them again after a timeout.
 */
import { readFileSync } from "node:fs";

/** It says how many pages TCP has. */
const USED = "/proc/net/sockstat";
/** Three limits in pages: below the first nothing is done, above the third packets are dropped. */
const LIMITS = "/proc/sys/net/ipv4/tcp_mem";
/** A look costs 7 µs on an idle core. ms */
const LOOK_MS = 5;

export class TcpMemory {
  readonly #read: (path: string) => string;
  readonly #clock: () => number;
  /** Pages below which the kernel does nothing; Infinity: it does not tell. */
  readonly #most: number;
  #lookedAt = -Infinity;
  #used = 0;

  constructor(
    clock = (): number => performance.now(),
    read = (path: string): string => readFileSync(path, "latin1"),
  ) {
    this.#clock = clock;
    this.#read = read;
    const [most = Infinity] = this.#numbers(LIMITS, /^(\d+)/);
    this.#most = most;
  }

  /** The part of what the kernel gives without care that is in use; 1 and more: it begins to save. */
  get used(): number {
    if (this.#most === Infinity) return 0;
    const now = this.#clock();
    if (now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now;
      [this.#used = 0] = this.#numbers(USED, /^TCP:.* mem (\d+)/m);
    }
    return this.#used / this.#most;
  }

  #numbers(path: string, pattern: RegExp): number[] {
    try {
      return [...(pattern.exec(this.#read(path)) ?? [])].slice(1).map(Number);
    } catch {
      return [];
    }
  }
}
