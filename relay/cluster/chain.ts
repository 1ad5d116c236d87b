/** Edges ask again within that time after a line to this relay broke: until then it goes on for them. ms */
export const ASK_LINGER_MS = 15_000;
/** A gateway that does not serve is passed over so long, and twice as long each time that it fails again. ms */
export const GATEWAY_REST_MS = { first: 60_000, most: 16 * 60_000 } as const;

interface Rest {
  readonly until: number;
  readonly ms: number;
  isOver: boolean;
}

/** The part of this relay in the ways to one owner, for one channel: edges that read through it, and gateways that failed it. */
export class Chain {
  /** The least level at which edges ask, by worker. */
  readonly #levels = new Map<number, number>();
  /** Levels that were asked for, and until when they still count. */
  readonly #lingering = new Map<number, number>();
  /** By relay; it has as many as there are relays. */
  readonly #rests = new Map<string, Rest>();

  get askedAt(): number | undefined {
    const levels = [...this.#levels.values(), ...this.#lingering.keys()];
    return levels.length === 0 ? undefined : Math.min(...levels);
  }

  /** Workers with lines of edges. */
  get workers(): Iterable<number> {
    return this.#levels.keys();
  }

  get isEmpty(): boolean {
    return this.#levels.size + this.#lingering.size + this.#rests.size === 0;
  }

  /** @param level undefined: no edge asks there any more */
  asked(worker: number, level: number | undefined, now: number): void {
    const before = this.#levels.get(worker);
    if (level === undefined) this.#levels.delete(worker);
    else this.#levels.set(worker, level);
    if (before !== undefined) this.#lingering.set(before, now + ASK_LINGER_MS);
  }

  failed(gateway: string, now: number): void {
    const before = this.#rests.get(gateway)?.ms ?? GATEWAY_REST_MS.first / 2;
    const ms = Math.min(GATEWAY_REST_MS.most, 2 * before);
    this.#rests.set(gateway, { until: now + ms, ms, isOver: false });
  }

  rests(gateway: string): boolean {
    return this.#rests.get(gateway)?.isOver === false;
  }

  /** @returns whether something ended that the way depends on */
  tick(now: number): boolean {
    let hasEnded = false;
    for (const [level, until] of this.#lingering) {
      if (now < until) continue;
      this.#lingering.delete(level);
      hasEnded = true;
    }
    for (const [gateway, rest] of this.#rests) {
      const { until, ms, isOver } = rest;
      // It did not fail since.
      if (now >= until + ms) this.#rests.delete(gateway);
      if (isOver || now < until) continue;
      rest.isOver = true;
      hasEnded = true;
    }
    return hasEnded;
  }
}
