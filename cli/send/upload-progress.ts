import type { Manifest } from "../../protocol/content/manifest.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { Progress } from "../job/progress.ts";
import type { Source } from "./source.ts";

/** The position of the upload of a share. */
export class UploadProgress {
  readonly #source: Source;
  readonly #progress: Progress;
  /** The record after the last that was sent at least once. */
  #records: number;

  constructor(
    source: Source,
    manifest: Manifest,
    sent: number,
    emit: (event: ClientEvent) => void,
  ) {
    this.#source = source;
    this.#progress = new Progress(manifest, emit);
    this.#records = sent;
  }

  get records(): number {
    return this.#records;
  }

  /** Of files, that were sent at least once. */
  get bytes(): number {
    return this.#source.bytesBefore(this.#records);
  }

  /** An earlier run brought it so far. */
  begunAt(records: number): void {
    this.#records = Math.max(this.#records, records);
  }

  sent(index: number): void {
    this.#records = Math.max(this.#records, index + 1);
    const isAll = this.#records === this.#source.records;
    this.#progress.moved(this.bytes, isAll ? "now" : undefined);
  }

  tick(): void {
    this.#progress.tick();
  }
}
