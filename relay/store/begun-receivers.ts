/**
 * The receivers of a share with few downloads that had begun. Everybody with the code can begin with any number of ids, at
 * the cost of a record each. So addresses share the places: only an address that has more of them than others loses one.
 */

/** Receivers of one share; more of them may not finish once it is exhausted. items */
export const BEGUN_MOST = 1000;

export class BegunReceivers {
  /** By id in hex, in order: the address as limits count it. It is in memory alone, so none is known after a restart. */
  readonly #addresses: Map<string, string | undefined>;

  constructor(receivers: readonly string[]) {
    this.#addresses = new Map(receivers.map((receiver) => [receiver, undefined]));
  }

  get list(): string[] {
    return [...this.#addresses.keys()];
  }

  get size(): number {
    return this.#addresses.size;
  }

  has(receiver: string): boolean {
    return this.#addresses.has(receiver);
  }

  /** @returns whether it is new and has a place */
  add(receiver: string, address: string | undefined): boolean {
    const isNew = !this.has(receiver);
    this.#addresses.set(receiver, address);
    if (this.size > BEGUN_MOST) this.#addresses.delete(this.#latestOfMost());
    return isNew && this.has(receiver);
  }

  delete(receiver: string): boolean {
    return this.#addresses.delete(receiver);
  }

  /** The latest one of the address with the most places; among equals, of the address that came last. */
  #latestOfMost(): string {
    const byAddress = Map.groupBy(this.#addresses.keys(), (each) => this.#addresses.get(each));
    let most: readonly string[] = [];
    for (const group of byAddress.values()) if (group.length >= most.length) most = group;
    return most.at(-1) ?? "";
  }
}
