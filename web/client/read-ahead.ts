/**
 * Reads of chosen files. A browser takes a part of a millisecond to begin a read of a file, whatever
 * its length, so records that follow one another are cut from larger reads: Chromium reads 1 MiB at
 * a time at 250 MiB/s and 8 MiB at a time at 650 MiB/s.
 */

/** Records in one larger read. items */
const AHEAD_RECORDS = 8;
/** Larger reads that are kept: the one in use, the next, and one of a record that is wanted late. items */
const READS_KEPT = 3;
/** Shorter pieces belong to small files, which are read as they are. bytes */
const AHEAD_LEAST_BYTES = 256 * 1024;

interface LargeRead {
  readonly blob: Blob;
  readonly from: number;
  readonly to: number;
  readonly bytes: Promise<Uint8Array>;
}

export class ReadAhead {
  readonly #reads: LargeRead[] = [];
  /** Where the piece before ended. */
  #before: { readonly blob: Blob; readonly end: number } | undefined;

  /**
   * The bytes of a part of a file; fewer where the file is shorter than the browser said.
   * @throws DOMException (rejects) as the browser reports it
   */
  async read(blob: Blob, from: number, to: number): Promise<Uint8Array> {
    const follows = this.#before?.blob === blob && this.#before.end === from;
    this.#before = { blob, end: to };
    const known = this.#find(blob, from, to);
    if (known === undefined && (!follows || to - from < AHEAD_LEAST_BYTES)) {
      return await bytesOf(blob, from, to);
    }
    const length = AHEAD_RECORDS * (to - from);
    const read = known ?? this.#start(blob, from, from + length);
    // The next one begins with the last that there is, so the file is never waited for.
    const isNewest = read === this.#reads.at(-1);
    if (isNewest && to - from >= AHEAD_LEAST_BYTES && read.to < blob.size) {
      this.#start(blob, read.to, read.to + length);
    }
    const bytes = await read.bytes;
    return bytes.subarray(from - read.from, to - read.from);
  }

  #find(blob: Blob, from: number, to: number): LargeRead | undefined {
    return this.#reads.find((read) => read.blob === blob && read.from <= from && to <= read.to);
  }

  #start(blob: Blob, from: number, end: number): LargeRead {
    const to = Math.min(end, blob.size);
    const read = { blob, from, to, bytes: bytesOf(blob, from, to) };
    // A read that fails fails for each record that needs it, and for no other.
    read.bytes.catch(() => undefined);
    this.#reads.push(read);
    if (this.#reads.length > READS_KEPT) this.#reads.shift();
    return read;
  }
}

/** @throws DOMException (rejects) as the browser reports it */
export async function bytesOf(blob: Blob, from: number, to: number): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(from, to).arrayBuffer());
}
