/** Bytes that may wait to be sealed: a few records, and the bytes of one read. */
const MOST_BYTES = 1.5 * 1024 ** 2;
/** The step by which a buffer of that size grows. bytes */
const STEP_BYTES = 64 * 1024;
/** The first size: most shares are small, and many are empty. bytes */
const FIRST_BYTES = 4 * 1024;

/** The plaintext of one record. */
export interface RecordData {
  /** At most two. Valid until the next `push`. */
  readonly pieces: Uint8Array[];
  /** No byte follows. */
  readonly last: boolean;
  /** Bytes short of a full record. */
  readonly missing: number;
}

/**
 * Cuts bytes that come in clear into records, for `LobbySender`. It copies them, because they come in pieces of
 * any size, and a piece costs more to keep and to seal than its bytes. The copy is a ring: otherwise a sender whose
 * records wait for receivers would move the waiting bytes to the front again and again.
 */
export class ClearBuffer {
  readonly #recordBytes: number;
  readonly #flushMs: number | undefined;
  readonly #flush: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #isDiscarding = false;
  /** The bytes have waited long enough for a record to become full. */
  #isDue = false;
  #bytes = new Uint8Array(0);
  /** Of the first waiting byte in the ring `#bytes`. */
  #from = 0;
  #waiting = 0;

  /**
   * @param recordBytes of plaintext in a full record
   * @param flushMs fewer bytes become a record after that; undefined: never
   * @param flush called then
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

  /** Behind the first `bytes` is a whole record, or the bytes that take its place. */
  hasRecordBehind(bytes: number): boolean {
    if (this.#isEnded || this.#flushMs !== undefined) return true;
    return this.#waiting > bytes + this.#recordBytes;
  }

  /** Memory that it takes. bytes */
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

  /** Drops all bytes from now on. */
  discard(): void {
    this.#isDiscarding = true;
    this.#waiting = 0;
  }

  /**
   * The data of the next record, once it is full, the last, or has waited long enough. A full record waits for a
   * byte more or the end, which tells whether it is the last.
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

  /** Frees the memory at once: after many small uploads the engine collects it late. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.discard();
    this.#bytes.buffer.transfer(0);
    this.#bytes = new Uint8Array(0);
    this.#from = 0;
  }

  /** The first waiting bytes, as they lie in the ring. */
  #pieces(length: number): Uint8Array[] {
    const first = this.#bytes.subarray(this.#from, this.#from + length);
    if (first.length === length) return [first];
    return [first, this.#bytes.subarray(0, length - first.length)];
  }

  /** Takes another ring if this one is too small, or larger than needed. */
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

/** A ring that grew for one large message shrinks again. */
function sizeFor(needed: number, before: number): number {
  let size = before > 2 * MOST_BYTES ? FIRST_BYTES : Math.max(FIRST_BYTES, before);
  while (size < needed) size *= 2;
  const most = Math.ceil(Math.max(needed, MOST_BYTES) / STEP_BYTES) * STEP_BYTES;
  return Math.max(Math.min(size, most), needed);
}
