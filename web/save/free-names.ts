/**
 * Names that are free in a folder that the person chose: neither a file on the disk nor another entry of
 * the share has them.
 */
import { collisionKey } from "../../protocol/content/names.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { isTaken as isThere, type FolderHandle } from "../browser/file-system.ts";
import type { OfferedFile } from "../job/receive-messages.ts";
import { NAMES_TRIED, numbered, PARTIAL_SUFFIX, type Place } from "./names.ts";

/** A name for everything that lies in the chosen folder itself; folders are made at once. */
export async function freeTops(
  folder: FolderHandle,
  places: readonly Place[],
  files: readonly OfferedFile[],
): Promise<Map<string, string>> {
  const tops = new Map<string, string>();
  // `a (2)` of the share is not free for an `a` that has to give way to a file on the disk.
  const taken = new Set(places.map(({ folders, name }) => collisionKey(folders[0] ?? name)));
  for (const [at, { folders, name }] of places.entries()) {
    const top = folders[0] ?? name;
    if (tops.has(top)) continue;
    taken.delete(collisionKey(top));
    const free = await freeName(folder, top, {
      isTaken: (key) => taken.has(key),
      suffixes: [PARTIAL_SUFFIX],
    });
    taken.add(collisionKey(top)).add(collisionKey(free));
    tops.set(top, free);
    if (folders.length > 0 || files[at]!.type === "folder") {
      await folder.getDirectoryHandle(free, { create: true });
    }
  }
  return tops;
}

interface Unfree {
  /** Whether the share has a use for a name of that key. */
  readonly isTaken: (key: string) => boolean;
  /** The name with each of them must be free on the disk too. */
  readonly suffixes: readonly string[];
}

export async function freeName(
  folder: FolderHandle,
  wanted: string,
  { isTaken, suffixes }: Unfree,
): Promise<string> {
  for (let number = 1; number <= NAMES_TRIED; number++) {
    const name = numbered(wanted, number);
    if (isTaken(collisionKey(name))) continue;
    const found = await Promise.all(
      ["", ...suffixes].map((suffix) => isThere(folder, name + suffix)),
    );
    if (!found.includes(true)) return name;
  }
  throw new FaultError("name-exhausted", wanted);
}

/** Equal for paths that some file system takes for one. */
export function keyOf(parts: readonly string[]): string {
  return parts.map((part) => collisionKey(part)).join("/");
}
