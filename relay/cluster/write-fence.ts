import type { Fence } from "../store/s3-ledger.ts";
import { RELAY_GONE_MS } from "./directory-kv.ts";

/**
 * A relay changes facts in a shared bucket within this time of sending a heartbeat that the directory took. The others take
 * its shares over RELAY_GONE_MS after they saw a heartbeat, or later. The difference is for clocks of unequal speed. ms
 */
export const WRITE_MS = (RELAY_GONE_MS / 4) * 3;

/** A moment by two clocks: the one that does not jump stands still while some machines sleep. ms */
interface Moment {
  readonly steady: number;
  readonly wall: number;
}

export interface WriteFenceHost {
  readonly clock: () => number;
  readonly wallTime: () => number;
  /** Whether the directory names this relay as the owner of each share in the bucket, as far as the relay can know. */
  readonly isProven: () => boolean;
}

/**
 * Whether this relay can be sure that no other relay took over its shares in a bucket. After a lapse it may have lost each of
 * them, so it first proves them anew in the directory. A relay that stood still finds its clock ahead.
 */
export class WriteFence implements Fence {
  readonly #host: WriteFenceHost;
  #heldSince: Moment | undefined;
  #lapses = 0;

  constructor(host: WriteFenceHost) {
    this.#host = host;
  }

  get lapses(): number {
    void this.#fresh;
    return this.#lapses;
  }

  get left(): number {
    const fresh = this.#fresh;
    return fresh > 0 && this.#host.isProven() ? fresh : 0;
  }

  /** The moment at which a heartbeat is sent; the caller keeps it until the directory answers. */
  get now(): Moment {
    return { steady: this.#host.clock(), wall: this.#host.wallTime() };
  }

  /** The directory took the heartbeat that was sent at that moment. */
  held(sent: Moment): void {
    // A lapse that no call found yet counts as well.
    void this.#fresh;
    if (this.#heldSince === undefined || sent.steady > this.#heldSince.steady)
      this.#heldSince = sent;
    void this.#fresh;
  }

  get #fresh(): number {
    if (this.#heldSince === undefined) return 0;
    const { steady, wall } = this.now;
    const age = Math.max(steady - this.#heldSince.steady, wall - this.#heldSince.wall);
    if (age < WRITE_MS) return WRITE_MS - age;
    this.#heldSince = undefined;
    this.#lapses++;
    return 0;
  }
}
