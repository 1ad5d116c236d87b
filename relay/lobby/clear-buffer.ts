/** Bytes that may wait to be sealed: enough for a few records, and for what one read brings. */
const MOST_BYTES = 1.5 * 1024 ** 2;
/** By which a buffer grows that is as large as that. */
const STEP_BYTES = 64 * 1024;
/** With which the buffer begins: most of what is sent is small, and much is nothing at all. */
const FIRST_BYTES = 4 * 1024;

/** What goes into one record. */
export interface RecordData {
  /** At most two. Good until more is pushed. */
  readonly pieces: Uint8Array[];
  /** Nothing follows. */
  readonly last: boolean;
  /** Bytes short of a full record. */
  readonly missing: number;
}

/**
 * Bytes as they come in clear, cut into records. They are copied, because they come in pieces of any
 * size, and a piece costs more to keep and to seal than its bytes. They go round in a ring: a sender whose
 * records wait for receivers would move what waits to the front again and again.
 */
export class ClearBuffer {
  readonly #recordBytes: number;
  readonly #flushMs: number | undefined;
  readonly #flush: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #isDiscarding = false;
  /** The waiting bytes have waited long enough for a record to become full. */
  #isDue = false;
  #bytes = new Uint8Array(0);
  /** Place of the first waiting byte in the ring `#bytes`: behind its end follows its beginning. */
  #from = 0;
  #waiting = 0;

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

  /** A whole record is here behind the first `bytes`, or what comes instead of one. */
  hasRecordBehind(bytes: number): boolean {
    if (this.#isEnded || this.#flushMs !== undefined) return true;
    return this.#waiting > bytes + this.#recordBytes;
  }

  /** What it takes of memory. bytes */
  get capacity(): number {
    return this.#bytes.length;
  }

  push(bytes: Uint8Array): void {
    if (this.#isDiscarding || bytes.length === 0) return;
    this.#makeRoom(bytes.length);
    const size = this.#bytes.length;
    const at = (this.#from + this.#waiting) % size;
    const first = Math.min(bytes.length, size - at);
    this.#bytes.set(first < bytes.length ? bytes.subarray(0, first) : bytes, at);
    if (first < bytes.length) this.#bytes.set(bytes.subarray(first));
    this.#waiting += bytes.length;
  }

  end(): void {
    this.#isEnded = true;
  }

  /** From now on everything is let go. */
  discard(): void {
    this.#isDiscarding = true;
    this.#waiting = 0;
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
    const pieces = this.#pieces(length);
    this.#from = (this.#from + length) % Math.max(1, this.#bytes.length);
    this.#waiting -= length;
    return { pieces, last, missing: this.#recordBytes - length };
  }

  /** Nothing follows. Its memory is freed at once: of many small uploads the engine collects it late. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.discard();
    this.#bytes.buffer.transfer(0);
    this.#bytes = new Uint8Array(0);
    this.#from = 0;
  }

  /** The first of what waits, as it lies in the ring. */
  #pieces(length: number): Uint8Array[] {
    const first = this.#bytes.subarray(this.#from, this.#from + length);
    if (first.length === length) return [first];
    return [first, this.#bytes.subarray(0, length - first.length)];
  }

  /** Takes another ring for what waits if this one is too small, or larger than anything needs now. */
  #makeRoom(length: number): void {
    const needed = this.#waiting + length;
    const before = this.#bytes.length;
    if (needed <= before && (before <= 2 * MOST_BYTES || needed > MOST_BYTES)) return;
    const ring = new Uint8Array(sizeFor(needed, before));
    let at = 0;
    for (const piece of this.#pieces(this.#waiting)) {
      ring.set(piece, at);
      at += piece.length;
    }
    this.#bytes = ring;
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
