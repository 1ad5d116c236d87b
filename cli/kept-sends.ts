/** All sends that are kept. */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { ENTRY, sendEntry, TAG_BYTES, type SendEntry } from "./kept-send.ts";
import { isFree, shareOf, TAGS } from "./send-folder.ts";
import { namesIn, readEntry, statePath, type Dated } from "./state.ts";

/** A send as `list` shows it. */
export type ListedSend = Dated<SendEntry> & {
  /** Records from the first that were sent at least once. */
  readonly sent: number;
  readonly running: boolean;
};

/** All that are kept, newest first. */
export function keptSends(): (ListedSend & { readonly folder: string })[] {
  const folder = statePath("sends");
  return namesIn(folder)
    .flatMap((name) => {
      const path = join(folder, name);
      const entry = readEntry(join(path, ENTRY), sendEntry);
      if (entry?.share !== shareOf(name)) return [];
      const size = statSync(join(path, TAGS), { throwIfNoEntry: false })?.size ?? 0;
      const sent = Math.floor(size / TAG_BYTES);
      return [{ ...entry, sent, running: !isFree(folder, name), folder: name }];
    })
    .toSorted((a, b) => b.at - a.at);
}

/** @returns false when a running process has it */
export function forgetSend(share: string): boolean {
  const folder = statePath("sends");
  const names = namesIn(folder).filter((name) => shareOf(name) === share);
  const free = names.filter((name) => isFree(folder, name));
  for (const name of free) rmSync(join(folder, name), { recursive: true, force: true });
  return free.length === names.length;
}
