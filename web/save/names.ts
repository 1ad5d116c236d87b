/**
 * Names on disk and in a ZIP. The worker gives safe paths already; here each part is made safe once
 * more, because a mistake there must not write outside the chosen folder.
 */
import { collisionKey, nameProblem } from "../../protocol/content/names.ts";
import { NAME_BYTES } from "../../protocol/wire/limits.ts";
import { cutUtf8 } from "../../protocol/wire/display.ts";
import type { OfferedFile } from "../job/receive-messages.ts";

/** Files that are not complete end so. File systems take 255 bytes, and a name has NAME_BYTES at most. */
export const PARTIAL_SUFFIX = ".fileshare-part";
/** Names that are tried before the page gives up: `a.txt`, `a (2).txt` and so on. */
export const NAMES_TRIED = 1_000;

/** One part of a path that every system takes as a name in its folder. */
export function safePart(part: string): string {
  if (nameProblem(part) === undefined) return part;
  const replaced = part
    .toWellFormed()
    .replaceAll(/[<>:"|?*\\/\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, "_")
    .replace(/[. ]+$/u, "");
  // Some bytes remain for a number and for the mark.
  const cut = cutUtf8(replaced, NAME_BYTES - 10);
  if (nameProblem(cut) === undefined) return cut;
  const marked = `_${cut}`;
  return nameProblem(marked) === undefined ? marked : "file";
}

/** `a.txt`, `a (2).txt`, ... */
export function numbered(name: string, number: number): string {
  if (number === 1) return name;
  const dot = name.lastIndexOf(".");
  const at = dot <= 0 ? name.length : dot;
  return `${name.slice(0, at)} (${number})${name.slice(at)}`;
}

/** The place of an entry below the chosen folder. */
export interface Place {
  readonly folders: readonly string[];
  readonly name: string;
}

/** A share may have 100,000 entries, and several ways of saving look at the same offer. */
const known = new WeakMap<readonly OfferedFile[], readonly Place[]>();

/** The places of all entries: safe, and no two that some file system takes for one. */
export function placesOf(files: readonly OfferedFile[]): readonly Place[] {
  let places = known.get(files);
  if (places === undefined) {
    places = newPlaces(files);
    known.set(files, places);
  }
  return places;
}

function newPlaces(files: readonly OfferedFile[]): readonly Place[] {
  const root: Level = { folders: new Map(), taken: new Set() };
  const walks = new Map<string, Walk>([["", { level: root, folders: [] }]]);
  const walkTo = (path: string): Walk => {
    const there = walks.get(path);
    if (there !== undefined) return there;
    const cut = path.lastIndexOf("/");
    const walk = into(walkTo(path.slice(0, Math.max(cut, 0))), path.slice(cut + 1));
    walks.set(path, walk);
    return walk;
  };
  // Folders first, so that a file never takes the name that a folder leads through.
  const parents = files.map(({ path }) =>
    walkTo(path.slice(0, Math.max(path.lastIndexOf("/"), 0))),
  );
  return files.map(({ path, type }, at) => {
    const { level, folders } = parents[at]!;
    const last = path.slice(path.lastIndexOf("/") + 1);
    if (type === "file") return { folders, name: free(level, last) };
    const inside = into({ level, folders }, last);
    return { folders, name: inside.folders.at(-1)! };
  });
}

interface Level {
  /** By the part as the offer has it. */
  readonly folders: Map<string, { readonly name: string; readonly level: Level }>;
  readonly taken: Set<string>;
}

interface Walk {
  readonly level: Level;
  readonly folders: readonly string[];
}

function into({ level, folders }: Walk, part: string): Walk {
  let folder = level.folders.get(part);
  if (folder === undefined) {
    folder = { name: free(level, part), level: { folders: new Map(), taken: new Set() } };
    level.folders.set(part, folder);
  }
  return { level: folder.level, folders: [...folders, folder.name] };
}

const PARTIAL_KEY = collisionKey(PARTIAL_SUFFIX);

/** A whole file must not look like a partial, and not take the place of one on any file system. */
function withoutMark(name: string): string {
  return collisionKey(name).endsWith(PARTIAL_KEY) ? `${name}_` : name;
}

function free({ taken }: Level, part: string): string {
  const safe = withoutMark(safePart(part));
  for (let number = 1; ; number++) {
    const name = numbered(safe, number);
    const key = collisionKey(name);
    if (taken.has(key)) continue;
    taken.add(key);
    return name;
  }
}

/** The name of the one file, or of the ZIP that holds several. */
export function downloadName(files: readonly OfferedFile[]): string {
  const [first] = files;
  if (isOneFile(files) && first !== undefined) return safePart(first.path);
  const tops = new Set(files.map(({ path }) => path.split("/", 1)[0]!));
  const [top] = tops;
  return tops.size === 1 && top !== undefined
    ? `${safePart(top)}.zip`
    : `${files.length} files.zip`;
}

/** One file outside any folder needs no ZIP. */
export function isOneFile(files: readonly OfferedFile[]): boolean {
  const [first] = files;
  return files.length === 1 && first?.type === "file" && !first.path.includes("/");
}
