/** Where the files of a share lie in it: arithmetic only. */
import { stateBytes, type Manifest } from "../../protocol/content/manifest.ts";
import { Offsets } from "../../protocol/wire/offsets.ts";
import { dataPerRecord, plainOffset } from "../../protocol/wire/sizes.ts";
import { WINDOW_RECORDS } from "../../protocol/wire/limits.ts";

/** An outermost name of a share. */
export interface Top {
  readonly name: string;
  /** A file by itself, or a folder with all that is below it. */
  readonly type: "file" | "folder";
  /** Indices of its entries in the manifest. */
  readonly entries: readonly number[];
}

export class Layout {
  readonly manifest: Manifest;
  readonly headBytes: number;
  /** Of the files behind the head. */
  readonly #offsets: Offsets;

  constructor(manifest: Manifest, headBytes: number) {
    this.manifest = manifest;
    this.headBytes = headBytes;
    this.#offsets = new Offsets(manifest.files);
  }

  begin(file: number): number {
    return this.#offsets.begin(file);
  }

  end(file: number): number {
    return this.#offsets.end(file);
  }

  /** The file that holds the byte at `position`; the number of files behind the last. */
  fileAt(position: number): number {
    return this.#offsets.at(position);
  }

  /** Where the files' bytes of record `index` begin, behind one another; their end at most. */
  position(index: number): number {
    const offset = plainOffset(index, this.manifest.recordSize) - this.headBytes;
    return Math.min(Math.max(offset, 0), this.manifest.bytes);
  }

  /** The record that holds the byte at `position`. */
  recordAt(position: number): number {
    return Math.floor((this.headBytes + position) / dataPerRecord(this.manifest.recordSize));
  }

  /**
   * The first record from `from` on that holds anything of a wanted file, or of what became of files;
   * the number of records when none does. A gap that is on its way already is not worth a jump: those records are taken too.
   */
  nextWanted(from: number, wanted: (file: number) => boolean): number {
    const { files, records, bytes } = this.manifest;
    const start = this.position(from);
    const jump = (next: number): number => (next - from < WINDOW_RECORDS ? from : next);
    for (let file = this.fileAt(start); file < files.length; file++) {
      if (files[file]!.size === 0 || !wanted(file)) continue;
      return jump(Math.max(from, this.recordAt(Math.max(start, this.begin(file)))));
    }
    if (from >= records || stateBytes(this.manifest) === 0) return records;
    return jump(Math.max(from, this.recordAt(bytes)));
  }
}

/** The outermost names of a share, in its order. */
export function topsOf({ files }: Manifest): Top[] {
  const tops = new Map<string, { name: string; type: Top["type"]; entries: number[] }>();
  files.forEach(({ path, type }, i) => {
    const slash = path.indexOf("/");
    const name = slash === -1 ? path : path.slice(0, slash);
    const top = tops.get(name);
    if (top === undefined) {
      tops.set(name, { name, type: slash === -1 ? type : "folder", entries: [i] });
    } else {
      top.entries.push(i);
    }
  });
  return [...tops.values()];
}
