/**
 * Folders as browsers give them, in two forms: entries of a drop, and handles. One walk reads both.
 */
import { quoted } from "../../protocol/wire/display.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { MANIFEST_FILES, PATH_DEPTH } from "../../protocol/wire/limits.ts";
import type { ChosenFile } from "../job/send-messages.ts";

export interface FileNode {
  readonly name: string;
  /** Undefined: a folder. */
  readonly file?: () => Promise<File>;
  /** Undefined: a file. */
  readonly children?: () => Promise<readonly FileNode[]>;
}

/**
 * All files below these, and folders that hold nothing.
 * @throws FaultError (rejects) "share-too-big" for more than MANIFEST_FILES, "unreadable-file"
 */
export async function walk(nodes: readonly FileNode[]): Promise<readonly ChosenFile[]> {
  const found: ChosenFile[] = [];
  let seen = 0;
  const visit = async (node: FileNode, path: string, depth: number): Promise<void> => {
    if (++seen > MANIFEST_FILES) {
      throw new FaultError("share-too-big", `more than ${MANIFEST_FILES} files and folders`);
    }
    if (node.file !== undefined) {
      found.push({ path, file: await reading(path, node.file) });
      return;
    }
    // A deeper entry cannot be sent: the path of its folder says so.
    const list = depth > PATH_DEPTH ? [] : await reading(path, node.children ?? noChildren);
    if (list.length === 0) found.push({ path, file: undefined });
    for (const child of list) await visit(child, `${path}/${child.name}`, depth + 1);
  };
  for (const node of nodes) await visit(node, node.name, 0);
  return found;
}

function noChildren(): Promise<readonly FileNode[]> {
  return Promise.resolve([]);
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    throw new FaultError("unreadable-file", quoted(path), { cause });
  }
}

/** An entry of a drop, which all browsers give. */
export function entryNode(entry: FileSystemEntry): FileNode {
  const { name } = entry;
  if (entry.isFile) {
    const file = (): Promise<File> =>
      new Promise((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return { name, file };
  }
  return { name, children: () => entriesIn(entry as FileSystemDirectoryEntry) };
}

/** A browser gives a folder in pieces of a hundred entries, until one is empty. */
async function entriesIn(folder: FileSystemDirectoryEntry): Promise<readonly FileNode[]> {
  const reader = folder.createReader();
  const nodes: FileNode[] = [];
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (entries.length === 0) return nodes;
    nodes.push(...entries.map(entryNode));
    checkCount(nodes.length);
  }
}

export function handleNode(handle: FileSystemHandle): FileNode {
  const { name } = handle;
  if (handle.kind === "file")
    return { name, file: () => (handle as FileSystemFileHandle).getFile() };
  return { name, children: () => handlesIn(handle as FileSystemDirectoryHandle) };
}

async function handlesIn(folder: FileSystemDirectoryHandle): Promise<readonly FileNode[]> {
  const nodes: FileNode[] = [];
  for await (const handle of folder.values()) {
    nodes.push(handleNode(handle));
    checkCount(nodes.length);
  }
  return nodes;
}

/** One folder may have more entries than a share. @throws FaultError "share-too-big" */
function checkCount(count: number): void {
  if (count <= MANIFEST_FILES) return;
  throw new FaultError("share-too-big", `more than ${MANIFEST_FILES} files and folders`);
}
