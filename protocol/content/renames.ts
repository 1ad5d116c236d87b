/**
 * Other names for those that cannot be written where a share is received. They depend on the names in
 * the share and on the file system alone, so a later run finds what an earlier one saved.
 */
import { utf8 } from "../wire/bytes.ts";
import { FaultError } from "../wire/faults.ts";
import { MANIFEST_FILES, PATH_BYTES, PATH_DEPTH } from "../wire/limits.ts";
import {
  checkNames,
  collisionKey,
  foreignParts,
  nameProblem,
  parseSafePath,
  safetyProblem,
  withoutIgnored,
  type NamedEntry,
  type SafePath,
} from "./names.ts";
import { cutUtf8, quoted } from "../wire/display.ts";

/** Names that a receiver lists when it changed or refused them; it counts the rest. */
export const RENAMED_TOLD = 20;

/** The rules of the place where names are written. */
export interface Naming {
  /** Names that are not safe get others; else they refuse the share. */
  readonly renames: boolean;
  /**
   * Of names of one folder that some file system takes for one (`collisionKey`), in the share's
   * order: those that this file system takes for an earlier one.
   */
  readonly folded: (alike: readonly string[]) => ReadonlySet<string>;
  /** Whether the file system can hold that safe name. */
  readonly holds: (name: string) => boolean;
}

/** Names that every system can hold, and holds side by side: for a place of which nothing is known. */
export const ANY_SYSTEM: Naming = {
  renames: false,
  folded: (alike) => new Set(alike.slice(1)),
  holds: (name) => nameProblem(name) === undefined,
};

export interface Renamed {
  /** As the share has it: text of a peer. */
  readonly from: string;
  readonly to: SafePath;
}

/** The first RENAMED_TOLD of what got other names, and how many more there are. */
export interface Renames {
  readonly told: readonly Renamed[];
  readonly more: number;
}

/**
 * Bytes that a new name has at most, without a number. The first that the file system holds counts:
 * most take 255 bytes, and eCryptfs takes 143.
 */
const NEW_NAME_BYTES = [190, 130, 100] as const;
/** Characters of a name that are looked at; a character takes a byte at least. */
const NAME_CHARACTERS = 4 * NEW_NAME_BYTES[0];
/** Bytes of a name that every file system holds. */
const PLAIN_BYTES = 100;
const PLAIN = /^[A-Za-z0-9_-][A-Za-z0-9._ -]*$/;
const EXTENSION = /\.[A-Za-z0-9]{1,10}$/;

class Node {
  readonly inner = new Map<string, Node>();
  name = "";
}

/**
 * Gives names to all entries of a share whose paths may be unsafe.
 * @returns the same entries where nothing has to be renamed
 * @throws FaultError "unsafe-name" for a path that is too long or too deep also with other names
 */
export function giveNames<Entry extends NamedEntry>(
  entries: readonly Entry[],
  naming: Naming,
): { readonly entries: readonly Entry[]; readonly renames: Renames | undefined } {
  if (isFine(entries, naming)) return { entries, renames: undefined };
  const root = new Node();
  let nodes = 0;
  for (const { path } of entries) {
    const names = path.length > PATH_BYTES ? [] : path.split("/");
    if (names.length === 0 || names.length > PATH_DEPTH + 1) {
      throw new FaultError("unsafe-name", `${quoted(path)}: it is too long or too deep`);
    }
    let at = root;
    for (const name of names) {
      if (!at.inner.has(name)) nodes++;
      at = innerOf(at, name);
    }
    if (nodes > MANIFEST_FILES) throw new FaultError("unsafe-name", "too many folders to rename");
  }
  nameAll(root, naming, true);
  const told: Renamed[] = [];
  let count = 0;
  const named = entries.map((entry) => {
    const path = newPath(root, entry.path);
    if (path === entry.path) return entry;
    count++;
    if (told.length < RENAMED_TOLD) told.push({ from: entry.path, to: path });
    return { ...entry, path, sent: entry.path };
  });
  if (count === 0) return { entries, renames: undefined };
  return { entries: named, renames: { told, more: count - told.length } };
}

function isFine(entries: readonly NamedEntry[], { holds, renames }: Naming): boolean {
  const seen = new Set<string>();
  for (const { path } of entries) {
    for (const name of path.split("/")) {
      if (isPlain(name) || seen.has(name)) continue;
      if (!holds(name)) return false;
      seen.add(name);
    }
  }
  try {
    if (renames) for (const { path } of entries) parseSafePath(path);
    checkNames(entries, MANIFEST_FILES);
    return true;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    // Of too many entries none gets a name: the manifest is refused for them.
    return error.code !== "unsafe-name";
  }
}

/** Every file system holds these. */
function isPlain(name: string): boolean {
  const isShort = name.length <= PLAIN_BYTES;
  return isShort && PLAIN.test(name) && foreignParts(name).length === 0;
}

function innerOf(node: Node, name: string): Node {
  const there = node.inner.get(name);
  if (there !== undefined) return there;
  const made = new Node();
  node.inner.set(name, made);
  return made;
}

/** Names that can stay come first, so that no new name takes theirs. */
function nameAll(node: Node, naming: Naming, outermost: boolean): void {
  const staying = new Map<string, [string, ...string[]]>();
  const others = new Set<string>();
  for (const [name, inner] of node.inner) {
    const isHome = outermost && inner.inner.size > 0 && name.startsWith("~");
    if (isHome || safetyProblem(name) !== undefined || !naming.holds(name)) {
      others.add(name);
      continue;
    }
    inner.name = name;
    const key = collisionKey(name);
    const alike = staying.get(key);
    if (alike === undefined) staying.set(key, [name]);
    else alike.push(name);
  }
  const taken = new Set(staying.keys());
  for (const alike of staying.values()) {
    if (alike.length === 1) continue;
    for (const name of naming.folded(alike)) others.add(name);
  }
  const numbers = new Map<string, number>();
  // In the share's order, which is that of a later run too.
  for (const [name, inner] of others.size > 0 ? node.inner : []) {
    if (!others.has(name)) continue;
    inner.name = freeName(name, naming, taken, numbers);
    taken.add(collisionKey(inner.name));
  }
  for (const inner of node.inner.values()) nameAll(inner, naming, false);
}

/** @param numbers of each stem the first number that may be free: no number is tried twice */
function freeName(
  name: string,
  naming: Naming,
  taken: ReadonlySet<string>,
  numbers: Map<string, number>,
): string {
  const stem = heldVariant(name, naming);
  const key = collisionKey(stem);
  if (!taken.has(key)) return stem;
  const end = EXTENSION.exec(stem)?.[0] ?? "";
  // A name that begins with its only dot has no extension, and a number never comes first: "~1" is a home.
  const extension = withoutIgnored(stem) === end ? "" : end;
  const short = stem.slice(0, stem.length - extension.length);
  for (let number = numbers.get(key) ?? 1; ; number++) {
    const numbered = `${short}~${number}${extension}`;
    if (taken.has(collisionKey(numbered))) continue;
    numbers.set(key, number + 1);
    return numbered;
  }
}

/** A variant that is as long as the file system holds it, with a number too. */
function heldVariant(name: string, naming: Naming): string {
  for (const bytes of NEW_NAME_BYTES) {
    const variant = safeVariant(name, bytes);
    const longest = variant + NUMBER_ROOM;
    if (isPlain(longest) || naming.holds(longest)) return variant;
  }
  return safeVariant(name, PLAIN_BYTES).replaceAll(/[^ -~]/g, "_");
}

/** As long as a number. A share has fewer than a million names. */
const NUMBER_ROOM = "~000000";

/** Characters that other systems read as a place, a device or nothing become "_". */
function safeVariant(name: string, bytes: number): string {
  const replaced = name
    .slice(0, NAME_CHARACTERS)
    .toWellFormed()
    .replaceAll(
      /[\p{Cc}\p{Zl}\p{Zp}\uFFFD\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069<>:"|?*\\/]/gu,
      "_",
    )
    .replace(/^~/, "_");
  const extension = EXTENSION.exec(name)?.[0] ?? "";
  const cut = isShort(replaced, bytes) ? replaced : cutTo(replaced, extension, bytes);
  // An ignored character may have stood before a "~".
  const seen = withoutIgnored(cut).replace(/^~/, "_");
  for (const variant of [cut, seen.replace(/[. ]+$/, "_"), `_${seen}`]) {
    if (nameProblem(variant) === undefined) return variant;
  }
  return "_";
}

function isShort(name: string, bytes: number): boolean {
  return utf8(name).length <= bytes;
}

function cutTo(name: string, extension: string, bytes: number): string {
  return cutUtf8(name, bytes - extension.length) + extension;
}

/** Each name was looked at, and a number may make a path longer than a sender's can be. */
function newPath(root: Node, path: string): SafePath {
  let at = root;
  const names = path.split("/").map((name) => {
    at = innerOf(at, name);
    return at.name;
  });
  return names.join("/") as SafePath;
}
