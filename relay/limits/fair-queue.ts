/** Waiting items by address, as limits count it: addresses take turns, and each serves its items in order. */
export class FairQueue<Item> {
  readonly #byAddress = new Map<string | undefined, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(address: string | undefined, item: Item): void {
    let items = this.#byAddress.get(address);
    if (items === undefined) {
      items = new Set();
      this.#byAddress.set(address, items);
    }
    if (items.has(item)) return;
    items.add(item);
    this.#size++;
  }

  delete(address: string | undefined, item: Item): void {
    const items = this.#byAddress.get(address);
    if (items?.delete(item) !== true) return;
    this.#size--;
    if (items.size === 0) this.#byAddress.delete(address);
  }

  get first(): Item | undefined {
    for (const items of this.#byAddress.values()) for (const item of items) return item;
    return undefined;
  }

  /** Takes out whose turn it is; the next one is of another address, if any waits. */
  shift(): Item | undefined {
    for (const [address, items] of this.#byAddress) {
      for (const item of items) {
        this.delete(address, item);
        if (items.size > 0) {
          this.#byAddress.delete(address);
          this.#byAddress.set(address, items);
        }
        return item;
      }
    }
    return undefined;
  }
}
