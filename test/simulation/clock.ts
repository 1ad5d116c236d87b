/** Something that will happen; `cancel` keeps it from happening. */
export interface Timer {
  cancel(): void;
}

class Planned implements Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;

  constructor(at: number, order: number, run: () => void) {
    this.at = at;
    this.order = order;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }

  isBefore(other: Planned): boolean {
    return this.at === other.at ? this.order < other.order : this.at < other.at;
  }
}

/** Time as one part of a world has it. */
export interface Time {
  /** ms */
  readonly now: number;
  after(delay: number, run: () => void): Timer;
}

/** Virtual time. Events of one moment happen in the order of planning. */
export class Clock implements Time {
  /** ms */
  now = 0;
  steps = 0;
  readonly #heap: Planned[] = [];
  #order = 0;

  after(delay: number, run: () => void): Timer {
    const planned = new Planned(this.now + Math.max(0, delay), this.#order++, run);
    this.#push(planned);
    return planned;
  }

  /** Runs what is next; false when nothing is planned. */
  step(): boolean {
    const next = this.#pop();
    if (next === undefined) return false;
    if (next.run === undefined) return true;
    this.now = next.at;
    this.steps++;
    next.run();
    return true;
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(planned);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above]!;
      if (!planned.isBefore(parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = planned;
  }

  #pop(): Planned | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.isBefore(heap[below]!)) below++;
      const child = heap[below]!;
      if (!child.isBefore(last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}
