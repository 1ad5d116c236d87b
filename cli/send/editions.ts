/**
 * A share whose files changed is offered anew, as another share under the same code: its next edition.
 * The manifest says which shares it takes the place of, and of each file since which of them it is
 * what it is, so that receivers keep what they have.
 */
import { decodeHead, type Edition, type ManifestFile } from "../../protocol/content/manifest.ts";
import { STAMP_FIELDS } from "./kept-send.ts";

/** The share before. */
export interface Former {
  readonly share: Uint8Array;
  readonly head: Uint8Array;
  /** As a source's, when it was described. */
  readonly stamps: BigUint64Array | undefined;
  /** Entries of it that left otherwise than they were offered, or may have. */
  readonly doubtful: ReadonlySet<number>;
}

/** Compares the files of a share with those of the share before. */
export function editionAfter(
  { share, head, stamps: before, doubtful }: Former,
  files: readonly ManifestFile[],
  stamps: BigUint64Array | undefined,
): Edition {
  const { files: former, edition } = decodeHead(head);
  const ids = [...(edition?.before ?? []), share];
  const since = new Uint8Array(files.length).fill(ids.length);
  if (before === undefined || stamps === undefined) return { before: ids, since };
  const known = new Map(former.map(({ path }, entry) => [path, entry]));
  for (const [entry, file] of files.entries()) {
    const then = known.get(file.path);
    if (then === undefined || doubtful.has(then)) continue;
    if (file.type !== former[then]!.type || !isUnchanged(before, then, stamps, entry)) continue;
    since[entry] = edition?.since[then] ?? 0;
  }
  return { before: ids, since };
}

/** Whether size, mtime and ctime are the same; the inode's number says nothing. */
function isUnchanged(
  before: BigUint64Array,
  then: number,
  now: BigUint64Array,
  entry: number,
): boolean {
  for (let field = 1; field < STAMP_FIELDS; field++) {
    if (before[then * STAMP_FIELDS + field] !== now[entry * STAMP_FIELDS + field]) return false;
  }
  return true;
}
