/** Where parts lie that follow one another, such as the files of a share: prefix sums of their sizes. */
export class Offsets {
  /** Where each part begins, and where the last one ends. */
  readonly #starts: Float64Array;

  constructor(parts: readonly { readonly size: number }[]) {
    this.#starts = new Float64Array(parts.length + 1);
    parts.forEach(({ size }, part) => {
      this.#starts[part + 1] = this.#starts[part]! + size;
    });
  }

  begin(part: number): number {
    return this.#starts[part]!;
  }

  end(part: number): number {
    return this.#starts[part + 1]!;
  }

  /** The part that holds the byte at `position`; the number of parts behind the last. */
  at(position: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      // A part that ends at the position does not hold it.
      if (this.end(middle) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
