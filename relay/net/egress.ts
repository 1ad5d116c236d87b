/**
 * Limits the rate at which frames leave, over all workers (GCRA). A socket with a frame reserves the next free
 * time of a clock that all workers share, and sends when that time comes. So all sockets of all workers stand in one
 * queue with one frame each, and no worker or lane is served before another. `ClientRouter` asks it for each frame.
 */
import type { LiveLimits } from "../limits/limits.ts";
import type { SocketId } from "../share/outlet.ts";

/** Unused time that a late timer may make up for. µs */
const BURST_US = 50_000n;
/** A socket may use its turn for so long. ms */
const TURN_MS = 1000;
const SECOND_US = 1_000_000;

/** Shared by all workers: when all bytes sent or promised so far will have left at the rate. µs */
export function createEgress(): SharedArrayBuffer {
  return new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
}

interface Turn {
  readonly bytes: number;
  /** When a waiting turn comes, or a due one is over. ms */
  readonly at: number;
}

export interface EgressOptions {
  readonly buffer: SharedArrayBuffer;
  readonly limits: LiveLimits;
  /** The same for all workers. ms */
  readonly clock: () => number;
  /** Gives this socket its frame. */
  readonly turn: (socket: SocketId) => void;
  /** For tests with a clock of their own. @returns the function that cancels it */
  readonly later?: (run: () => void, ms: number) => () => void;
}

function onTimer(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

export class Egress {
  readonly #options: EgressOptions;
  readonly #until: BigInt64Array;
  readonly #waiting = new Map<SocketId, Turn>();
  /** Turns that have come and are not used yet. */
  readonly #due = new Map<SocketId, Turn>();
  readonly #later: (run: () => void, ms: number) => () => void;
  /** Of the timer, if it runs. */
  #cancel: (() => void) | undefined;
  #wakesAt = 0;

  constructor(options: EgressOptions) {
    this.#options = options;
    this.#until = new BigInt64Array(options.buffer);
    this.#later = options.later ?? onTimer;
  }

  get isLimited(): boolean {
    return this.#rate !== Infinity;
  }

  holdsBack(socket: SocketId): boolean {
    return this.#waiting.has(socket);
  }

  /** @returns whether the frame may leave now; if not, `turn` tells when */
  take(socket: SocketId, bytes: number): boolean {
    const rate = this.#rate;
    if (rate === Infinity) return true;
    const due = this.#due.get(socket);
    if (due !== undefined) {
      this.#due.delete(socket);
      this.#move(bytes - due.bytes, rate);
      return true;
    }
    if (this.#waiting.has(socket)) return false;
    const now = this.#options.clock();
    const at = this.#reserve(bytes, rate, now);
    if (at <= now) return true;
    this.#waiting.set(socket, { bytes, at });
    this.#options.limits.count("egress-limit");
    this.#sleep(at - now);
    return false;
  }

  /** The frame that `take` allowed did not leave: it may leave at once for TURN_MS. */
  unused(socket: SocketId, bytes: number): void {
    if (!this.isLimited) return;
    this.#due.set(socket, { bytes, at: this.#options.clock() + TURN_MS });
    this.#sleep(TURN_MS);
  }

  /** The socket is gone: other sockets get its time. */
  gone(socket: SocketId): void {
    const turn = this.#waiting.get(socket) ?? this.#due.get(socket);
    if (turn === undefined) return;
    this.#waiting.delete(socket);
    this.#due.delete(socket);
    this.#move(-turn.bytes, this.#rate);
  }

  dispose(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  get #rate(): number {
    return this.#options.limits.now["egress-limit"];
  }

  #turns(): void {
    this.#cancel = undefined;
    const now = this.#options.clock();
    for (const [socket, { bytes, at }] of this.#due) {
      if (at > now) continue;
      this.#due.delete(socket);
      this.#move(-bytes, this.#rate);
    }
    for (const [socket, { bytes, at }] of this.#waiting) {
      if (at > now) break;
      this.#waiting.delete(socket);
      this.#due.set(socket, { bytes, at: now + TURN_MS });
      this.#options.turn(socket);
    }
    this.#arm(now);
  }

  #arm(now: number): void {
    const [first] = this.#waiting.values();
    const [due] = this.#due.values();
    const next = Math.min(first?.at ?? Infinity, due?.at ?? Infinity);
    if (next === Infinity) return;
    this.#sleep(next - now);
  }

  /** One timer runs at a time. */
  #sleep(ms: number): void {
    const at = this.#options.clock() + ms;
    if (this.#cancel !== undefined && this.#wakesAt <= at) return;
    this.#cancel?.();
    this.#wakesAt = at;
    this.#cancel = this.#later(() => this.#turns(), Math.max(1, Math.ceil(ms)));
  }

  /** The next free time for so many bytes. ms */
  #reserve(bytes: number, rate: number, now: number): number {
    const at = BigInt(Math.round(now * 1000));
    const takes = BigInt(Math.round((bytes / rate) * SECOND_US));
    for (;;) {
      const until = Atomics.load(this.#until, 0);
      const begin = until > at - BURST_US ? until : at - BURST_US;
      if (Atomics.compareExchange(this.#until, 0, until, begin + takes) === until) {
        return Number(begin) / 1000;
      }
    }
  }

  #move(bytes: number, rate: number): void {
    if (rate === Infinity || bytes === 0) return;
    Atomics.add(this.#until, 0, BigInt(Math.round((bytes / rate) * SECOND_US)));
  }
}
