/** Bytes that may wait to be sealed: enough for a few records, and for what one read brings. */
const MOST_BYTES = 1.5 * 1024 ** 2;
/** By which a buffer grows that is as large as that. */
const STEP_BYTES = 64 * 1024;
/** With which the buffer begins: most of what is sent is small, and much is nothing at all. */
const FIRST_BYTES = 4 * 1024;

/** What goes into one record. */
export interface RecordData {
  /** Good until more is pushed. */
  readonly bytes: Uint8Array;
  /** Nothing follows. */
  readonly last: boolean;
  /** Bytes short of a full record. */
  readonly missing: number;
}

/**
 * Bytes as they come in clear, cut into records. They are copied, because they come in pieces of any
 * size, and a piece costs more to keep and to seal than its bytes.
 */
export class ClearBuffer {
  readonly #recordBytes: number;
  readonly #flushMs: number | undefined;
  readonly #flush: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #isDiscarding = false;
  /** What waits has waited long enough for a record to become full. */
  #isDue = false;
  #bytes = new Uint8Array(0);
  /** What waits lies from here to there. */
  #from = 0;
  #to = 0;

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
    return this.#waiting >= MOST_BYTES;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  /** A whole record is here, or what comes instead of one. */
  get hasRecord(): boolean {
    return this.#isEnded || this.#flushMs !== undefined || this.#waiting > this.#recordBytes;
  }

  /** What it takes of memory. bytes */
  get capacity(): number {
    return this.#bytes.length;
  }

  push(bytes: Uint8Array): void {
    if (this.#isDiscarding || bytes.length === 0) return;
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#to);
    this.#to += bytes.length;
  }

  end(): void {
    this.#isEnded = true;
  }

  /** From now on everything is let go. */
  discard(): void {
    this.#isDiscarding = true;
    this.#from = this.#to;
  }

  /**
   * The next record's data, once it is full, the last, or has waited long enough. A full one is
   * held back while nobody knows whether it is the last.
   */
  take(): RecordData | undefined {
    const fits = this.#waiting <= this.#recordBytes;
    const last = this.#isEnded && fits;
    if (!last && fits && !(this.#isDue && this.#waiting > 0)) {
      if (this.#waiting > 0) this.#wait();
      return undefined;
    }
    this.#isDue = false;
    const length = Math.min(this.#waiting, this.#recordBytes);
    const bytes = this.#bytes.subarray(this.#from, this.#from + length);
    this.#from += length;
    return { bytes, last, missing: this.#recordBytes - length };
  }

  /** Nothing follows. Its memory is freed at once: of many small uploads the engine collects it late. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.discard();
    this.#bytes.buffer.transfer(0);
    this.#bytes = new Uint8Array(0);
    this.#from = 0;
    this.#to = 0;
  }

  get #waiting(): number {
    return this.#to - this.#from;
  }

  /** Moves what waits to the front, or into a buffer twice as large. */
  #makeRoom(length: number): void {
    if (this.#to + length <= this.#bytes.length) return;
    const needed = this.#waiting + length;
    const size = sizeFor(needed, this.#bytes.length);
    const rest = this.#bytes.subarray(this.#from, this.#to);
    if (size === this.#bytes.length) {
      this.#bytes.copyWithin(0, this.#from, this.#to);
    } else {
      const larger = new Uint8Array(size);
      larger.set(rest);
      this.#bytes = larger;
    }
    this.#to = rest.length;
    this.#from = 0;
  }

  #wait(): void {
    if (this.#flushMs === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#isDue = true;
      this.#flush();
    }, this.#flushMs);
  }
}

/** One that was large for one message need not stay so. */
function sizeFor(needed: number, before: number): number {
  let size = before > 2 * MOST_BYTES ? FIRST_BYTES : Math.max(FIRST_BYTES, before);
  while (size < needed) size *= 2;
  const most = Math.ceil(Math.max(needed, MOST_BYTES) / STEP_BYTES) * STEP_BYTES;
  return Math.max(Math.min(size, most), needed);
}
