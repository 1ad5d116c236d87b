import { Offsets } from "../../protocol/wire/offsets.ts";
import { PROGRESS_EVERY_MS } from "./event-pace.ts";
import type { ClientEvent } from "./event-schema.ts";

interface FileSize {
  readonly path: string;
  readonly size: number;
}

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
  readonly #files: readonly FileSize[];
  readonly #offsets: Offsets;

  constructor(files: readonly FileSize[]) {
    this.#files = files;
    this.#offsets = new Offsets(files);
  }

  /** The file that is under way; undefined where there are not several. */
  at(position: number): FileAt | undefined {
    if (this.#files.length < 2) return undefined;
    const index = Math.min(this.#offsets.at(position), this.#files.length - 1);
    const file = this.#files[index];
    if (file === undefined) return undefined;
    const bytes = Math.max(0, Math.min(position - this.#offsets.begin(index), file.size));
    return { name: file.path, number: index + 1, of: this.#files.length, bytes, size: file.size };
  }
}

/** Reports the position of a transfer, at most every PROGRESS_EVERY_MS. */
export class Progress {
  readonly #positions: FilePositions;
  readonly #size: number;
  readonly #emit: (event: ClientEvent) => void;
  #reportedAt = 0;
  /** Not yet reported. The next tick reports it, so a stalled transfer still shows its final position. */
  #unreported: number | undefined;

  /** @param size bytes of all files; 0 as long as it is unknown */
  constructor(
    { files, bytes: size }: { readonly files: readonly FileSize[]; readonly bytes: number },
    emit: (event: ClientEvent) => void,
  ) {
    this.#positions = new FilePositions(files);
    this.#size = size;
    this.#emit = emit;
  }

  /** @param end of the last position: whether it is reported at once, or elsewhere */
  moved(bytes: number, end?: "now" | "elsewhere"): void {
    const now = performance.now();
    const isEarly = end !== "now" && now - this.#reportedAt < PROGRESS_EVERY_MS;
    this.#unreported = isEarly && end === undefined ? bytes : undefined;
    if (isEarly) return;
    this.#reportedAt = now;
    const file = this.#positions.at(bytes);
    this.#emit({ event: "progress", bytes, size: this.#size, ...(file && { file }) });
  }

  tick(): void {
    if (this.#unreported !== undefined) this.moved(this.#unreported);
  }
}
