/** Bytes that may wait to be sealed: enough for a few records, and for what one read brings. */
const MOST_BYTES = 2 * 1024 ** 2;

/** What goes into one record. */
export interface RecordData {
  readonly parts: Uint8Array[];
  /** Nothing follows. */
  readonly last: boolean;
  /** Bytes short of a full record. */
  readonly missing: number;
}

/** Bytes as they come in clear, cut into records. */
export class ClearBuffer {
  readonly #recordBytes: number;
  readonly #flushMs: number | undefined;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  readonly #flush: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #isDiscarding = false;
  /** What waits has waited long enough for a record to become full. */
  #isDue = false;

  /**
   * @param recordBytes of plaintext in a full record
   * @param flushMs after which less is a record too; undefined: never
   * @param flush told then
   */
  constructor(recordBytes: number, flushMs: number | undefined, flush: () => void) {
    this.#recordBytes = recordBytes;
    this.#flushMs = flushMs;
    this.#flush = flush;
  }

  get isFull(): boolean {
    return this.#bytes >= MOST_BYTES;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  /** Keeps the bytes themselves: whoever had them must not change them. */
  push(bytes: Uint8Array): void {
    if (this.#isDiscarding || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  end(): void {
    this.#isEnded = true;
  }

  /** From now on everything is let go. */
  discard(): void {
    this.#isDiscarding = true;
    this.#chunks = [];
    this.#bytes = 0;
  }

  /**
   * The next record's data, once it is full, the last, or has waited long enough. A full one is
   * held back while nobody knows whether it is the last.
   */
  take(): RecordData | undefined {
    const fits = this.#bytes <= this.#recordBytes;
    const last = this.#isEnded && fits;
    if (!last && fits && !(this.#isDue && this.#bytes > 0)) {
      if (this.#bytes > 0) this.#wait();
      return undefined;
    }
    this.#isDue = false;
    const parts = this.#cut(Math.min(this.#bytes, this.#recordBytes));
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    return { parts, last, missing: this.#recordBytes - length };
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.#flushMs === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#isDue = true;
      this.#flush();
    }, this.#flushMs);
  }

  #cut(wanted: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let left = wanted;
    let whole = 0;
    for (const chunk of this.#chunks) {
      if (chunk.length > left) break;
      parts.push(chunk);
      left -= chunk.length;
      whole++;
    }
    this.#chunks.splice(0, whole);
    const [next] = this.#chunks;
    if (left > 0 && next !== undefined) {
      parts.push(next.subarray(0, left));
      this.#chunks[0] = next.subarray(left);
    }
    this.#bytes -= wanted;
    return parts;
  }
}
