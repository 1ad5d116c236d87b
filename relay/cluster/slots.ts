/** The slots of this relay by the name of their share, and which of them are to be looked at. */
import { newSlot, type Slot } from "./slot.ts";

export class Slots {
  readonly #byName = new Map<string, Slot>();
  readonly #due = new Set<Slot>();

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Slot | undefined {
    return this.#byName.get(name);
  }

  all(): Iterable<Slot> {
    return this.#byName.values();
  }

  /** The slot of a name, a new one if there is none. */
  of(name: string): Slot {
    const slot = this.#byName.get(name) ?? newSlot(name);
    this.#byName.set(name, slot);
    this.#due.add(slot);
    return slot;
  }

  delete(name: string): void {
    this.#byName.delete(name);
  }

  /** The book looks at the slot next time. */
  touch(slot: Slot): void {
    this.#due.add(slot);
  }

  /** All slots to look at, also the ones that a look touches. */
  *takeDue(): Generator<Slot> {
    for (const slot of this.#due) {
      this.#due.delete(slot);
      yield slot;
    }
  }
}
