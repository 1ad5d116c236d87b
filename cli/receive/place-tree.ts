/**
 * The last step of a received tree: from its partial directory to its final names. A tree whose top is
 * free is renamed as a whole. A tree that goes into a folder that is there is placed file by file, and
 * the journal notes each file, so a killed process goes on. `PartialTree` calls it.
 */
import type { BigIntStats } from "node:fs";
import { join } from "node:path";
import { FaultError } from "../../protocol/wire/faults.ts";
import {
  NUMBERED_NAMES,
  checkPlaced,
  finalName,
  numbered,
  place,
  sameContent,
  type FinishPolicy,
} from "./place.ts";
import type { SafePath } from "../../protocol/content/names.ts";
import { Descent } from "../system/descent.ts";
import { type Folder } from "../system/folder.ts";
import { errorCode } from "../system/system-error.ts";
import { isSame, lstatOf, type HeldFolder, type Spot } from "../system/held-folder.ts";
import type { Intent, Journal } from "./journal.ts";
import { topsOf, type Top } from "./layout.ts";
import { keepsTime } from "./shown-times.ts";
import type { ShareSums } from "./share-sums.ts";
import { replaceFile, takeName } from "./take-name.ts";

/** Files that are made or moved in one turn; then the line to the relay has its turn. */
export const TREE_STEP = 256;

export interface Tree {
  readonly folder: Folder;
  readonly journal: Journal;
  /** Name of the partial directory, for messages. */
  readonly directory: string;
  /** The fetched files. */
  readonly data: HeldFolder;
  /** The fetched entries of the manifest, 1 each. */
  readonly wanted: Uint8Array;
  /** Told which name each outermost one got, and which entries got none. */
  readonly sums?: Pick<ShareSums, "named" | "dropped"> | undefined;
}

/** An outermost file or folder in its place. */
export interface Placed {
  /** In the destination. */
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Gives each outermost file and folder its name. A folder that is new gets it in one step, with all
 * that is in it; into one that is there already (`overwrite`, `skip`) each file comes in one step.
 * Each step is noted before it is done, so a receiver that is killed amid this goes on with it.
 * @throws FaultError as `place`, and "in-the-way" or "write-failed"
 */
export async function placeTree(tree: Tree, policy: FinishPolicy): Promise<Placed[]> {
  const { files } = tree.journal.manifest;
  const placed: Placed[] = [];
  for (const [entry, top] of topsOf(tree.journal.manifest).entries()) {
    const wanted = top.entries.filter((index) => tree.wanted[index] === 1);
    if (wanted.length === 0) continue;
    const name = await placeTop(tree, { ...top, entries: wanted }, entry, policy);
    tree.sums?.named(top.name, name);
    const bytes = wanted.reduce((sum, index) => sum + files[index]!.size, 0);
    const count = wanted.filter((index) => files[index]!.type === "file").length;
    placed.push({ name, files: count, bytes });
    if (placed.length % TREE_STEP === 0) await new Promise(setImmediate);
  }
  return placed;
}

async function placeTop(
  tree: Tree,
  top: Top,
  entry: number,
  policy: FinishPolicy,
): Promise<string> {
  const { folder, journal } = tree;
  const final = finalName(top.name as SafePath, policy.prefix, folder);
  const data = { folder: tree.data, name: top.name };
  const staged = lstatOf(data);
  const intent = journal.intent(entry);
  const there = intent && folder.lstat(intent.name);
  if (intent !== undefined && there !== undefined && there.ino === intent.ino) {
    // Moved already, or linked only, when an earlier run was killed.
    if (staged !== undefined) tree.data.remove(top.name);
    return intent.name;
  }
  if (staged === undefined && top.type === "file") throw changed(tree);
  if (top.type === "folder") {
    const merges = policy.onExists === "overwrite" || policy.onExists === "skip";
    // Files that an earlier run moved out of it would be missing.
    const whole = staged !== undefined && (!journal.found.whole || isWhole(tree, top));
    if (staged !== undefined && intent !== undefined && isBegun(intent, there)) {
      return fill(tree, top, intent.name, policy);
    }
    const alike =
      whole && !merges ? await sameFolder(tree, top, final, policy.checksum) : undefined;
    if (alike !== undefined) {
      journal.intend({ entry, name: final, ino: alike.ino });
      tree.data.clear(top.name);
      return final;
    }
    const goal = { entry, data, final, merges };
    const name = whole ? await rename(tree, top, staged, goal, policy) : undefined;
    if (name !== undefined) return name;
    if (policy.onExists === "fail") throw new FaultError("file-exists", final);
    if (!merges) throw new FaultError(staged ? "name-exhausted" : "write-failed", final);
    await merge(tree, top, final, policy);
    return final;
  }
  const index = top.entries[0]!;
  return placeFile(tree, staged!, { entry, index, final, data, intent, there }, policy);
}

interface Goal {
  readonly entry: number;
  /** Of the manifest. */
  readonly index: number;
  readonly final: ReturnType<typeof finalName>;
  readonly data: Spot;
  readonly intent: Intent | undefined;
  readonly there: BigIntStats | undefined;
}

async function placeFile(
  tree: Tree,
  staged: BigIntStats,
  goal: Goal,
  policy: FinishPolicy,
): Promise<string> {
  const { folder, journal } = tree;
  const { entry, index, final, data, intent, there } = goal;
  if (intent !== undefined && there?.size === 0n && there.ino === intent.placeholder) {
    const target = { folder, name: intent.name };
    checkPlaced(folder, intent.name, await replaceFile({ data, staged, target }));
    data.folder.clear(data.name);
    return intent.name;
  }
  const intend = journal.intend.bind(journal);
  const { onExists, checksum } = policy;
  const { mtime } = journal.manifest.files[index]!;
  const compares = checksum === true || !keepsTime(staged.mtimeNs, mtime);
  const same = compares && (await sameContent(data, { folder, name: final }));
  if (same && isSame(folder.lstat(final), same)) {
    intend({ entry, name: final, ino: same.ino });
    data.folder.clear(data.name);
    return final;
  }
  const name = await place({ folder, data, entry, staged, name: final, onExists, intend });
  data.folder.clear(data.name);
  return name;
}

/** Where renaming replaces: an empty folder only. */
const TAKEN = new Set(["EEXIST", "ENOTEMPTY", "ENOTDIR"]);

interface FolderGoal {
  readonly entry: number;
  readonly data: Spot;
  readonly final: string;
  readonly merges: boolean;
}

/** A whole folder in one step. Undefined when all names that it may have are taken. */
async function rename(
  tree: Tree,
  top: Top,
  staged: BigIntStats,
  { entry, data, final, merges }: FolderGoal,
  policy: FinishPolicy,
): Promise<string | undefined> {
  const { folder, journal } = tree;
  const last = merges ? 0 : NUMBERED_NAMES;
  for (let number = 0; number <= last; number++) {
    const candidate = numbered(final, number, folder);
    if (folder.lstat(candidate) !== undefined) continue;
    journal.intend({ entry, name: candidate, ino: staged.ino });
    try {
      data.folder.move(data.name, folder, candidate);
    } catch (error) {
      if (TAKEN.has(errorCode(error) ?? "")) continue;
      const there = folder.lstat(candidate);
      if (!folder.isOne(there, staged)) {
        if (there !== undefined || lstatOf(data) === undefined) throw error;
        return await fillNew(tree, top, { entry, name: candidate, ino: staged.ino }, policy);
      }
    }
    checkPlaced(folder, candidate, staged);
    return candidate;
  }
  return undefined;
}

/**
 * A folder that cannot be renamed, as some FUSE file systems and links between disks have it: it is
 * made once more, and filled file by file. A later run recognises it by its inode, and goes on.
 */
async function fillNew(
  tree: Tree,
  top: Top,
  intent: Intent,
  policy: FinishPolicy,
): Promise<string> {
  const { folder, journal } = tree;
  folder.make(intent.name);
  const made = folder.lstat(intent.name);
  journal.intend({ ...intent, ...(made ? { placeholder: made.ino } : {}) });
  try {
    return await fill(tree, top, intent.name, policy);
  } catch (error) {
    removeIfEmpty(folder, intent.name);
    throw error;
  }
}

/** Whether an earlier run began to fill that folder. */
function isBegun({ placeholder }: Intent, there: BigIntStats | undefined): boolean {
  return placeholder !== undefined && there?.isDirectory() === true && there.ino === placeholder;
}

async function fill(tree: Tree, top: Top, name: string, policy: FinishPolicy): Promise<string> {
  await merge(tree, top, name, { ...policy, onExists: "skip" });
  tree.data.clear(top.name);
  return name;
}

function removeIfEmpty(folder: Folder, name: string): void {
  try {
    folder.removeFolder(name);
  } catch {
    // It holds what was moved already.
  }
}

function isWhole({ journal, data }: Tree, top: Top): boolean {
  using from = new Descent(data);
  return top.entries.every(
    (index) => lstatOf(from.place(journal.manifest.files[index]!.path)) !== undefined,
  );
}

/**
 * A folder that is there already, with the same content, where times can't tell: the file system shows
 * another for at least one file than the file was given, or contents alone are asked for.
 */
async function sameFolder(
  tree: Tree,
  top: Top,
  final: string,
  byContent = false,
): Promise<BigIntStats | undefined> {
  const { folder, journal, data } = tree;
  const found = folder.lstat(final);
  if (found?.isDirectory() !== true) return undefined;
  using from = new Descent(data);
  using to = new Descent(folder);
  let isUnsure = byContent;
  for (const index of top.entries) {
    const { path, type, mtime } = journal.manifest.files[index]!;
    const spot = from.place(path);
    const staged = lstatOf(spot);
    if (spot === undefined || staged === undefined) return undefined;
    if (type === "file" && !keepsTime(staged.mtimeNs, mtime)) isUnsure = true;
  }
  if (!isUnsure) return undefined;
  for (const index of top.entries) {
    const { path, type } = journal.manifest.files[index]!;
    const target = placeOf(to, final + path.slice(top.name.length));
    if (target === undefined) return undefined;
    const isThere =
      type === "folder"
        ? lstatOf(target)?.isDirectory() === true
        : (await sameContent(from.place(path)!, target)) !== undefined;
    if (!isThere) return undefined;
  }
  return found;
}

/** Undefined also where a link or a file is in the way. */
function placeOf(descent: Descent, path: string): Spot | undefined {
  try {
    return descent.place(path);
  } catch (error) {
    if (error instanceof FaultError) return undefined;
    throw error;
  }
}

/** File by file into a folder that is there. */
async function merge(tree: Tree, top: Top, final: string, policy: FinishPolicy): Promise<void> {
  const overwrite = policy.onExists === "overwrite";
  const { folder, journal } = tree;
  using from = new Descent(tree.data);
  using to = new Descent(folder);
  for (const [done, index] of top.entries.entries()) {
    const { path, type, size, mtime } = journal.manifest.files[index]!;
    const goal = final + path.slice(top.name.length);
    if (type === "folder") {
      to.enter(goal, true);
      continue;
    }
    const target = to.place(goal, true)!;
    const data = from.place(path);
    const staged = lstatOf(data);
    const there = lstatOf(target);
    if (staged === undefined || data === undefined) {
      // Moved by an earlier run.
      if (!there?.isFile() || (overwrite && there.size !== BigInt(size))) throw changed(tree);
    } else if (overwrite) {
      if (there !== undefined && !there.isFile()) throw new FaultError("file-exists", goal);
      const compares = policy.checksum === true || !keepsTime(staged.mtimeNs, mtime);
      const compared = compares && there?.size === staged.size;
      const same = compared ? await sameContent(data, target) : undefined;
      if (same && isSame(lstatOf(target), same)) data.folder.remove(data.name);
      else await moveOver(data, staged, target);
    } else {
      if (!(await moveIfFree(data, staged, target))) tree.sums?.dropped(index);
    }
    if (done % TREE_STEP === TREE_STEP - 1) await new Promise(setImmediate);
  }
}

/** From a folder that nobody else may write to: what was looked at there is what is moved. */
async function moveOver(data: Spot, staged: BigIntStats, target: Spot): Promise<void> {
  await replaceFile({ data, staged, target });
  data.folder.clear(data.name);
}

/** Where something came to be meanwhile it stays, and ours goes. @returns whether ours has the name */
async function moveIfFree(data: Spot, staged: BigIntStats, target: Spot): Promise<boolean> {
  const isFree = lstatOf(target) === undefined;
  const taken = isFree ? await takeName({ data, staged, target }) : undefined;
  data.folder.clear(data.name);
  return taken !== undefined;
}

function changed({ folder, directory }: Tree): FaultError {
  return new FaultError("write-failed", `${join(folder.path, directory)} was changed`);
}
