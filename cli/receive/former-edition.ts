/**
 * The partial of a share whose place another one takes, as its files changed at the sender. It also shows
 * that somebody agreed to take it.
 */
import { dangersOf } from "../../protocol/content/dangers.ts";

import type { Manifest, ManifestFile } from "../../protocol/content/manifest.ts";
import { findPartial } from "./find-partial.ts";
import type { Folder } from "../system/folder.ts";
import type { Spot } from "../system/held-folder.ts";
import type { PartialShare } from "./partial.ts";
import { PartialTree } from "./partial-tree.ts";
import type { Policy } from "../job/jobs.ts";

/** Without another question, a share offered anew may exceed twice the agreed size by so much. */
const EDITION_EXTRA_BYTES = 16 * 1024 ** 2;

export class FormerEdition {
  readonly #partial: PartialShare;
  /** The partial's place among the editions before. */
  readonly #number: number;
  /** By path in the share, its entries: names here depend on all names of an edition. */
  readonly #entries: ReadonlyMap<string, number>;

  private constructor(partial: PartialShare, number: number) {
    this.#partial = partial;
    this.#number = number;
    this.#entries = new Map(partial.manifest.files.map(({ path }, entry) => [path, entry]));
  }

  /** The latest one that is here. @throws FaultError of the disk */
  static find(
    folder: Folder,
    { edition }: Manifest,
    policy: Policy | undefined,
  ): FormerEdition | undefined {
    const before = edition?.before ?? [];
    for (const [number, share] of [...before.entries()].toReversed()) {
      const partial = findPartial({ dir: folder, share, policy });
      if (partial !== undefined) return new FormerEdition(partial, number);
    }
    return undefined;
  }

  /** The answer about names that are taken, as it was given. */
  get policy(): Policy {
    return this.#partial.policy;
  }

  /** Whether a yes to this edition covers all of that share: it has no new name, and no new danger. */
  covers({ files, bytes }: Manifest, prefix: string): boolean {
    const { manifest } = this.#partial;
    if (bytes > 2 * manifest.bytes + EDITION_EXTRA_BYTES) return false;
    return files.every((file) => {
      const then = this.#fileAt(file);
      if (then?.type !== file.type) return false;
      const known = dangersOf(then, prefix);
      return dangersOf(file, prefix).every((danger) => known.includes(danger));
    });
  }

  /** 1 for each entry of the share in its place that is here. */
  reusable({ files, edition }: Manifest, wanted: Uint8Array): Uint8Array {
    return Uint8Array.from(files, (file, entry) => {
      const isSaid = (edition?.since[entry] ?? Infinity) <= this.#number;
      const isSame = isSaid && this.#fileAt(file)?.size === file.size;
      return isSame && wanted[entry] === 1 && this.#whole(file) !== undefined ? 1 : 0;
    });
  }

  /** Gives them to it. @returns bytes that need not be fetched. @throws what the file system throws */
  giveTo(tree: PartialTree, reusable: Uint8Array): number {
    let bytes = 0;
    for (const [entry, file] of tree.manifest.files.entries()) {
      const from = reusable[entry] === 1 ? this.#whole(file) : undefined;
      if (from === undefined) continue;
      tree.takeOver(entry, from);
      bytes += file.size;
    }
    return bytes;
  }

  /** The share in its place has all that it needs of it. */
  discard(): Promise<void> {
    return this.#partial.discard();
  }

  /** It stays for another run. */
  close(): Promise<string | undefined> {
    return this.#partial.close();
  }

  #fileAt(file: ManifestFile): ManifestFile | undefined {
    const entry = this.#entries.get(sentPath(file));
    return entry === undefined ? undefined : this.#partial.manifest.files[entry];
  }

  #whole(file: ManifestFile): Spot | undefined {
    const entry = this.#entries.get(sentPath(file));
    if (entry === undefined || !(this.#partial instanceof PartialTree)) return undefined;
    return this.#partial.wholeFile(entry);
  }
}

function sentPath({ path, sent = path }: ManifestFile): string {
  return sent;
}
