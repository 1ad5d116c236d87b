/** The names that the file system of a folder can hold, and those that it takes for one. */
import { closeSync, constants } from "node:fs";

import type { Naming } from "../../protocol/content/renames.ts";
import type { HeldFolder } from "../system/held-folder.ts";
import { removeTemporary, temporaryName } from "../system/shown-owner.ts";
import { errorCode } from "../system/system-error.ts";

/** Pairs of names that a file system may take for one, tried for each share. */
const FOLDS_TRIED = 64;

/** Errors of lstat(2) for an impossible name. */
const NO_NAME = new Set(["ENAMETOOLONG", "EILSEQ", "EINVAL"]);

/** @param renames whether names that are not safe get others */
export function namesHere(folder: HeldFolder, renames: boolean): Naming {
  let tried = 0;
  let folded = false;
  return {
    renames,
    holds: (name) => canHold(folder, name),
    folds: (one, other) => {
      // A single pair that is taken for one name is enough, and so are very many pairs that are not.
      if (!folded && tried++ < FOLDS_TRIED) folded = takesForOne(folder, one, other);
      return folded;
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

/** Tried in a folder of its own. Where it can't be tried, they are kept apart. */
function takesForOne(folder: HeldFolder, one: string, other: string): boolean {
  const name = temporaryName();
  try {
    folder.make(name, 0o700);
    using inner = folder.enter(name);
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    closeSync(inner.open(one, O_WRONLY | O_CREAT | O_EXCL, 0o600));
    const isOne = inner.lstat(other) !== undefined;
    removeTemporary(inner, one);
    return isOne;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return true;
  } finally {
    removeEmpty(folder, name);
  }
}

function removeEmpty(folder: HeldFolder, name: string): void {
  try {
    folder.removeFolder(name);
  } catch (error) {
    if (errorCode(error) === undefined) throw error; // it was not made, or something else has its name
  }
}
