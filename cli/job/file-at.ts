/** A file of a share that holds a position of its content. */
export interface FileAt {
  readonly name: string;
  /** From 1 on. */
  readonly number: number;
  /** Files in all. */
  readonly of: number;
  /** Of this file, before the position. */
  readonly bytes: number;
  readonly size: number;
}

/** Finds the file of many that holds a position of their content. */
export class FilePositions {
  readonly #files: readonly { readonly path: string; readonly size: number }[];
  /** Where each begins, and where the last one ends. */
  readonly #starts: Float64Array;

  constructor(files: readonly { readonly path: string; readonly size: number }[]) {
    this.#files = files;
    this.#starts = new Float64Array(files.length + 1);
    files.forEach(({ size }, index) => {
      this.#starts[index + 1] = this.#starts[index]! + size;
    });
  }

  /** The file that is under way; undefined where there are not several. */
  at(position: number): FileAt | undefined {
    if (this.#files.length < 2) return undefined;
    let [low, high] = [0, this.#files.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      // A file that ends at the position is through.
      if ((this.#starts[middle + 1] ?? 0) <= position) low = middle + 1;
      else high = middle;
    }
    const file = this.#files[low];
    if (file === undefined) return undefined;
    const bytes = Math.max(0, Math.min(position - (this.#starts[low] ?? 0), file.size));
    return { name: file.path, number: low + 1, of: this.#files.length, bytes, size: file.size };
  }
}
