/**
 * Records of a share that came before their turn, as they do where several connections carry them. A session keeps
 * no more of them than its window, and each once.
 */
export class EarlyFrames {
  readonly #frames = new Map<number, Uint8Array>();
  /** Bytes of all that it keeps. */
  #bytes = 0;

  get size(): number {
    return this.#frames.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keeps a copy, as a link may reuse the memory of what it received.
   * @param end records from this one on are not kept: the relay must not have sent them yet
   * @returns whether it is kept, and was not before
   */
  put(index: number, ciphertext: Uint8Array, end: number): boolean {
    if (index >= end || this.#frames.has(index)) return false;
    // Not `slice`, which of a Buffer makes a view.
    this.#frames.set(index, new Uint8Array(ciphertext));
    this.#bytes += ciphertext.length;
    return true;
  }

  /** Its turn has come. */
  take(index: number): Uint8Array | undefined {
    const ciphertext = this.#frames.get(index);
    if (ciphertext === undefined) return undefined;
    this.#frames.delete(index);
    this.#bytes -= ciphertext.length;
    return ciphertext;
  }

  /** The session no longer needs frames before this record. */
  dropBefore(next: number): void {
    for (const index of this.#frames.keys()) if (index < next) this.take(index);
  }
}
