/**
 * Finds the partial of a share, or makes one for a share that is new here. It owns no state. A partial of
 * another process, or one that cannot be believed, is left alone or begun anew. `Incoming` calls it.
 */
import { closeSync, type BigIntStats } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import type { Manifest } from "../../protocol/content/manifest.ts";
import { examineFile, openData, takeFile, type FileContents } from "./examine-file.ts";
import { examineTree, takeTree } from "./examine-tree.ts";
import { DiskNeed, type DiskUse } from "../system/disk-need.ts";
import { blockBytes, checkSpace, Folder } from "../system/folder.ts";
import { diskFault, errorCode, reasonOf } from "../system/system-error.ts";
import { swapped, type HeldFolder } from "../system/held-folder.ts";
import { Journal, JOURNAL } from "./journal.ts";
import { Layout } from "./layout.ts";
import {
  formatPartialName,
  isGone,
  parsePartialName,
  partialStem,
  thisProcess,
} from "../system/owner.ts";
import { DATA, removePartial, type PartialShare } from "./partial.ts";
import { createData, isSingle, onlyFile, PartialFile } from "./partial-file.ts";
import { createTree, PartialTree } from "./partial-tree.ts";
import type { Policy } from "../job/jobs.ts";

export interface NewPartial {
  /**
   * The destination; the partial lies in it too, so that the last step is a rename. One that the
   * caller holds stays the caller's.
   */
  readonly dir: string | Folder;
  readonly manifest: Manifest;
  /** The plaintext before the files' bytes, from which the manifest was decoded. */
  readonly head: Uint8Array;
  /** The id under which the sender knows this receiver: kept, so that it is the same when it goes on. */
  readonly receiver: Uint8Array;
  /** The policy that the person agreed to; the journal keeps it. */
  readonly policy?: Policy;
  /** 1 for each entry of the manifest to save; all unless given. */
  readonly wanted?: Uint8Array;
  /** 1 for each of them that an earlier edition gives, so that it is not fetched; see PartialTree. */
  readonly here?: Uint8Array;
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
  const { here = new Uint8Array(wanted.length) } = share;
  const fetched = wanted.map((each, i) => (here[i] === 1 ? 0 : each));
  const single = isSingle(manifest);
  const folder = hold(dir);
  const id = toHex(manifest.share.subarray(0, 4));
  const stem = partialStem(manifest.files[0]!.path.split("/", 1)[0]!);
  const name = formatPartialName({ stem, share: id, owner: thisProcess() });
  let own: HeldFolder | undefined;
  let data: number | HeldFolder | undefined;
  let journal: Journal | undefined;
  try {
    checkSpace(folder, diskUse({ dir: folder, manifest, head }, fetched));
    own = makeOwn(folder, name);
    // The data before the journal: see `examineFile` on their times.
    data = single ? createData(own, onlyFile(manifest)) : createTree(own);
    journal = Journal.create(own, { manifest, head, receiver, policy });
    const holdings = { folder, name, own, journal, next: 0, synced: 0 };
    if (typeof data === "number") return new PartialFile({ ...holdings, data });
    const layout = new Layout(manifest, head.length);
    return new PartialTree({ ...holdings, data, layout, wanted, here, whole: false });
  } catch (error) {
    journal?.close();
    if (typeof data === "number") closeSync(data);
    else data?.close();
    if (own !== undefined) tidy(folder, name, own);
    own?.close();
    folder.close();
    throw diskFault(error, folder.path);
  }
}

/** Beside what is in it: the partial, its data if that is a folder, and the journal. */
const PARTIAL_INODES = 3;

/**
 * The bytes that a share takes of the disk while it comes, its partial included.
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
  readonly dir: string | Folder;
  readonly share: Uint8Array;
  /** The policy for taken names of this run; undefined: the agreed policy counts. */
  readonly policy?: Policy | undefined;
}

/**
 * The partial of this share whose receiver is gone, with the most in it, now ours. Undefined when
 * there is none to go on with. Whatever is odd about a partial leaves it alone, save that data
 * which another has written to is received anew.
 * @throws FaultError "bad-destination", "disk-full" or "write-failed".
 */
export function findPartial({ dir, share, policy }: Sought): PartialShare | undefined {
  const folder = hold(dir);
  try {
    const found = namesIn(folder)
      .flatMap((name) => inspect(folder, name, share, policy) ?? [])
      .toSorted((a, b) => b.next - a.next);
    for (const one of found) {
      const partial = claim(folder, one, share, policy);
      if (partial !== undefined) return partial;
    }
  } catch (error) {
    folder.close();
    throw diskFault(error, folder.path);
  }
  folder.close();
  return undefined;
}

/** A folder may be one to put things into, and not to look at. */
function namesIn(folder: Folder): string[] {
  try {
    return folder.list();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return [];
  }
}

/** A partial that could be gone on with. */
interface Found {
  readonly name: string;
  /** The identity of the directory. */
  readonly stat: BigIntStats;
  readonly next: number;
}

/** Where the partial of that name could go on, or undefined when it is none of ours. */
function inspect(
  folder: Folder,
  name: string,
  share: Uint8Array,
  policy: Policy | undefined,
): Found | undefined {
  const parsed = parsePartialName(name);
  if (parsed?.share !== toHex(share.subarray(0, 4))) return undefined;
  using own = enterOurs(folder, name);
  if (own === undefined) return undefined;
  const { stat } = own;
  const journal = Journal.open(own, share);
  if (journal === undefined) {
    // Killed at its very beginning, it has nothing that anyone could miss.
    if (isBeginning(own) && isGone(parsed.owner, Date.now() - Number(stat.mtimeMs)))
      tidy(folder, name, own);
    return undefined;
  }
  try {
    if (!isGone(parsed.owner, Date.now() - Number(journal.touchedNs / 1_000_000n)))
      return undefined;
    const next = isSingle(journal.manifest)
      ? nextOf(examineFile(folder, own, journal))
      : examineTree(folder, own, journal, policy ?? journal.policy)?.next;
    return next === undefined ? undefined : { name, stat, next };
  } finally {
    journal.close();
  }
}

function nextOf(contents: FileContents): number | undefined {
  if (contents.kind === "foreign") return undefined;
  return contents.kind === "data" ? contents.next : 0;
}

/** Takes over a partial, unless another was quicker or it is nothing to go on with. */
function claim(
  folder: Folder,
  { name, stat }: Found,
  share: Uint8Array,
  policy: Policy | undefined,
): PartialShare | undefined {
  const parsed = parsePartialName(name);
  if (parsed === undefined) return undefined;
  const mine = formatPartialName({ ...parsed, owner: thisProcess() });
  try {
    if (!folder.moveSame(name, mine, (there) => folder.isOne(there, stat))) return undefined;
  } catch (error) {
    // Gone, or of a file system that renames no folders: what is in it can't be claimed.
    if (error instanceof FaultError || errorCode(error) === undefined) throw error;
    return undefined;
  }
  const own = enterOurs(folder, mine);
  let taken: PartialShare | undefined;
  try {
    // Exchanged since: what is there now is not ours.
    if (own === undefined || !folder.isOne(own.stat, stat)) return undefined;
    own.keepPrivate();
    taken = take(folder, mine, own, share, policy);
    return taken;
  } finally {
    if (taken === undefined) own?.close();
  }
}

function take(
  folder: Folder,
  name: string,
  own: HeldFolder,
  share: Uint8Array,
  policy: Policy | undefined,
): PartialShare | undefined {
  const journal = Journal.open(own, share);
  if (journal === undefined) return undefined;
  const single = isSingle(journal.manifest);
  const data = single ? openData(own) : undefined;
  let taken: PartialShare | "empty" | undefined;
  let kept = false;
  try {
    taken = single
      ? takeFile(folder, name, own, journal, data)
      : takeTree(folder, name, own, journal, policy ?? journal.policy);
    if (taken === "empty") tidy(folder, name, own);
    kept = taken !== undefined && taken !== "empty";
    return taken === "empty" ? undefined : taken;
  } finally {
    if (!kept) journal.close();
    const holds = taken instanceof PartialFile && taken.descriptor === data;
    if (data !== undefined && !holds) closeSync(data);
  }
}

function hold(dir: string | Folder): Folder {
  return typeof dir === "string" ? new Folder(dir) : dir.holdAgain();
}

/** The directory of that name, if it is one of this user and no link. */
function enterOurs(folder: Folder, name: string): HeldFolder | undefined {
  let own: HeldFolder;
  try {
    own = folder.enter(name);
  } catch (error) {
    if (error instanceof FaultError) throw error;
    return undefined; // a link, a file, gone, or closed to us
  }
  if (folder.isOurs(own.stat.uid)) return own;
  own.close();
  return undefined;
}

/**
 * Makes the directory of a new partial, for this user alone.
 * @throws FaultError "bad-destination" where folders cannot be made; "write-failed" when another user
 * exchanged it before it was held
 */
function makeOwn(folder: Folder, name: string): HeldFolder {
  try {
    folder.make(name, 0o700);
  } catch (cause) {
    const refused = ["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR"];
    if (!refused.includes(errorCode(cause) ?? "")) throw cause;
    throw new FaultError("bad-destination", `${folder.path} (${reasonOf(cause)})`, { cause });
  }
  const own = enterOurs(folder, name);
  if (own === undefined) throw closedToUs(folder, name) ?? swapped(join(folder.path, name));
  own.keepPrivate();
  // A directory that was there before is not ours to fill, whoever put it there.
  if (own.list().length === 0) return own;
  own.close();
  throw swapped(join(folder.path, name));
}

/** A mount may give new entries to another user, and so close them to their maker. */
function closedToUs(folder: Folder, name: string): FaultError | undefined {
  const there = folder.lstat(name);
  if (there === undefined || !there.isDirectory() || !folder.isOurs(there.uid)) return undefined;
  try {
    folder.removeFolder(name);
  } catch {
    // It stays, empty.
  }
  const why = `what this user makes there is shown as user ${there.uid}'s and closed to this one`;
  return new FaultError("bad-destination", `${folder.path} (${why})`);
}

/** Whether it holds nothing but what a receiver makes first. */
function isBeginning(own: HeldFolder): boolean {
  try {
    if (!own.list().every((name) => name === DATA || name === JOURNAL)) return false;
  } catch (error) {
    // Another receiver has ended with it, and removed it meanwhile.
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
  const data = own.lstat(DATA);
  const isEmpty = data === undefined || data.size === 0n || isEmptyFolder(own);
  return isEmpty && Journal.isBegun(own);
}

function isEmptyFolder(own: HeldFolder): boolean {
  try {
    using data = own.enter(DATA);
    return data.list().length === 0;
  } catch {
    return false;
  }
}

function tidy(folder: Folder, name: string, own: HeldFolder): void {
  try {
    removePartial(folder, name, own);
  } catch {
    // It holds something else besides: not ours to remove.
  }
}
