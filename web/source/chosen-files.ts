/**
 * Files as a person gives them to the page: from an input, a drop or a paste. All become a list of
 * `ChosenFile`, whose paths begin with what was chosen. Names that receivers would refuse are found
 * here, before a share is made of them, as the terminal does.
 */
import { senderPath } from "../../protocol/content/names.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import type { ChosenFile } from "../job/send-messages.ts";
import { noteHandle } from "./file-handles.ts";
import { entryNode, handleNode, walk, type FileNode } from "./file-tree.ts";

/** Names that a person is told one by one; the rest are counted. */
const REFUSED_TOLD = 5;
/** The name that browsers give a picture of the clipboard. */
const PICTURE_NAME = /^image\.(\w+)$/;

/** Of an input for files or, with `webkitdirectory`, for a folder. It names no empty folders. */
export function filesOfInput(files: Iterable<File>): readonly ChosenFile[] {
  const chosen = Array.from(files, (file) => ({
    path: file.webkitRelativePath === "" ? file.name : file.webkitRelativePath,
    file,
  }));
  return inOrder(chosen);
}

/**
 * Files and whole folders that were dropped, empty folders too. The call must come before anything
 * is awaited in the handler of the event, because a browser empties `transfer` then.
 * @throws FaultError (rejects) "share-too-big" for more than MANIFEST_FILES, "unreadable-file"
 */
export async function filesOfDrop(transfer: DataTransfer): Promise<readonly ChosenFile[]> {
  const items = Array.from(transfer.items).filter(({ kind }) => kind === "file");
  const given = items.map((item) => ({ item: nodeOf(item), handle: handleOf(item) }));
  // A browser that knows no items has files alone.
  if (given.length === 0) return filesOfInput(transfer.files);
  const nodes: FileNode[] = [];
  for (const { item, handle } of given) {
    const granted = await handle;
    if (granted !== undefined) noteHandle(granted.name, granted);
    const node = item ?? (granted && handleNode(granted));
    if (node !== undefined) nodes.push(node);
  }
  return inOrder(await walk(nodes));
}

/** Files and pictures of the clipboard. A picture has no name there, so it gets one with the time. */
export function filesOfPaste(transfer: DataTransfer, now = new Date()): readonly ChosenFile[] {
  const taken = new Set<string>();
  return Array.from(transfer.files, (file) => {
    const [, extension] = PICTURE_NAME.exec(file.name) ?? [];
    const name = extension === undefined ? file.name : pastedName(extension, now, taken);
    taken.add(name);
    if (name === file.name) return { path: name, file };
    const { type, lastModified } = file;
    return { path: name, file: new File([file], name, { type, lastModified }) };
  });
}

/** `pasted 2026-11-29 01.20.33.png`, in local time. */
function pastedName(extension: string, now: Date, taken: ReadonlySet<string>): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
  const stem = `pasted ${day} ${time}`;
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${stem}.${extension}` : `${stem} ${number}.${extension}`;
    if (!taken.has(name)) return name;
  }
}

export interface SendableFiles {
  readonly files: readonly ChosenFile[];
  /** A sentence about files that receivers would refuse for their names; undefined: there are none. */
  readonly problem: string | undefined;
}

/** Tells files whose names receivers take from all others. A send of the latter would fail. */
export function sendableFiles(chosen: readonly ChosenFile[]): SendableFiles {
  const files: ChosenFile[] = [];
  let refused = 0;
  const reasons: string[] = [];
  for (const one of chosen) {
    const reason = nameProblem(one.path);
    if (reason === undefined) files.push(one);
    else {
      refused++;
      if (reasons.length < REFUSED_TOLD) reasons.push(reason);
    }
  }
  return { files, problem: problemOf(reasons, refused) };
}

function nameProblem(path: string): string | undefined {
  try {
    senderPath(path);
    return undefined;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return error.detail ?? path;
  }
}

function problemOf(reasons: readonly string[], count: number): string | undefined {
  if (count === 0) return undefined;
  const more = count > reasons.length ? `; and ${count - reasons.length} more` : "";
  const what = count === 1 ? "This name cannot be sent" : `${count} names cannot be sent`;
  return `${what}: ${reasons.join("; ")}${more}. Rename the files, or leave them out.`;
}

/** The browser's own order depends on its file system; the order of a share depends on names alone. */
function inOrder(files: readonly ChosenFile[]): readonly ChosenFile[] {
  return files.toSorted((one, other) => {
    if (one.path === other.path) return 0;
    return one.path < other.path ? -1 : 1;
  });
}

function nodeOf(item: DataTransferItem): FileNode | undefined {
  const entry = item.webkitGetAsEntry();
  if (entry !== null) return entryNode(entry);
  const file = item.getAsFile();
  return file === null ? undefined : { name: file.name, file: () => Promise.resolve(file) };
}

interface HandleItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/** Chromium alone gives handles, and to secure pages alone. They outlast a reload. */
async function handleOf(
  item: DataTransferItem & HandleItem,
): Promise<FileSystemHandle | undefined> {
  try {
    return (await item.getAsFileSystemHandle?.()) ?? undefined;
  } catch {
    // Without a handle the person chooses the file again after a reload.
    return undefined;
  }
}
