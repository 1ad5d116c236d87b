/** Edges ask again within this time after their line to this relay broke. Until then the link stays for them. ms */
export const ASK_LINGER_MS = 15_000;
/** Edges pass over a gateway that failed for the first time, and twice as long after each further failure, up to the most. ms */
export const GATEWAY_REST_MS = { first: 60_000, most: 16 * 60_000 } as const;

interface Rest {
  readonly until: number;
  readonly ms: number;
  isOver: boolean;
}

/** This relay on the ways to one owner, for one channel: the edges that read through it, and the gateways that failed it. */
export class Chain {
  /** The least level at which edges ask, by worker. */
  readonly #levels = new Map<number, number>();
  /** Levels that edges asked for before, and the time until which each one still counts. */
  readonly #lingering = new Map<number, number>();
  /** Gateways that failed, by relay: at most as many as there are relays. */
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

  /** @returns whether a level or a rest ended, so that the way may be another one */
  tick(now: number): boolean {
    let hasEnded = false;
    for (const [level, until] of this.#lingering) {
      if (now < until) continue;
      this.#lingering.delete(level);
      hasEnded = true;
    }
    for (const [gateway, rest] of this.#rests) {
      const { until, ms, isOver } = rest;
      // The gateway did not fail since then.
      if (now >= until + ms) this.#rests.delete(gateway);
      if (isOver || now < until) continue;
      rest.isOver = true;
      hasEnded = true;
    }
    return hasEnded;
  }
}
