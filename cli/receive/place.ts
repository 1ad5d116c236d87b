/**
 * The last step of a received file: from its partial directory to its final name. The name is claimed
 * in one step, so a file that another program made meanwhile is never replaced by accident.
 * `PartialFile` and place-tree.ts call it.
 */
import {
  closeSync,
  constants,
  fstatSync,
  readSync,
  type BigIntStats,
  type linkSync,
} from "node:fs";
import { extname, join } from "node:path";
import { utf8 } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { NAME_BYTES } from "../../protocol/wire/limits.ts";
import { COMPARE_BYTES, replaceFile, takeName, type Taking } from "./take-name.ts";
import { parseSafeName, type SafeName, type SafePath } from "../../protocol/content/names.ts";
import type { Folder } from "../system/folder.ts";
import { swapped, type HeldFolder, type Identity, type Spot } from "../system/held-folder.ts";
import type { Intent } from "./journal.ts";
import { canHold } from "./names-here.ts";
import { cutUtf8 } from "../../protocol/wire/display.ts";
import type { OnExists } from "../job/jobs.ts";

/** `name (1)`, `name (2)`...; a receiver that finds all taken gives up. */
export const NUMBERED_NAMES = 999;

export interface FinishPolicy {
  readonly onExists: OnExists;
  /** Put before the name, for example "received_". */
  readonly prefix?: string;
  /** A file of that name with the same content stays, and is as good as ours. */
  readonly checksum?: boolean;
}

export interface Move {
  readonly folder: Folder;
  /** Where the whole data is; on the file system of `folder`. */
  readonly data: Spot;
  /** Its number among the share's outermost entries. */
  readonly entry: number;
  /** The data itself, as it is now. */
  readonly staged: BigIntStats;
  readonly name: SafeName;
  readonly onExists: FinishPolicy["onExists"];
  /** Told where the data is about to be, before anything is done. */
  readonly intend: (intent: Intent) => void;
  readonly link?: typeof linkSync;
}

/**
 * Gives the data its name in one step, so that the name never holds less than the whole file.
 * Unless told to overwrite it replaces nothing, however many others do the same at once.
 * Afterwards the data may have its old name too.
 * @returns the name it got.
 * @throws FaultError "file-exists" or "name-exhausted", or what the file system throws.
 */
export async function place(move: Move): Promise<string> {
  const { folder, data, entry, staged, name, onExists, intend, link } = move;
  const taking = (as: string): Taking => ({
    data,
    staged,
    target: { folder, name: as },
    note: (ino, placeholder) =>
      intend({ entry, name: as, ino, ...(placeholder === undefined ? {} : { placeholder }) }),
    link,
  });
  if (onExists === "overwrite") {
    const there = folder.lstat(name);
    if (there !== undefined && !there.isFile()) throw new FaultError("file-exists", name);
    intend({ entry, name, ino: staged.ino });
    checkPlaced(folder, name, await replaceFile(taking(name)));
    return name;
  }
  // A file that came to be there under `skip` meanwhile is left, and so is ours.
  const last = onExists === "fail" ? 0 : NUMBERED_NAMES;
  for (let number = 0; number <= last; number++) {
    const candidate = numbered(name, number, folder);
    if (folder.lstat(candidate) !== undefined) continue;
    intend({ entry, name: candidate, ino: staged.ino });
    const taken = await takeName(taking(candidate));
    if (taken === undefined) continue;
    checkPlaced(folder, candidate, taken);
    return candidate;
  }
  throw new FaultError(onExists === "fail" ? "file-exists" : "name-exhausted", name);
}

/**
 * Checks an entry after it got its name. An entry that is gone again is no fault: programs take files away from a
 * folder as soon as they appear.
 * @throws FaultError "write-failed" when something else has the name
 */
export function checkPlaced(folder: HeldFolder, name: string, placed: BigIntStats): void {
  const there = folder.lstat(name);
  if (there !== undefined && !folder.isOne(there, placed)) throw swapped(join(folder.path, name));
}

/**
 * `prefix` and `name`; where the folder does not hold that, cut before the extension to NAME_BYTES, or to
 * the length of `name`. @throws FaultError "unsafe-name".
 */
export function finalName(name: SafePath, prefix = "", folder?: HeldFolder): SafeName {
  const whole = prefix + name;
  if (prefix === "") return parseSafeName(whole);
  const { stem, ext } = split(whole);
  const cut = cutTo(stem, ext, NAME_BYTES);
  if (folder === undefined) return parseSafeName(cut);
  const held = [whole, cut].find((long) => canHold(folder, long));
  return parseSafeName(held ?? cutTo(stem, ext, utf8(name).length));
}

/** `name`, `name (1)`, `name (2)`..., no longer than `name` where the folder holds none that is. */
export function numbered(name: string, number: number, folder: HeldFolder): string {
  if (number === 0) return name;
  const { stem, ext } = split(name);
  const end = ` (${number})${ext}`;
  const long = stem + end;
  return canHold(folder, long) ? long : cutTo(stem, end, utf8(name).length);
}

/** Its stem is cut so that it has at most so many bytes. */
function cutTo(stem: string, end: string, bytes: number): string {
  const room = bytes - utf8(end).length;
  const fits = utf8(stem).length <= room;
  return (fits ? stem : cutUtf8(stem, room).replace(/[. ]+$/, "")) + end;
}

/** The last extension goes last, unless it is so long that it is no extension. */
function split(name: string): { stem: string; ext: string } {
  const found = extname(name);
  const ext = utf8(found).length <= 20 ? found : "";
  return { stem: name.slice(0, name.length - ext.length), ext };
}

/**
 * Compares two files byte by byte, in steps, so that a line to the relay is seen to meanwhile.
 * @returns the other file, if both hold the same bytes; undefined also for what is no regular file
 * or can't be read. Something else may have its name by then.
 */
export async function sameContent(one: Spot, other: Spot): Promise<Identity | undefined> {
  const fds: number[] = [];
  try {
    for (const { folder, name } of [one, other]) {
      fds.push(folder.open(name, constants.O_RDONLY));
    }
    const [a = -1, b = -1] = fds;
    const [first, second] = [fstatSync(a, { bigint: true }), fstatSync(b, { bigint: true })];
    if (!first.isFile() || !second.isFile() || first.size !== second.size) return undefined;
    const [left, right] = [new Uint8Array(COMPARE_BYTES), new Uint8Array(COMPARE_BYTES)];
    const size = Number(first.size);
    for (let at = 0; at < size; at += COMPARE_BYTES) {
      const length = Math.min(COMPARE_BYTES, size - at);
      if (readSync(a, left, 0, length, at) !== length) return undefined;
      if (readSync(b, right, 0, length, at) !== length) return undefined;
      if (Buffer.compare(left.subarray(0, length), right.subarray(0, length)) !== 0)
        return undefined;
      await new Promise(setImmediate);
    }
    return second;
  } catch {
    return undefined;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
