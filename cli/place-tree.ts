/** The last step of a received tree: from its partial directory to the names it shall have. */
import type { BigIntStats } from "node:fs";
import { join } from "node:path";
import { FaultError } from "../protocol/faults.ts";
import { NUMBERED_NAMES, TREE_STEP } from "../protocol/limits.ts";
import type { SafePath } from "../protocol/names.ts";
import { Descent } from "./descent.ts";
import { errorCode, type Folder } from "./folder.ts";
import { isSame, lookAt, type HeldFolder, type Spot } from "./held-folder.ts";
import type { Destiny, Journal } from "./journal.ts";
import { topsOf, type Top } from "./layout.ts";
import { sameContent } from "./same-content.ts";
import { checkPlaced, finalName, NO_LINKS, numbered, place, type FinishPolicy } from "./place.ts";

export interface Tree {
  readonly folder: Folder;
  readonly journal: Journal;
  /** Name of the partial directory, for messages. */
  readonly directory: string;
  /** All that was fetched. */
  readonly data: HeldFolder;
  /** Which entries of the manifest were fetched, 1 each. */
  readonly wanted: Uint8Array;
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
 * Each step is noted before it is done, so whoever is killed amid this goes on with it.
 * @throws FaultError as `place`, and "in-the-way" or "write-failed"
 */
export async function placeTree(tree: Tree, policy: FinishPolicy): Promise<Placed[]> {
  const { files } = tree.journal.manifest;
  const placed: Placed[] = [];
  for (const [entry, top] of topsOf(tree.journal.manifest).entries()) {
    const wanted = top.entries.filter((index) => tree.wanted[index] === 1);
    if (wanted.length === 0) continue;
    const name = await placeTop(tree, { ...top, entries: wanted }, entry, policy);
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
  const final = finalName(top.name as SafePath, policy.prefix);
  const data = { folder: tree.data, name: top.name };
  const staged = lookAt(data);
  const destiny = journal.destiny(entry);
  const there = destiny && folder.look(destiny.name);
  if (destiny !== undefined && there !== undefined && there.ino === destiny.ino) {
    // Moved already, or linked only, when an earlier run was killed.
    if (staged !== undefined) tree.data.remove(top.name);
    return destiny.name;
  }
  if (staged === undefined && top.type === "file") throw changed(tree);
  if (top.type === "folder") {
    const merges = policy.onExists === "overwrite" || policy.onExists === "skip";
    // What an earlier run moved out of it file by file would be missing.
    const whole = staged !== undefined && (!journal.found.whole || isWhole(tree, top));
    const name = whole ? rename(tree, staged, { entry, data, final, merges }) : undefined;
    if (name !== undefined) return name;
    if (policy.onExists === "fail") throw new FaultError("file-exists", final);
    if (!merges) throw new FaultError(staged ? "name-exhausted" : "write-failed", final);
    await merge(tree, top, final, policy);
    return final;
  }
  return placeFile(tree, staged!, { entry, final, data, destiny, there }, policy);
}

interface Goal {
  readonly entry: number;
  readonly final: ReturnType<typeof finalName>;
  readonly data: Spot;
  readonly destiny: Destiny | undefined;
  readonly there: BigIntStats | undefined;
}

async function placeFile(
  tree: Tree,
  staged: BigIntStats,
  goal: Goal,
  policy: FinishPolicy,
): Promise<string> {
  const { folder, journal } = tree;
  const { entry, final, data, destiny, there } = goal;
  if (destiny !== undefined && there?.size === 0n && there.ino === destiny.placeholder) {
    data.folder.move(data.name, folder, destiny.name);
    checkPlaced(folder, destiny.name, staged);
    return destiny.name;
  }
  const destine = journal.destine.bind(journal);
  const { onExists, checksum } = policy;
  const same = checksum === true && (await sameContent(data, { folder, name: final }));
  if (same && isSame(folder.look(final), same)) {
    destine({ entry, name: final, ino: same.ino });
    data.folder.clear(data.name);
    return final;
  }
  const name = place({ folder, data, entry, staged, name: final, onExists, destine });
  data.folder.clear(data.name);
  return name;
}

/** Where renaming replaces: an empty folder only. */
const TAKEN = new Set(["EEXIST", "ENOTEMPTY", "ENOTDIR"]);

/** A whole folder in one step. Undefined when all names that it may have are taken. */
function rename(
  { folder, journal }: Tree,
  staged: BigIntStats,
  { entry, data, final, merges }: { entry: number; data: Spot; final: string; merges: boolean },
): string | undefined {
  const last = merges ? 0 : NUMBERED_NAMES;
  for (let number = 0; number <= last; number++) {
    const candidate = numbered(final, number);
    if (folder.look(candidate) !== undefined) continue;
    journal.destine({ entry, name: candidate, ino: staged.ino });
    try {
      data.folder.move(data.name, folder, candidate);
    } catch (error) {
      if (!TAKEN.has(errorCode(error) ?? "")) throw error;
      continue;
    }
    checkPlaced(folder, candidate, staged);
    return candidate;
  }
  return undefined;
}

function isWhole({ journal, data }: Tree, top: Top): boolean {
  using from = new Descent(data);
  return top.entries.every(
    (index) => lookAt(from.place(journal.manifest.files[index]!.path)) !== undefined,
  );
}

/** File by file into a folder that is there. */
async function merge(tree: Tree, top: Top, final: string, policy: FinishPolicy): Promise<void> {
  const overwrite = policy.onExists === "overwrite";
  const { folder, journal } = tree;
  using from = new Descent(tree.data);
  using to = new Descent(folder);
  for (const [done, index] of top.entries.entries()) {
    const { path, type, size } = journal.manifest.files[index]!;
    const goal = final + path.slice(top.name.length);
    if (type === "folder") {
      to.enter(goal, true);
      continue;
    }
    const target = to.place(goal, true)!;
    const data = from.place(path);
    const staged = lookAt(data);
    const there = lookAt(target);
    if (staged === undefined || data === undefined) {
      // Moved by an earlier run.
      if (!there?.isFile() || (overwrite && there.size !== BigInt(size))) throw changed(tree);
    } else if (overwrite) {
      if (there !== undefined && !there.isFile()) throw new FaultError("file-exists", goal);
      const compared = policy.checksum === true && there?.size === staged.size;
      const same = compared ? await sameContent(data, target) : undefined;
      if (same && isSame(lookAt(target), same)) data.folder.remove(data.name);
      else moveOver(data, target);
    } else {
      moveIfFree(data, target);
    }
    if (done % TREE_STEP === TREE_STEP - 1) await new Promise(setImmediate);
  }
}

/** From a folder that nobody else may write to: rename(2) takes what was looked at there. */
function moveOver(data: Spot, target: Spot): void {
  data.folder.move(data.name, target.folder, target.name);
}

/** Where something came to be meanwhile it stays, and ours goes. */
function moveIfFree(data: Spot, target: Spot): void {
  try {
    data.folder.link(data.name, target.folder, target.name);
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (code !== "EEXIST" && !NO_LINKS.has(code)) throw error;
    if (code !== "EEXIST" && lookAt(target) === undefined) {
      moveOver(data, target);
      return;
    }
  }
  data.folder.remove(data.name);
}

function changed({ folder, directory }: Tree): FaultError {
  return new FaultError("write-failed", `${join(folder.path, directory)} was changed`);
}
