/** Chance from a seed: the same seed gives the same numbers on every machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any text; different texts give unrelated numbers */
  constructor(seed: string) {
    let hash = 0x811c9dc5;
    const mixed = (salt: number): number => {
      for (let at = 0; at < seed.length; at++) {
        hash = Math.imul(hash ^ seed.charCodeAt(at) ^ salt, 0x01000193);
      }
      return hash | 0;
    };
    this.#a = mixed(1);
    this.#b = mixed(2);
    this.#c = mixed(3);
    for (let round = 0; round < 12; round++) this.next();
  }

  /** In [0, 1). sfc32, by Chris Doty-Humphrey (PractRand). */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** A real number in [least, most). */
  real(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** As `real`, with all orders of magnitude alike. */
  scale(least: number, most: number): number {
    return least * (most / least) ** this.next();
  }

  /** A whole number, both ends included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.whole(0, from.length - 1)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }

  /** Each as often as its weight says. */
  weighted<T>(from: readonly (readonly [one: T, weight: number])[]): T {
    let left = this.real(
      0,
      from.reduce((sum, [, weight]) => sum + weight, 0),
    );
    for (const [one, weight] of from) {
      left -= weight;
      if (left < 0) return one;
    }
    throw new RangeError("nothing to pick from");
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.whole(0, 255));
  }
}
