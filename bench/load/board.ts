/**
 * How far each receiver of a run is, in memory that its processes and the bench share: so that each
 * receiver can tell at once how far it is behind the most advanced one of all, and the bench when
 * somebody late is to join, without a message for either.
 *
 *     part 0 | part 1 | ... | receiver 0 | receiver 1 | ...     8 bytes each, of the machine's order
 *
 * A part's place has what the most advanced receiver of that load process has. Every place has one
 * writer, and 8 aligned bytes are written and read whole on the 64-bit machines that Bun runs on.
 */
import { writeFileSync } from "node:fs";

const PLACE_BYTES = Float64Array.BYTES_PER_ELEMENT;

export class Board {
  readonly #parts: Float64Array;
  readonly #receivers: Float64Array;

  private constructor(parts: Float64Array, receivers: Float64Array) {
    this.#parts = parts;
    this.#receivers = receivers;
  }

  /** @param path of a file that it makes */
  static create(path: string, parts: number, receivers: number): Board {
    writeFileSync(path, new Uint8Array((parts + receivers) * PLACE_BYTES), { flag: "wx" });
    return Board.open(path, parts);
  }

  /** @param parts as it was made with */
  static open(path: string, parts: number): Board {
    const { buffer, byteOffset, byteLength } = Bun.mmap(path);
    const places = new Float64Array(buffer, byteOffset, byteLength / PLACE_BYTES);
    return new Board(places.subarray(0, parts), places.subarray(parts));
  }

  /** How many there are. */
  get receivers(): number {
    return this.#receivers.length;
  }

  /** bytes of the source that the most advanced receiver of all has */
  get furthest(): number {
    let most = 0;
    for (const bytes of this.#parts) if (bytes > most) most = bytes;
    return most;
  }

  /** bytes that all have together */
  get sum(): number {
    let sum = 0;
    for (const bytes of this.#receivers) sum += bytes;
    return sum;
  }

  /** bytes that a receiver has */
  of(receiver: number): number {
    return this.#receivers[receiver] ?? 0;
  }

  /** A receiver of a part has `bytes` now. */
  note(part: number, receiver: number, bytes: number): void {
    this.#receivers[receiver] = bytes;
    if (bytes > (this.#parts[part] ?? 0)) this.#parts[part] = bytes;
  }
}
