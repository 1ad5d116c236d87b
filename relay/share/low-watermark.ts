/** Where each of several readers stands, and the least of it. A reader that is lost counts for a while. */
export class LowWatermark<Key> {
  readonly #needs = new Map<Key, number>();
  /** When a lost one counts no more. ms */
  readonly #lost = new Map<Key, number>();
  #least: number | undefined;
  /** How many stand at `#least`: only when the last of them moves on it is looked for anew. */
  #atLeast = 0;

  /** The least record that is needed; undefined: none is. */
  get least(): number | undefined {
    return this.#least;
  }

  get keys(): Iterable<Key> {
    return this.#needs.keys();
  }

  entries(): [Key, number][] {
    return [...this.#needs];
  }

  get(key: Key): number | undefined {
    return this.#needs.get(key);
  }

  /** This reader is here, and needs `next` and all after it. */
  set(key: Key, next: number): void {
    this.#lost.delete(key);
    const before = this.#needs.get(key);
    if (before === next) return;
    this.#needs.set(key, next);
    if (this.#least === undefined || next < this.#least) {
      this.#least = next;
      this.#atLeast = 1;
      return;
    }
    if (next === this.#least) this.#atLeast++;
    else if (before === this.#least) this.#leaveLeast();
  }

  delete(key: Key): void {
    this.#lost.delete(key);
    const before = this.#needs.get(key);
    if (before === undefined) return;
    this.#needs.delete(key);
    if (before === this.#least) this.#leaveLeast();
  }

  /** This reader may come back until then, or until when it was said before. */
  lose(key: Key, until: number): void {
    if (this.#needs.has(key) && !this.#lost.has(key)) this.#lost.set(key, until);
  }

  tick(now: number): void {
    for (const [key, until] of this.#lost) if (now >= until) this.delete(key);
  }

  clear(): void {
    this.#needs.clear();
    this.#lost.clear();
    this.#least = undefined;
    this.#atLeast = 0;
  }

  #leaveLeast(): void {
    this.#atLeast--;
    if (this.#atLeast > 0) return;
    this.#least = undefined;
    for (const next of this.#needs.values()) {
      if (this.#least === undefined || next < this.#least) {
        this.#least = next;
        this.#atLeast = 1;
      } else if (next === this.#least) {
        this.#atLeast++;
      }
    }
  }
}
