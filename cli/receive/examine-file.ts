/** Examines the partial of a single file: the records it holds, and how far it can be believed. */
import { constants } from "node:fs";
import { dataPerRecord } from "../../protocol/wire/sizes.ts";
import { type Folder } from "../system/folder.ts";
import { errorCode } from "../system/system-error.ts";
import type { HeldFolder } from "../system/held-folder.ts";
import type { Journal } from "./journal.ts";
import { cutTo, openOwn } from "../system/own-file.ts";
import { DATA } from "./partial.ts";
import { nextWithStates } from "./received-states.ts";
import { temporaryName } from "../system/shown-owner.ts";
import { createData, fileOffset, onlyFile, PartialFile } from "./partial-file.ts";

export type FileContents =
  | { readonly kind: "data"; readonly next: number }
  /** Written to by someone else, or shorter than it was: nothing of it is believed. */
  | { readonly kind: "corrupt" }
  | { readonly kind: "placed"; readonly as: string }
  /** Left over: its data has gone where nobody knows. */
  | { readonly kind: "empty" }
  | { readonly kind: "foreign" };

export function examineFile(folder: Folder, own: HeldFolder, journal: Journal): FileContents {
  const contents = examineData(folder, own, journal);
  if (contents.kind !== "data") return contents;
  return { ...contents, next: nextWithStates(own, journal, contents.next) };
}

function examineData(folder: Folder, own: HeldFolder, journal: Journal): FileContents {
  const { written, whole, position } = journal.found;
  const { manifest, headBytes } = journal;
  const { open } = manifest;
  const data = own.lstat(DATA);
  const total = BigInt(open ? position : manifest.bytes);
  if (data === undefined) {
    const intent = whole ? journal.intent() : undefined;
    const there = intent && folder.lstat(intent.name);
    const placed = there?.isFile() && there.ino === intent?.ino && there.size === total;
    return placed && intent ? { kind: "placed", as: intent.name } : { kind: "empty" };
  }
  if (!data.isFile() || !own.isOurs(data.uid)) return { kind: "foreign" };
  if (whole) return data.size === total ? { kind: "data", next: written } : { kind: "corrupt" };
  if (data.nlink > 1n) return { kind: "foreign" };
  if (written === 0) return { kind: "corrupt" }; // nothing to believe
  const least = BigInt(open ? position : fileOffset(written, manifest, headBytes));
  const most = open
    ? least + BigInt(dataPerRecord(manifest.recordSize))
    : BigInt(fileOffset(written + 1, manifest, headBytes));
  if (data.size < least) return { kind: "corrupt" };
  // After a restart of the system neither times nor what follows the synced records mean anything.
  if (!journal.sameBoot) return { kind: "data", next: written };
  // Killed amid a record, the data is longer than was noted. Otherwise the note came last, also on
  // file systems that set times when a file is closed: a dying process closes the data first.
  if (data.size > least)
    return data.size <= most ? { kind: "data", next: written } : { kind: "corrupt" };
  return data.mtimeNs <= journal.touchedNs ? { kind: "data", next: written } : { kind: "corrupt" };
}

/** The records of a claimed partial, which its journal then notes; "empty" when none is left. */
export function takeFile(
  folder: Folder,
  name: string,
  own: HeldFolder,
  journal: Journal,
  data?: number,
): PartialFile | "empty" | undefined {
  const { synced, whole, position, syncedPosition } = journal.found;
  const { manifest, headBytes } = journal;
  const contents = examineFile(folder, own, journal);
  switch (contents.kind) {
    case "foreign":
    case "empty":
      return contents.kind === "empty" ? "empty" : undefined;
    case "placed": {
      const next = journal.found.written;
      const placed = { placed: contents.as };
      return new PartialFile({ folder, name, own, journal, data: placed, next, synced: next });
    }
    case "corrupt":
      return anew(folder, name, own, journal);
    case "data": {
      if (data === undefined) return undefined;
      const { next } = contents;
      const end = manifest.open ? position : fileOffset(next, manifest, headBytes);
      // Bytes written after the last note would stay behind a shorter end of an open share.
      if ((!journal.sameBoot || manifest.open) && !cutTo(data, end)) {
        return anew(folder, name, own, journal);
      }
      const isWhole = whole && next === journal.found.written;
      journal.mark({ written: next, synced, whole: isWhole, position, syncedPosition });
      return new PartialFile({ folder, name, own, journal, data, next, synced });
    }
  }
}

function anew(folder: Folder, name: string, own: HeldFolder, journal: Journal): PartialFile {
  journal.mark({ written: 0, synced: 0, whole: false });
  // Not cut to nothing: the same file may have another name by now. Windows may keep the name of a removed
  // file until nobody has it open, as our caller has.
  const aside = temporaryName();
  if (own.lstat(DATA) !== undefined) own.move(DATA, own, aside);
  own.clear(aside);
  const data = createData(own, onlyFile(journal.manifest));
  return new PartialFile({ folder, name, own, journal, data, next: 0, synced: 0 });
}

/** A whole file may be read-only. It needs no more writing. */
function openWhole(own: HeldFolder): number | undefined {
  try {
    return openOwn(own, DATA, constants.O_RDONLY);
  } catch {
    return undefined;
  }
}

export function openData(own: HeldFolder): number | undefined {
  try {
    return openOwn(own, DATA);
  } catch (error) {
    if (errorCode(error) === "EACCES") return openWhole(own);
    return undefined; // what it is instead, `examineFile` tells
  }
}
