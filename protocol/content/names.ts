/**
 * Names that a peer chose. Only `parseSafePath` and `parseSafeName` make a SafePath or SafeName. They
 * refuse names that mislead people or lead out of the chosen folder, on every system alike. Some names
 * are safe, and a system cannot hold them: `a:b` and `con` on Windows. These refuse no share: a
 * receiver on such a system saves them under other names (`renames.ts`).
 */
import { utf8 } from "../wire/bytes.ts";
import { quoted } from "../wire/display.ts";
import { FaultError } from "../wire/faults.ts";
import { NAME_BYTES, PATH_BYTES, PATH_DEPTH } from "../wire/limits.ts";

declare const safe: unique symbol;
/** A relative path of safe names with "/" between them; `Naming` says which of them a system can hold. */
export type SafePath = string & { readonly [safe]: "path" | "name" };
/** One component of a path, safe to create in any folder. */
export type SafeName = SafePath & { readonly [safe]: "name" };

// Direction marks reorder what people see (`invoice\u202Efdp.exe` shows as .pdf).
const BIDI = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/;
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;
/** Characters that no name on Windows has. */
const RESERVED = /[<>:"|?*\\]/g;
/** In such a name, file systems can confuse nothing but capitals. */
const ASCII = /^[ -~]*$/;
// HFS+ drops these when it compares names: to it, `.\u200c.` is `..`.
const IGNORED = /\p{Default_Ignorable_Code_Point}/gu;
/** Devices on Windows, in every folder and with any extension. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])$/i;
/** Names that systems act upon by themselves. */
const ACTIVE = new Set(["autorun.inf", "desktop.ini"]);

/**
 * A path as the wire has it, "/" between its components.
 * @throws FaultError "unsafe-name" with the escaped path and the reason as its detail
 */
export function parseSafePath(raw: unknown): SafePath {
  if (typeof raw !== "string") throw new FaultError("unsafe-name", "a name that is no text");
  const reason = pathProblem(raw);
  if (reason !== undefined) throw unsafe(raw, reason);
  return raw as SafePath;
}

/** A single name, without any folder. @throws FaultError "unsafe-name" */
export function parseSafeName(raw: unknown): SafeName {
  const path = parseSafePath(raw);
  if (path.includes("/")) throw unsafe(path, "it is a path, not a name");
  return path as SafeName;
}

/**
 * The name under which a sender offers a file of its own.
 * @param localName without any folder
 * @param anyName also what receivers refuse unless they give it another name
 * @throws FaultError "unsendable-name" now rather than "unsafe-name" at every receiver
 */
export function senderName(localName: string, anyName = false): SafeName {
  const problem = anyName ? lengthProblem(localName, [localName]) : pathProblem(localName);
  const reason = localName.includes("/") ? "it is a path, not a name" : problem;
  if (reason === undefined) return localName as SafeName;
  throw unsendable(localName, reason);
}

/**
 * The path under which a sender offers an entry of a folder.
 * @param folder of the same share, named by the same rules
 * @param anyName also what receivers refuse unless they give it another name
 * @throws FaultError "unsendable-name"
 */
export function senderPathIn(folder: SafePath, localName: string, anyName = false): SafePath {
  const path = `${folder}/${localName}`;
  const problem = anyName ? undefined : safetyProblem(localName);
  const reason = problem ?? lengthProblem(path, path.split("/"));
  if (reason === undefined) return path as SafePath;
  throw unsendable(path, reason);
}

/**
 * The path under which a sender offers a file, where the whole path was given at once.
 * @throws FaultError "unsendable-name"
 */
export function senderPath(path: string): SafePath {
  const reason = pathProblem(path);
  if (reason === undefined) return path as SafePath;
  throw unsendable(path, reason);
}

export function baseName(path: SafePath): SafeName {
  return path.slice(path.lastIndexOf("/") + 1) as SafeName;
}

/**
 * Whether any component is hidden or acted upon by systems (`.bashrc`, `.git/hooks/x`,
 * `autorun.inf`): such files deserve a question of their own.
 */
export function isHiddenName(path: string): boolean {
  return path.split("/").some((name) => {
    const seen = withoutIgnored(name).toLowerCase();
    return seen.startsWith(".") || ACTIVE.has(seen);
  });
}

export interface NamedEntry {
  readonly path: SafePath;
  /** Its path in the share, where it has another name here. */
  readonly sent?: string;
  readonly type: "file" | "folder";
}

/**
 * Refuses two paths that some file system takes for one (`A` and `a`, `é` in two forms, `ß` and
 * `ss`), and a file where another path needs a folder. A folder may be named once, beside what is
 * in it.
 * @param most files and folders there may be, with the folders that paths only lead through: each
 *   costs a receiver as much as one that is named
 * @param keyOf equal for names that are taken for one
 * @returns how many folders there are, of both kinds
 * @throws FaultError "unsafe-name" with the second path of the two, "share-too-big"
 */
export function checkNames(
  paths: readonly NamedEntry[],
  most: number,
  keyOf: (name: string) => string = collisionKey,
): number {
  const tree = new NameTree(most, keyOf);
  // Most paths lie in the folder of the one before.
  let before = { parent: "", folder: tree.root };
  for (const { path, type } of paths) {
    const cut = path.lastIndexOf("/");
    const parent = path.slice(0, Math.max(cut, 0));
    if (parent !== before.parent) before = { parent, folder: tree.folderAt(parent, path) };
    const name = path.slice(cut + 1);
    if (type === "folder") {
      const folder = tree.folderIn(before.folder, name, path);
      if (folder.named) throw unsafe(path, THERE_TWICE);
      folder.named = true;
      continue;
    }
    tree.addFile(before.folder, name, path);
  }
  return tree.folders;
}

const THERE_TWICE = "it is there twice, or is both a file and a folder";

class Folder {
  readonly name: string;
  readonly entries = new Map<string, Folder | "file">();
  /** It has an entry of its own. */
  named = false;

  constructor(name: string) {
    this.name = name;
  }
}

/** Files and folders of a share; it never grows beyond what is allowed. */
class NameTree {
  readonly root = new Folder("");
  folders = 0;
  readonly #most: number;
  readonly #keyOf: (name: string) => string;
  #entries = 0;

  constructor(most: number, keyOf: (name: string) => string) {
    this.#most = most;
    this.#keyOf = keyOf;
  }

  addFile({ entries }: Folder, name: string, path: string): void {
    const key = this.#keyOf(name);
    if (entries.has(key)) throw unsafe(path, THERE_TWICE);
    this.#count();
    entries.set(key, "file");
  }

  /** The folder at a path, made with all that lead to it. @param path whose folder it is */
  folderAt(parent: string, path: string): Folder {
    if (parent === "") return this.root;
    return parent.split("/").reduce((here, name) => this.folderIn(here, name, path), this.root);
  }

  folderIn(here: Folder, name: string, path: string): Folder {
    const key = this.#keyOf(name);
    const there = here.entries.get(key);
    if (there === "file") throw unsafe(path, THERE_TWICE);
    if (there !== undefined) {
      if (there.name === name) return there;
      throw unsafe(path, "some systems take its folder and another for one");
    }
    this.#count();
    this.folders++;
    const created = new Folder(name);
    here.entries.set(key, created);
    return created;
  }

  #count(): void {
    if (++this.#entries <= this.#most) return;
    throw new FaultError("share-too-big", `more than ${this.#most} files and folders`);
  }
}

/** Equal for names that some file system, with its case folding and normal form, takes for one. */
export function collisionKey(name: string): string {
  if (ASCII.test(name)) return name.toUpperCase();
  return withoutIgnored(name).normalize("NFKC").toLowerCase().toUpperCase();
}

/** Most names are ASCII, which has none of these: then nothing is made anew. */
export function withoutIgnored(name: string): string {
  return ASCII.test(name) ? name : name.replaceAll(IGNORED, "");
}

/** Whether it takes more bytes of UTF-8. A character of UTF-16 takes three at most. */
function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && (text.length > bytes || utf8(text).length > bytes);
}

function pathProblem(path: string): string | undefined {
  // A name that is far too long is not even looked at.
  if (isLonger(path, PATH_BYTES)) return `it is longer than ${PATH_BYTES} bytes`;
  const names = path.split("/");
  const reason = lengthProblem(path, names);
  if (reason !== undefined) return reason;
  if (names.length > 1 && names[0]!.startsWith("~")) return 'it begins with "~"';
  for (const name of names) {
    const reason = safetyProblem(name);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function lengthProblem(path: string, names: readonly string[]): string | undefined {
  if (isLonger(path, PATH_BYTES)) return `it is longer than ${PATH_BYTES} bytes`;
  if (!path.isWellFormed()) return "it is not well-formed Unicode";
  if (names.length - 1 > PATH_DEPTH) return `it is deeper than ${PATH_DEPTH} folders`;
  return undefined;
}

/** The reason why a name is refused, or why some system cannot hold it; undefined: it is good everywhere. */
export function nameProblem(name: string): string | undefined {
  const problem = safetyProblem(name);
  if (problem !== undefined) return problem;
  if (isLonger(name, NAME_BYTES)) return `one name in it is longer than ${NAME_BYTES} bytes`;
  const [sample] = foreignParts(name);
  if (sample === undefined) return undefined;
  if (sample === DEVICE_SAMPLE) return "it is the name of a device on Windows";
  return /[. ]$/.test(sample) ? "it ends with a dot or a space" : `it has a ${sample[1]}`;
}

/** The reason why every receiver refuses a name: it misleads people, or leads elsewhere. */
export function safetyProblem(name: string): string | undefined {
  if (name === "") return "it is empty or has an empty part";
  if (CONTROL.test(name)) return "it has a control character";
  if (BIDI.test(name)) return "it has a character that reorders text";
  if (name.includes("/")) return "it has a /";
  const seen = withoutIgnored(name);
  if (seen === "") return "it is invisible";
  if (seen === "~") return "it stands for a home folder";
  if (seen === "." || seen === "..") return "it leads to another folder";
  return undefined;
}

const DEVICE_SAMPLE = "aux.x";

/**
 * The parts of a safe name that some systems cannot hold, each as a short name that has this part
 * alone: a receiver tries those on its file system, and not each of very many names.
 */
export function foreignParts(name: string): readonly string[] {
  const samples = new Set(name.match(RESERVED)?.map((character) => `x${character}x`));
  const seen = withoutIgnored(name);
  const end = /[. ]$/.exec(seen)?.[0];
  if (end !== undefined) samples.add(`x${end}`);
  const stem = seen.slice(0, (seen + ".").indexOf(".")).trimEnd();
  if (DEVICE.test(stem)) samples.add(DEVICE_SAMPLE);
  return [...samples];
}

function unsafe(path: string, reason: string): FaultError {
  return new FaultError("unsafe-name", `${quoted(path)}: ${reason}`);
}

function unsendable(path: string, reason: string): FaultError {
  return new FaultError("unsendable-name", `${quoted(path)}: receivers would refuse it: ${reason}`);
}

/** For file systems that tell all names apart. */
export function exactKey(name: string): string {
  return name;
}
