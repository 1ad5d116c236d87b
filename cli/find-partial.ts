/** Makes the partial of a share that is new here, and finds the one of a share that is not. */
import { closeSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../protocol/bytes.ts";
import { FaultError } from "../protocol/faults.ts";
import type { Manifest } from "../protocol/manifest.ts";
import { examineFile, openData, takeFile } from "./examine-file.ts";
import { examineTree, takeTree } from "./examine-tree.ts";
import { DiskNeed, type DiskUse } from "./disk-need.ts";
import { blockBytes, checkSpace, diskFault, errorCode, Folder } from "./folder.ts";
import { Journal } from "./journal.ts";
import { isOurs } from "./own-file.ts";
import { Layout } from "./layout.ts";
import { formatPartialName, isGone, parsePartialName, partialStem, thisProcess } from "./owner.ts";
import { DATA, JOURNAL, removePartial, type PartialShare } from "./partial.ts";
import { createData, isSingle, onlyFile, PartialFile } from "./partial-file.ts";
import { createTree, PartialTree } from "./partial-tree.ts";
import { lookAt } from "./place.ts";
import type { Policy } from "./policy.ts";

export interface NewPartial {
  /** The destination; the partial lies in it too, so that the last step is a rename. */
  readonly dir: string;
  readonly manifest: Manifest;
  /** The plaintext before the files' bytes, from which the manifest was decoded. */
  readonly head: Uint8Array;
  /** Who this receiver is to the sender: kept, so that it is the same one when it goes on. */
  readonly receiver: Uint8Array;
  /** What was agreed to; also kept. */
  readonly policy?: Policy;
  /** Which entries of the manifest to fetch, 1 each; all unless given. */
  readonly wanted?: Uint8Array;
}

const NO_POLICY: Policy = { onExists: "number", prefix: "", checksum: false };

/**
 * Begins a share with nothing written.
 * @throws FaultError "bad-destination", "disk-full" (also when what is claimed cannot fit) or
 * "write-failed".
 */
export function openPartial(share: NewPartial): PartialShare {
  const { dir, manifest, head, receiver, policy = NO_POLICY } = share;
  const { wanted = new Uint8Array(manifest.files.length).fill(1) } = share;
  const single = isSingle(manifest);
  const folder = new Folder(dir);
  const id = toHex(manifest.share.subarray(0, 4));
  const stem = partialStem(manifest.files[0]!.path.split("/", 1)[0]!);
  const name = formatPartialName({ stem, share: id, owner: thisProcess() });
  let data: number | undefined;
  let journal: Journal | undefined;
  let made = false;
  try {
    checkSpace(dir, diskUse({ dir, manifest, head }, wanted));
    makeFolder(folder, name);
    made = true;
    // The data before the journal: see `examineFile` on their times.
    if (single) data = createData(folder, name, onlyFile(manifest));
    else createTree(folder.at(name, DATA));
    journal = Journal.create(folder.at(name, JOURNAL), { manifest, head, receiver, policy });
    const holdings = { folder, name, journal, next: 0, synced: 0 };
    if (data !== undefined) return new PartialFile({ ...holdings, data });
    const layout = new Layout(manifest, head.length);
    return new PartialTree({ ...holdings, layout, wanted, whole: false });
  } catch (error) {
    journal?.close();
    if (data !== undefined) closeSync(data);
    if (made) tidy(folder, name);
    folder.close();
    throw diskFault(error, dir);
  }
}

/** Beside what is in it: the partial, its data if that is a folder, and the journal. */
const PARTIAL_INODES = 3;

/**
 * What a share takes of the disk while it comes, its partial included.
 * @throws FaultError "bad-destination"
 */
export function diskUse(
  { dir, manifest, head }: Pick<NewPartial, "dir" | "manifest" | "head">,
  wanted: Uint8Array,
): DiskUse {
  const block = blockBytes(dir);
  const { bytes, inodes } = new DiskNeed(manifest, wanted, block).left();
  const journal = Math.ceil(head.length / block) * block;
  return { bytes: bytes + journal + PARTIAL_INODES * block, inodes: inodes + PARTIAL_INODES };
}

export interface Sought {
  readonly dir: string;
  readonly share: Uint8Array;
  /** What was said about names that are taken, if anything; else what was agreed to counts. */
  readonly policy?: Policy | undefined;
}

/**
 * The partial of this share whose receiver is gone, with the most in it, now ours. Undefined when
 * there is none to go on with. Whatever is odd about a partial leaves it alone, save that data
 * which another has written to is received anew.
 * @throws FaultError "bad-destination", "disk-full" or "write-failed".
 */
export function findPartial({ dir, share, policy }: Sought): PartialShare | undefined {
  const folder = new Folder(dir);
  try {
    const found = readdirSync(folder.at())
      .map((name) => ({ name, next: inspect(folder, name, share, policy) }))
      .filter((one): one is { name: string; next: number } => one.next !== undefined)
      .toSorted((a, b) => b.next - a.next);
    for (const { name } of found) {
      const partial = claim(folder, name, share, policy);
      if (partial !== undefined) return partial;
    }
  } catch (error) {
    folder.close();
    throw diskFault(error, dir);
  }
  folder.close();
  return undefined;
}

/** Where the partial of that name could go on, or undefined when it is none of ours. */
function inspect(
  folder: Folder,
  name: string,
  share: Uint8Array,
  policy: Policy | undefined,
): number | undefined {
  const parsed = parsePartialName(name);
  if (parsed?.share !== toHex(share.subarray(0, 4))) return undefined;
  const stat = lookAt(folder, name);
  if (!stat?.isDirectory() || !isOurs(Number(stat.uid))) return undefined;
  const journal = Journal.open(folder.at(name, JOURNAL), share);
  if (journal === undefined) {
    // Killed at its very beginning, it has nothing that anyone could miss.
    const data = lookAt(folder, join(name, DATA));
    const empty = data === undefined || data.size === 0n || isEmptyFolder(folder, name);
    if (empty && isGone(parsed.owner, Date.now() - Number(stat.mtimeMs))) tidy(folder, name);
    return undefined;
  }
  try {
    if (!isGone(parsed.owner, Date.now() - Number(journal.touchedNs / 1_000_000n)))
      return undefined;
    if (!isSingle(journal.manifest)) {
      return examineTree(folder, name, journal, policy ?? journal.policy)?.next;
    }
    const contents = examineFile(folder, name, journal);
    return contents.kind === "odd" ? undefined : contents.kind === "data" ? contents.next : 0;
  } finally {
    journal.close();
  }
}

/** Takes over the partial of that name, unless another was quicker or it is nothing to go on with. */
function claim(
  folder: Folder,
  name: string,
  share: Uint8Array,
  policy: Policy | undefined,
): PartialShare | undefined {
  const parsed = parsePartialName(name);
  if (parsed === undefined) return undefined;
  const mine = formatPartialName({ ...parsed, owner: thisProcess() });
  try {
    renameSync(folder.at(name), folder.at(mine));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const journal = Journal.open(folder.at(mine, JOURNAL), share);
  if (journal === undefined) return undefined;
  const single = isSingle(journal.manifest);
  const data = single ? openData(folder, mine) : undefined;
  let taken: PartialShare | "empty" | undefined;
  let kept = false;
  try {
    taken = single
      ? takeFile(folder, mine, journal, data)
      : takeTree(folder, mine, journal, policy ?? journal.policy);
    if (taken === "empty") tidy(folder, mine);
    kept = taken !== undefined && taken !== "empty";
    return taken === "empty" ? undefined : taken;
  } finally {
    if (!kept) journal.close();
    const holds = taken instanceof PartialFile && taken.descriptor === data;
    if (data !== undefined && !holds) closeSync(data);
  }
}

/** @throws FaultError "bad-destination" where folders cannot be made. */
function makeFolder(folder: Folder, name: string): void {
  try {
    mkdirSync(folder.at(name), 0o700);
  } catch (cause) {
    const refused = ["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR"];
    if (!refused.includes(errorCode(cause) ?? "")) throw cause;
    throw new FaultError("bad-destination", folder.path, { cause });
  }
}

function isEmptyFolder(folder: Folder, name: string): boolean {
  try {
    return readdirSync(folder.at(name, DATA)).length === 0;
  } catch {
    return false;
  }
}

function tidy(folder: Folder, name: string): void {
  try {
    removePartial(folder, name);
  } catch {
    // It holds something else besides: not ours to remove.
  }
}
