/** The files and folders that a person chose to send, one item for each that was chosen. */
import { TEXT_BYTES, MANIFEST_FILES } from "../../protocol/wire/limits.ts";
import type { ChosenFile } from "../job/send-messages.ts";
import { count, size } from "./words.ts";

export interface ChosenItem {
  /** A file's name, or a folder's. */
  readonly name: string;
  readonly isFolder: boolean;
  readonly files: readonly ChosenFile[];
  readonly bytes: number;
}

/** The items with more files. A new item takes the place of one with its name, as a second choice of it. */
export function withFiles(
  items: readonly ChosenItem[],
  files: readonly ChosenFile[],
): readonly ChosenItem[] {
  const groups = new Map<string, ChosenFile[]>();
  for (const file of files) {
    const [name = ""] = file.path.split("/");
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [file]);
    else group.push(file);
  }
  const added = [...groups].map(([name, group]) => itemOf(name, group));
  return [...items.filter(({ name }) => !groups.has(name)), ...added];
}

function itemOf(name: string, files: readonly ChosenFile[]): ChosenItem {
  const bytes = files.reduce((sum, { file }) => sum + (file?.size ?? 0), 0);
  const isFolder = files.some(({ path, file }) => path !== name || file === undefined);
  return { name, isFolder, files, bytes };
}

export function allFiles(items: readonly ChosenItem[]): readonly ChosenFile[] {
  return items.flatMap(({ files }) => files);
}

/** `3 files, 1.2 GiB` */
export function totalOf(items: readonly ChosenItem[]): string {
  const files = items.reduce((sum, item) => sum + item.files.length, 0);
  return `${count(files, "file", "files")}, ${size(bytesOf(items))}`;
}

export function bytesOf(items: readonly ChosenItem[]): number {
  return items.reduce((sum, item) => sum + item.bytes, 0);
}

/** Why these can't be sent; undefined: they can. */
export function problemOf(items: readonly ChosenItem[]): string | undefined {
  const files = items.reduce((sum, item) => sum + item.files.length, 0);
  if (files <= MANIFEST_FILES) return undefined;
  return `One share takes ${MANIFEST_FILES.toLocaleString("en")} files at most, and these are ${files.toLocaleString("en")}. Send fewer at once, or pack them into one archive.`;
}

/** Why this text can't be sent; undefined: it can. */
export function textProblem(text: string): string | undefined {
  if (text.trim() === "") return "Write a text first.";
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= TEXT_BYTES) return undefined;
  return `A text takes ${size(TEXT_BYTES)} at most, and this one has ${size(bytes)}. Send it as a file.`;
}
