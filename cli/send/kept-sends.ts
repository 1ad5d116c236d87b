/** All sends that are kept. */
import type { HeldFolder } from "../system/held-folder.ts";
import { ENTRY, sendEntry, type SendEntry } from "./kept-send.ts";
import { TAG_BYTES } from "./sealed-tags.ts";
import { isFree, lookInside, shareOf, TAGS } from "./send-folder.ts";
import { namesIn, openState, readEntry, type Dated } from "../system/state.ts";

/** A send as `list` shows it. */
export type ListedSend = Dated<SendEntry> & {
  /** Records from the first that were sent at least once. */
  readonly sent: number;
  readonly running: boolean;
};

/** Stored ones are kept, too, so that the same command finds them. */
export function isUnfinished({ stored = 0 }: SendEntry): boolean {
  return stored === 0;
}

/** The kept sends, newest first. */
export function keptSends(): (ListedSend & { readonly folder: string })[] {
  using folder = openState("sends");
  if (folder === undefined) return [];
  return namesIn(folder)
    .flatMap((name) => {
      const entry = entryOf(folder, name);
      if (entry?.share !== shareOf(name)) return [];
      const size = Number(lookInside(folder, name, TAGS)?.size ?? 0);
      const sent = Math.floor(size / TAG_BYTES);
      return [{ ...entry, sent, running: !isFree(folder, name), folder: name }];
    })
    .toSorted((a, b) => b.at - a.at);
}

function entryOf(folder: HeldFolder, name: string): Dated<SendEntry> | undefined {
  try {
    using own = folder.enter(name);
    return readEntry(own, ENTRY, sendEntry);
  } catch {
    return undefined; // gone meanwhile, or no folder
  }
}

/** @returns false when a running process has it */
export function forgetSend(share: string): boolean {
  using folder = openState("sends");
  if (folder === undefined) return true;
  const names = namesIn(folder).filter((name) => shareOf(name) === share);
  const free = names.filter((name) => isFree(folder, name));
  for (const name of free) folder.clear(name);
  return free.length === names.length;
}
