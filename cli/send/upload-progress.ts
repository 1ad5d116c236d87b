import { type Manifest } from "../../protocol/mod.ts";
import { PROGRESS_EVERY_MS } from "../job/event-pace.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { FilePositions } from "../job/file-at.ts";
import type { Source } from "./source.ts";

/** Tells the position of the upload of a share. */
export class UploadProgress {
  readonly #source: Source;
  /** Of all files; 0 as long as nobody knows. */
  readonly #size: number;
  readonly #positions: FilePositions;
  readonly #emit: (event: ClientEvent) => void;
  /** The record after the last that was sent at least once. */
  #records: number;
  #toldAt = 0;
  /** Not yet reported. The next tick tells it, so a stalled transfer still shows its final position. */
  #untold = false;

  constructor(
    source: Source,
    { bytes, files }: Manifest,
    sent: number,
    emit: (event: ClientEvent) => void,
  ) {
    this.#source = source;
    this.#size = bytes;
    this.#positions = new FilePositions(files);
    this.#records = sent;
    this.#emit = emit;
  }

  get records(): number {
    return this.#records;
  }

  /** Of files, that were sent at least once. */
  get bytes(): number {
    return this.#source.bytesBefore(this.#records);
  }

  sent(index: number): void {
    this.#records = Math.max(this.#records, index + 1);
    this.#tell();
  }

  tick(): void {
    if (this.#untold) this.#tell();
  }

  #tell(): void {
    const now = performance.now();
    const whole = this.#records === this.#source.records;
    this.#untold = !whole && now - this.#toldAt < PROGRESS_EVERY_MS;
    if (this.#untold) return;
    this.#toldAt = now;
    const { bytes } = this;
    const file = this.#positions.at(bytes);
    this.#emit({ event: "progress", bytes, size: this.#size, ...(file && { file }) });
  }
}
