/** When a share begins: all receivers that agreed by then receive it together. */
export interface StartWhen {
  readonly receivers: number;
  /** Not sooner than so long after the first agreed. ms */
  readonly minWaitMs: number;
  /** With fewer too, so long after the first agreed; undefined: never. ms */
  readonly maxWaitMs: number | undefined;
  /** Records from the first that hold the manifest, which everyone may have before. */
  readonly headRecords: number;
}

/** Closed until it is time to begin, then open for ever. Time is an argument. */
export class StartGate {
  readonly #when: StartWhen;
  #open = false;
  #agreed = 0;
  #firstAgreedAt: number | undefined;

  constructor(when: StartWhen) {
    this.#when = when;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get agreed(): number {
    return this.#agreed;
  }

  /** The first record that has to wait; undefined: none has. */
  get closedFrom(): number | undefined {
    return this.#open ? undefined : this.#when.headRecords;
  }

  /** @param agreed how many have agreed and are there. @returns whether that is news */
  poll(agreed: number, now: number): boolean {
    if (this.#open) return false;
    const news = agreed !== this.#agreed;
    this.#agreed = agreed;
    if (agreed === 0) this.#firstAgreedAt = undefined;
    else this.#firstAgreedAt ??= now;
    this.#open = this.#isTime(now);
    return news || this.#open;
  }

  #isTime(now: number): boolean {
    if (this.#firstAgreedAt === undefined) return false;
    const { receivers, minWaitMs, maxWaitMs } = this.#when;
    const waited = now - this.#firstAgreedAt;
    if (maxWaitMs !== undefined && waited >= maxWaitMs) return true;
    return this.#agreed >= receivers && waited >= minWaitMs;
  }
}
