/** The changes of files since they were described, entry by entry of their manifests. */
import { decodeHead, type ManifestFile } from "../../protocol/content/manifest.ts";
import { equalBytes } from "../../protocol/wire/bytes.ts";
import { STAMP_FIELDS, type Content } from "./kept-send.ts";

/** `touched`: something about it was, of which nobody can tell whether it was the content. */
export type ChangeKind = "new" | "gone" | "size" | "time" | "mode" | "other file" | "content";

export interface Change {
  /** As receivers see it. */
  readonly path: string;
  readonly what: ChangeKind;
}

export interface Comparison {
  /** Empty: size and time of all are the same. */
  readonly changes: readonly Change[];
  /**
   * The entries whose ctime is another: their content may have been changed and their time set back,
   * or another file may have their name. An inode's number alone says nothing; see `Identities`.
   */
  readonly touched: ReadonlySet<number>;
}

const [SIZE, TIME, TOUCHED] = [1, 2, 3] as const;

/**
 * Both must be of one share: it is in their heads. Only what differs is decoded, as a head of many
 * files takes far more memory decoded than it is long.
 */
export function compare(before: Content, now: Content): Comparison {
  const same = equalBytes(before.head, now.head);
  if (!same) {
    const changes = changesOf(decodeHead(before.head).files, decodeHead(now.head).files);
    if (changes.length > 0) return { changes, touched: new Set() };
  }
  const differing: { readonly entry: number; readonly what: ChangeKind }[] = [];
  const touched = new Set<number>();
  for (let entry = 0; entry * STAMP_FIELDS < now.stamps.length; entry++) {
    const differs = (field: number): boolean => {
      const at = entry * STAMP_FIELDS + field;
      return before.stamps[at] !== now.stamps[at];
    };
    if (differs(SIZE)) differing.push({ entry, what: "size" });
    else if (differs(TIME)) differing.push({ entry, what: "time" });
    else if (differs(TOUCHED)) touched.add(entry);
  }
  // Made by another version, say: the same files and another description of them.
  if (differing.length === 0 && !same) differing.push({ entry: 0, what: "content" });
  if (differing.length === 0) return { changes: [], touched };
  const { files } = decodeHead(now.head);
  const changes = differing.map(({ entry, what }) => ({ path: files[entry]?.path ?? "", what }));
  return { changes, touched };
}

function changesOf(old: readonly ManifestFile[], files: readonly ManifestFile[]): Change[] {
  const left = new Map(old.map((file) => [file.path, file]));
  const changes: Change[] = [];
  for (const { path, type, size, mode, mtime } of files) {
    const before = left.get(path);
    left.delete(path);
    if (before === undefined) changes.push({ path, what: "new" });
    else if (before.type !== type) changes.push({ path, what: "other file" });
    else if (before.size !== size) changes.push({ path, what: "size" });
    else if (before.mtime !== mtime) changes.push({ path, what: "time" });
    else if (before.mode !== mode) changes.push({ path, what: "mode" });
  }
  for (const path of left.keys()) changes.push({ path, what: "gone" });
  return changes;
}
