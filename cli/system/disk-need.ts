/**
 * The space that a share takes on a disk beside the bytes of its files: whole blocks, an inode for each file and
 * folder, a block for each folder, room for names. A manifest of a megabyte without any content can
 * name enough of them to fill a disk.
 */
import type { Manifest, ManifestFile } from "../../protocol/content/manifest.ts";

export interface DiskUse {
  readonly bytes: number;
  readonly inodes: number;
}

/** Beside the name, in the folder that has it: inode and lengths, as ext4 has them. */
const NAME_OVERHEAD_BYTES = 16;

export class DiskNeed {
  readonly #files: readonly ManifestFile[];
  readonly #wanted: Uint8Array;
  readonly #block: number;
  /** How many folders are made with each entry; paths have PATH_DEPTH of them at most. */
  readonly #folders: Uint8Array;

  /**
   * @param wanted which entries are made, 1 each
   * @param block bytes that a folder takes, and of which a file takes whole ones
   */
  constructor({ files }: Pick<Manifest, "files">, wanted: Uint8Array, block: number) {
    this.#files = files;
    this.#wanted = wanted;
    this.#block = block;
    this.#folders = newFolders(files, wanted);
  }

  /**
   * The space that the rest of the share needs.
   * @param position bytes of content before it are here
   * @param made entries without content before this index are made
   */
  left(position = 0, made = 0): DiskUse {
    let bytes = 0;
    let inodes = 0;
    let begin = 0;
    for (const [i, { path, type, size }] of this.#files.entries()) {
      const end = begin + size;
      const begun = size > 0 ? position > begin : i < made;
      if (this.#wanted[i] === 1 && !(begun && end <= position)) {
        bytes += this.#blocks(begun ? end - position : size);
        if (!begun) {
          const folders = this.#folders[i]!;
          bytes += folders * this.#block + NAME_OVERHEAD_BYTES + nameLength(path);
          inodes += folders + (type === "file" ? 1 : 0);
        }
      }
      begin = end;
    }
    return { bytes, inodes };
  }

  #blocks(bytes: number): number {
    return Math.ceil(bytes / this.#block) * this.#block;
  }
}

/** Files with content are made first, in their order, and all else after them. */
function newFolders(files: readonly ManifestFile[], wanted: Uint8Array): Uint8Array {
  const made = new Uint8Array(files.length);
  const seen = new Set([""]);
  for (const withContent of [true, false]) {
    for (const [i, { path, type, size }] of files.entries()) {
      if (size > 0 !== withContent || wanted[i] !== 1) continue;
      made[i] = add(type === "folder" ? path : parentOf(path), seen);
    }
  }
  return made;
}

/** @returns how many of the folders on the way were not there */
function add(folder: string, seen: Set<string>): number {
  let added = 0;
  for (let at = folder; !seen.has(at); at = parentOf(at)) {
    seen.add(at);
    added++;
  }
  return added;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

function nameLength(path: string): number {
  return path.length - path.lastIndexOf("/") - 1;
}
