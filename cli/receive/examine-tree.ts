/**
 * Examines the partial of a tree: which of its files are whole, and from where the next is to be
 * fetched. A file counts only as far as the journal and the disk agree. `findPartial` calls it.
 */
import { FaultError } from "../../protocol/wire/faults.ts";
import { Descent } from "../system/descent.ts";
import type { Folder } from "../system/folder.ts";
import { lstatOf, type HeldFolder } from "../system/held-folder.ts";
import type { Journal } from "./journal.ts";
import { Layout, topsOf } from "./layout.ts";
import { DATA } from "./partial.ts";
import { createTree, PartialTree } from "./partial-tree.ts";
import type { Policy } from "../job/jobs.ts";
import { nextWithStates, ReceivedStates } from "./received-states.ts";
import { DestinationSurvey } from "./destination-survey.ts";

export interface TreeContents {
  /** The first record needed. */
  readonly next: number;
  readonly layout: Layout;
  readonly wanted: Uint8Array;
  /** As in TreeHoldings. */
  readonly here: Uint8Array;
  /** Everything is written; what has its name already is not looked at again. */
  readonly whole: boolean;
}

/**
 * The part of a resumed tree that is here: in the partial as far as it is believed, and at the
 * destination, where things may have changed since. Undefined when it is nothing to go on with.
 */
export function examineTree(
  folder: Folder,
  own: HeldFolder,
  journal: Journal,
  policy: Policy,
): TreeContents | undefined {
  const { manifest, headBytes } = journal;
  const { written, whole } = journal.found;
  if (!isUsable(own)) return undefined;
  using data = own.lstat(DATA) && own.enter(DATA);
  const layout = new Layout(manifest, headBytes);
  let wanted: Uint8Array;
  try {
    wanted = new DestinationSurvey(folder, manifest, policy).wanted(policy);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return undefined; // what is there now forbids it: whoever asks again is told
  }
  const states = ReceivedStates.of(own, manifest);
  const placed = whole ? placedTops(folder, journal) : new Set<string>();
  const end = layout.position(written);
  using descent = data && new Descent(data);
  const here = takenOver(descent, journal, wanted);
  let good = end;
  for (const [i, { path, size, type }] of manifest.files.entries()) {
    const begin = layout.begin(i);
    if (begin >= end && !whole) break;
    const top = path.split("/", 1)[0]!;
    if (placed.has(top)) {
      wanted[i] = 1;
      continue;
    }
    if (size === 0 && !whole) continue; // made at the end
    if (!states.isUsable(i)) continue; // never saved, and removed before all others are
    const least = Math.min(size, end - begin);
    const state = lookAtStaged(descent, path, type, { size, least, journal });
    if (state === "good") {
      // Also one that is at the destination now: it was not when it was agreed to.
      wanted[i] = 1;
    } else if (wanted[i] === 1) {
      if (whole && state === "missing" && canBeMerged(policy)) continue;
      good = Math.min(good, begin);
      break;
    }
  }
  const complete = whole && good === end;
  const needed = complete
    ? written
    : layout.nextWanted(
        good < end ? layout.recordAt(good) : written,
        (i) => wanted[i] === 1 && here[i] !== 1,
      );
  const next = nextWithStates(own, journal, needed);
  return { next, layout, wanted, here, whole: complete && next === needed };
}

/** The records of a claimed partial, which its journal then notes. */
export function takeTree(
  folder: Folder,
  name: string,
  own: HeldFolder,
  journal: Journal,
  policy: Policy,
): PartialTree | "empty" | undefined {
  const contents = examineTree(folder, own, journal, policy);
  if (contents === undefined) return undefined;
  const { next, layout, wanted, here, whole } = contents;
  const data = createTree(own);
  const synced = Math.min(journal.found.synced, next);
  journal.mark({ written: next, synced, whole });
  const holdings = { folder, name, own, journal, data, next, synced };
  return new PartialTree({ ...holdings, layout, wanted, here, whole });
}

/** Files that an earlier edition gave, and that are whole. */
function takenOver(descent: Descent | undefined, journal: Journal, wanted: Uint8Array): Uint8Array {
  const { files, edition } = journal.manifest;
  const here = new Uint8Array(files.length);
  if (edition === undefined) return here;
  for (const [i, { path, size, type }] of files.entries()) {
    if (size === 0 || wanted[i] !== 1 || edition.since[i] === edition.before.length) continue;
    if (lookAtStaged(descent, path, type, { size, least: size, journal }) === "good") here[i] = 1;
  }
  return here;
}

/** Whether the data is a folder of ours, or is not there yet. */
function isUsable(own: HeldFolder): boolean {
  const data = own.lstat(DATA);
  return data === undefined || (data.isDirectory() && own.isOurs(data.uid));
}

/** Under these what is missing in the partial may be in its place, which `placeTree` sees to. */
function canBeMerged({ onExists }: Policy): boolean {
  return onExists === "overwrite" || onExists === "skip";
}

/** Outermost names whose move is done, as the note of it and their inode say. */
function placedTops(folder: Folder, journal: Journal): Set<string> {
  const placed = new Set<string>();
  for (const [entry, top] of topsOf(journal.manifest).entries()) {
    const intent = journal.intent(entry);
    if (intent !== undefined && folder.lstat(intent.name)?.ino === intent.ino) {
      placed.add(top.name);
    }
  }
  return placed;
}

function lookAtStaged(
  descent: Descent | undefined,
  path: string,
  type: "file" | "folder",
  due: { readonly size: number; readonly least: number; readonly journal: Journal },
): "good" | "missing" | "bad" {
  const { size, least, journal } = due;
  try {
    const spot = descent?.place(path);
    const there = lstatOf(spot);
    if (!spot || !there) return "missing";
    if (type === "folder") return there.isDirectory() ? "good" : "bad";
    if (!there.isFile() || !spot.folder.isOurs(there.uid) || there.nlink > 1n) return "bad";
    if (there.size < BigInt(least) || there.size > BigInt(size)) return "bad";
    // Killed amid a record, the file at the end of what was noted may be longer.
    const later = least < size && there.size > BigInt(least);
    if (!journal.sameBoot || later) return "good";
    // Only the system sets the time of the last change.
    return there.ctimeNs <= journal.touchedNs ? "good" : "bad";
  } catch (error) {
    if (error instanceof FaultError) return "bad"; // a link or a file in the way
    throw error;
  }
}
