/** The files of an offer in the order of the screen. */
import type { Danger } from "../../protocol/content/dangers.ts";
import type { Offer, OfferedFile } from "../job/receive-messages.ts";

export const DANGER_WORDS: Readonly<Record<Danger, string>> = {
  hidden: "hidden",
  autorun: "systems act upon it",
  executable: "executable",
};

/**
 * Files that deserve a second look stand first where a list is cut, so that nothing hides behind
 * others. A short list keeps the order of its sender.
 */
export function orderedFiles(
  files: readonly OfferedFile[],
  rowsFirst: number,
): readonly OfferedFile[] {
  if (files.length <= rowsFirst) return files;
  const flagged = files.filter(({ dangers }) => dangers.length > 0);
  if (flagged.length === 0) return files;
  return [...flagged, ...files.filter(({ dangers }) => dangers.length === 0)];
}

/** Whether two offers are of the same share with the same files, as far as their savers care. */
export function isSameOffer(one: Offer, other: Offer): boolean {
  return (
    one.share === other.share &&
    one.kind === other.kind &&
    one.open === other.open &&
    one.files.length === other.files.length &&
    one.files.every(({ path, type, size }, at) => {
      const file = other.files[at]!;
      return path === file.path && type === file.type && size === file.size;
    })
  );
}

/** Entries that get other names than in the share; undefined: there are none. */
export function renamedFiles(
  files: readonly OfferedFile[],
): { readonly count: number; readonly from: string; readonly to: string } | undefined {
  const renamed = files.filter(({ sent }) => sent !== undefined);
  const [first] = renamed;
  if (first?.sent === undefined) return undefined;
  return { count: renamed.length, from: first.sent, to: first.path };
}

export function dangerCounts(files: readonly OfferedFile[]): Readonly<Record<Danger, number>> {
  const counts: Record<Danger, number> = { hidden: 0, autorun: 0, executable: 0 };
  for (const { dangers } of files) for (const danger of dangers) counts[danger]++;
  return counts;
}
