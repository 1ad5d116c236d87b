/** Makes the partial of a share that is new here, and finds the one of a share that is not. */
import {
  closeSync,
  constants,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { toHex } from "../protocol/bytes.ts";
import { FaultError } from "../protocol/faults.ts";
import { OWNER_EXECUTE, type Manifest } from "../protocol/manifest.ts";
import { checkSpace, diskFault, errorCode, Folder } from "./folder.ts";
import { isOurs, Journal, openOwn } from "./journal.ts";
import { formatPartialName, isGone, parsePartialName, partialStem, thisProcess } from "./owner.ts";
import {
  DATA,
  fileOffset,
  JOURNAL,
  onlyFile,
  PartialFile,
  removePartial,
  type Holdings,
  type ReceivedFile,
} from "./partial.ts";
import { lookAt } from "./place.ts";

export interface NewPartial {
  /** The destination; the partial lies in it too, so that the last step is a rename. */
  readonly dir: string;
  readonly manifest: Manifest;
  /** The plaintext before the files' bytes, from which the manifest was decoded. */
  readonly head: Uint8Array;
  /** Who this receiver is to the sender: kept, so that it is the same one when it goes on. */
  readonly receiver: Uint8Array;
}

/**
 * Begins a share with nothing written.
 * @throws FaultError "bad-manifest", "unsafe-name", "bad-destination", "disk-full" (also when what
 * is claimed cannot fit) or "write-failed".
 */
export function openPartial({ dir, manifest, head, receiver }: NewPartial): PartialFile {
  const file = onlyFile(manifest);
  const folder = new Folder(dir);
  const share = toHex(manifest.share.subarray(0, 4));
  const name = formatPartialName({ stem: partialStem(file.name), share, owner: thisProcess() });
  let data: number | undefined;
  let journal: Journal | undefined;
  let made = false;
  try {
    checkSpace(dir, manifest.bytes);
    makeFolder(folder, name);
    made = true;
    // The data before the journal: see `examine` on their times.
    data = createData(folder, name, file);
    journal = Journal.create(folder.at(name, JOURNAL), { manifest, head, receiver });
    return new PartialFile({ folder, name, journal, data, next: 0, synced: 0 });
  } catch (error) {
    journal?.close();
    if (data !== undefined) closeSync(data);
    if (made) tidy(folder, name);
    folder.close();
    throw diskFault(error, dir);
  }
}

/**
 * The partial of this share whose receiver is gone, with the most in it, now ours. Undefined when
 * there is none to go on with. Whatever is odd about a partial leaves it alone, save that data
 * which another has written to is received anew.
 * @throws FaultError "bad-destination", "disk-full" or "write-failed".
 */
export function findPartial({
  dir,
  share,
}: {
  dir: string;
  share: Uint8Array;
}): PartialFile | undefined {
  const folder = new Folder(dir);
  try {
    const found = readdirSync(folder.at())
      .map((name) => ({ name, next: inspect(folder, name, share) }))
      .filter((one): one is { name: string; next: number } => one.next !== undefined)
      .toSorted((a, b) => b.next - a.next);
    for (const { name } of found) {
      const holdings = claim(folder, name, share);
      if (holdings !== undefined) return new PartialFile(holdings);
    }
  } catch (error) {
    folder.close();
    throw diskFault(error, dir);
  }
  folder.close();
  return undefined;
}

/** Where the partial of that name could go on, or undefined when it is none of ours. */
function inspect(folder: Folder, name: string, share: Uint8Array): number | undefined {
  const parsed = parsePartialName(name);
  if (parsed?.share !== toHex(share.subarray(0, 4))) return undefined;
  const stat = lookAt(folder, name);
  if (!stat?.isDirectory() || !isOurs(Number(stat.uid))) return undefined;
  const journal = Journal.open(folder.at(name, JOURNAL), share);
  if (journal === undefined) {
    // Killed at its very beginning, it has nothing that anyone could miss.
    const data = lookAt(folder, join(name, DATA));
    const empty = data === undefined || data.size === 0n;
    if (empty && isGone(parsed.owner, Date.now() - Number(stat.mtimeMs))) tidy(folder, name);
    return undefined;
  }
  try {
    if (!isGone(parsed.owner, Date.now() - Number(journal.touchedNs / 1_000_000n)))
      return undefined;
    const contents = examine(folder, name, journal);
    return contents.kind === "odd" ? undefined : contents.kind === "data" ? contents.next : 0;
  } finally {
    journal.close();
  }
}

type Contents =
  | { readonly kind: "data"; readonly next: number }
  /** Written to by someone else, or shorter than it was: nothing of it is believed. */
  | { readonly kind: "spoilt" }
  | { readonly kind: "placed"; readonly as: string }
  /** Left over: its data has gone where nobody knows. */
  | { readonly kind: "empty" }
  | { readonly kind: "odd" };

function examine(folder: Folder, name: string, journal: Journal): Contents {
  const { written, whole } = journal.found;
  const { manifest, head } = journal;
  const data = lstatSync(folder.at(name, DATA), { bigint: true, throwIfNoEntry: false });
  const total = BigInt(manifest.bytes);
  if (data === undefined) {
    const destiny = whole ? journal.destiny() : undefined;
    const there = destiny && lookAt(folder, destiny.name);
    const placed = there?.isFile() && there.ino === destiny?.ino && there.size === total;
    return placed && destiny ? { kind: "placed", as: destiny.name } : { kind: "empty" };
  }
  if (!data.isFile() || !isOurs(Number(data.uid))) return { kind: "odd" };
  if (whole) return data.size === total ? { kind: "data", next: written } : { kind: "spoilt" };
  if (data.nlink !== 1n) return { kind: "odd" };
  if (written === 0) return { kind: "spoilt" }; // nothing to believe
  const least = BigInt(fileOffset(written, manifest, head.length));
  const most = BigInt(fileOffset(written + 1, manifest, head.length));
  if (data.size < least) return { kind: "spoilt" };
  // After a restart of the system neither times nor what follows the synced records mean anything.
  if (!journal.sameBoot) return { kind: "data", next: written };
  // Killed amid a record, the data is longer than was noted. Otherwise the note came last, also on
  // file systems that set times when a file is closed: a dying process closes the data first.
  if (data.size > least)
    return data.size <= most ? { kind: "data", next: written } : { kind: "spoilt" };
  return data.mtimeNs <= journal.touchedNs ? { kind: "data", next: written } : { kind: "spoilt" };
}

/** Takes over the partial of that name, unless another was quicker or it is nothing to go on with. */
function claim(folder: Folder, name: string, share: Uint8Array): Holdings | undefined {
  const parsed = parsePartialName(name);
  if (parsed === undefined) return undefined;
  const mine = formatPartialName({ ...parsed, owner: thisProcess() });
  try {
    renameSync(folder.at(name), folder.at(mine));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const data = openData(folder, mine);
  let journal: Journal | undefined;
  let taken: Holdings | undefined;
  try {
    journal = Journal.open(folder.at(mine, JOURNAL), share);
    taken = journal && take(folder, mine, journal, data);
  } finally {
    if (taken === undefined) journal?.close();
    if (data !== undefined && taken?.data !== data) closeSync(data);
  }
  return taken;
}

/** What the claimed partial has, with the journal saying so. */
function take(folder: Folder, name: string, journal: Journal, data?: number): Holdings | undefined {
  const { synced, whole } = journal.found;
  const { manifest, head } = journal;
  const contents = examine(folder, name, journal);
  switch (contents.kind) {
    case "odd":
      return undefined;
    case "empty":
      tidy(folder, name);
      return undefined;
    case "placed": {
      const next = manifest.records;
      return { folder, name, journal, data: { placed: contents.as }, next, synced: next };
    }
    case "spoilt": {
      journal.mark({ written: 0, synced: 0, whole: false });
      // Not cut to nothing: the same file may have another name by now.
      rmSync(folder.at(name, DATA), { force: true });
      const anew = createData(folder, name, onlyFile(manifest));
      return { folder, name, journal, data: anew, next: 0, synced: 0 };
    }
    case "data": {
      if (data === undefined) return undefined;
      const { next } = contents;
      if (!journal.sameBoot) ftruncateSync(data, fileOffset(next, manifest, head.length));
      journal.mark({ written: next, synced, whole });
      return { folder, name, journal, data, next, synced };
    }
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

function openData(folder: Folder, name: string): number | undefined {
  try {
    return openOwn(folder.at(name, DATA));
  } catch {
    return undefined; // what it is instead, `examine` tells
  }
}

/**
 * The data gets the mode that it will have for good, within the umask and the defaults of the
 * folder as only the system knows them. Until then its directory keeps everyone out.
 */
function createData(folder: Folder, name: string, { mode }: ReceivedFile): number {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  return openSync(folder.at(name, DATA), O_RDWR | O_CREAT | O_EXCL, 0o666 | (mode & OWNER_EXECUTE));
}

function tidy(folder: Folder, name: string): void {
  try {
    removePartial(folder, name);
  } catch {
    // It holds something else besides: not ours to remove.
  }
}
