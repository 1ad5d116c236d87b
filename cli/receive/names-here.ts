/**
 * The names that the file system of a folder can hold, and those that it takes for one. No list of file
 * systems says that: a mount has options, and folders of one file system may differ. So names are
 * tried, in a folder of their own.
 */
import { closeSync, constants } from "node:fs";

import { foreignParts } from "../../protocol/content/names.ts";
import type { Naming } from "../../protocol/content/renames.ts";
import type { HeldFolder } from "../system/held-folder.ts";
import { removeTemporary, temporaryName } from "../system/shown-owner.ts";
import { errorCode, tolerate } from "../system/system-error.ts";

/**
 * Files that are made to try names of a share, each some 10 ms on a network file system. Of more names
 * that may be one, only the first is kept as it is.
 */
const NAMES_TRIED = 256;

/** UTF-16 units of a name on Windows, where a longer one looks as if nothing had it. */
const WINDOWS_UNITS = 255;

/** Errors of lstat(2) for an impossible name. */
const NO_NAME = new Set(["ENAMETOOLONG", "EILSEQ", "EINVAL"]);

/** A name, and others that most file systems which fold names take for it: by case, by form, by both. */
const FOLDED = { made: "a\u00e9", asked: ["A\u00e9", "a\u00c9", "ae\u0301", "AE\u0301"] } as const;

/** @param renames whether names that are not safe get others */
export function namesHere(
  folder: HeldFolder,
  renames: boolean,
  platform: NodeJS.Platform = process.platform,
): Naming {
  const parts = new Map<string, boolean>();
  const holdsPart = (sample: string): boolean => {
    const known = parts.get(sample) ?? holdsSample(folder, sample);
    parts.set(sample, known);
    return known;
  };
  let folds: boolean | undefined;
  let tried = 0;
  return {
    renames,
    holds: (name) => {
      const foreign = foreignParts(name);
      // Windows makes some of them, such as a stream of another file, and then has no such name.
      if (platform === "win32" && (foreign.length > 0 || name.length > WINDOWS_UNITS)) return false;
      return canHold(folder, name) && foreign.every(holdsPart);
    },
    folded: (alike) => {
      folds ??= foldsAny(folder);
      if (!folds) return new Set();
      const some = alike.slice(0, NAMES_TRIED - tried);
      if (some.length < 2) return new Set(alike.slice(1));
      tried += some.length;
      return new Set([...takenForOne(folder, some), ...alike.slice(some.length)]);
    },
  };
}

/** Whether the file system of the folder can hold that name. */
export function canHold(folder: HeldFolder, name: string): boolean {
  try {
    folder.lstat(name);
    return true;
  } catch (error) {
    return !NO_NAME.has(errorCode(error) ?? "");
  }
}

/** Whether a file of that name has this very name afterwards: FAT drops a dot at the end. */
function holdsSample(folder: HeldFolder, sample: string): boolean {
  return tryNames(folder, false, (inner, made) => {
    make(inner, sample);
    made.push(sample);
    return inner.list().includes(sample);
  });
}

/** Whether the file system takes any two names for one. One that does takes a letter for its capital, or has one form of it. */
function foldsAny(folder: HeldFolder): boolean {
  return tryNames(folder, true, (inner, made) => {
    make(inner, FOLDED.made);
    made.push(FOLDED.made);
    return FOLDED.asked.some((name) => inner.lstat(name) !== undefined);
  });
}

/** Of these names, those that an earlier one has already. */
function takenForOne(folder: HeldFolder, alike: readonly string[]): readonly string[] {
  return tryNames(folder, alike.slice(1), (inner, made) => {
    return alike.filter((name) => {
      try {
        make(inner, name);
        made.push(name);
        return false;
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        return true;
      }
    });
  });
}

function make(folder: HeldFolder, name: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  closeSync(folder.open(name, O_WRONLY | O_CREAT | O_EXCL, 0o600));
}

/**
 * Tries names in a folder of its own, which is removed with all that was made.
 * @param otherwise where nothing can be tried
 */
function tryNames<T>(
  folder: HeldFolder,
  otherwise: T,
  attempt: (inner: HeldFolder, made: string[]) => T,
): T {
  const name = temporaryName();
  const made: string[] = [];
  try {
    folder.make(name, 0o700);
    using inner = folder.enter(name);
    try {
      return attempt(inner, made);
    } finally {
      for (const each of made) removeTemporary(inner, each);
    }
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return otherwise;
  } finally {
    tolerate(() => folder.removeFolder(name)); // it was not made, or something else has its name
  }
}
