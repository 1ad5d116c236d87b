import { Offsets } from "../../protocol/wire/offsets.ts";

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
  readonly #files: readonly { readonly path: string; readonly size: number }[];
  readonly #offsets: Offsets;

  constructor(files: readonly { readonly path: string; readonly size: number }[]) {
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
