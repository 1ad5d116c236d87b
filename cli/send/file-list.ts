/**
 * Finds all files that a send offers: the paths that a person named, and the content of named folders.
 * A folder is held open while it is listed, so no file outside of it can be found by a link. The list
 * is made once, before the share is described; `FilesContent` reads the files later.
 */
import { accessSync, constants, openSync, realpathSync, statSync, type BigIntStats } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { setImmediate } from "node:timers/promises";

import { FaultError } from "../../protocol/wire/faults.ts";
import { MANIFEST_FILES } from "../../protocol/wire/limits.ts";
import { type ManifestFile } from "../../protocol/content/manifest.ts";
import { OWNER_EXECUTE, OWNER_READ, PERMISSIONS } from "../../protocol/content/file-marks.ts";
import {
  senderName,
  senderPathIn,
  type SafeName,
  type SafePath,
} from "../../protocol/content/names.ts";
import { quoted } from "../../protocol/wire/display.ts";
import { attempt, unlessGone, unreadable } from "./attempt.ts";

import { Descent } from "../system/descent.ts";
import { HeldFolder, lstatOf, type Spot } from "../system/held-folder.ts";
import { Identities } from "./identities.ts";
import { IgnoreRules, type LeaveOut } from "./ignore-rules.ts";
import { Unsized } from "./unsized.ts";
import { Unsendable } from "./unsendable.ts";
import { Skipped, type SkippedEntry, type SkippedWhy } from "./skipped.ts";
import { collectGarbage } from "../system/runtime.ts";

/**
 * A sender frees memory each time it listed or read so many files; left alone, the engine takes
 * twice as much memory.
 */
export const COLLECT_FILES = 2000;
/** Entries of folders that a sender lists in one turn; then it checks whether it shall end. */
const LIST_AT_ONCE = 500;

export interface ListOptions extends LeaveOut {
  readonly paths: readonly string[];
  readonly name?: string | undefined;
  readonly follow?: boolean;
  readonly skipUnsafe?: boolean;
  readonly offerUnsafe?: boolean;
  /** Of several paths, those that are gone are left out: they were there when the send began. */
  readonly isAgain?: boolean | undefined;
}

/** Looking at a file leaves less behind than reading it. */
const COLLECT_LISTED = 5 * COLLECT_FILES;

/** One path that a person named. */
export interface Root {
  /** As it was given. */
  readonly local: string;
  readonly name: SafeName;
  /** Its first entry. */
  readonly first: number;
}

export interface FileList {
  readonly roots: readonly Root[];
  /** In an order that depends on names alone. */
  readonly files: ManifestFile[];
  /** The identity of each file when it was found. */
  readonly identities: Identities;
  /** The content of those whose size nobody tells, by index: it was read when they were found. */
  readonly contents: ReadonlyMap<number, Uint8Array>;
  readonly follow: boolean;
  readonly skipped: readonly SkippedEntry[];
}

/** Looks at everything once, a part at a time. @throws FaultError as `openSource` */
export async function listPaths(options: ListOptions, signal: AbortSignal): Promise<FileList> {
  const lister = new Lister(options, signal);
  for (const [at, path] of options.paths.entries()) {
    if (options.isAgain === true && lister.isGone(path, at)) continue;
    await lister.add(path, options.name);
  }
  lister.check();
  const { roots, files, identities, contents, skipped } = lister;
  collectAfter(files.length);
  await identities.settle();
  const follow = options.follow === true;
  return { roots, files, identities, contents, follow, skipped: skipped.entries };
}

/** A folder on the way down. */
interface Here {
  /** For people. */
  readonly local: string;
  /** Held, so that nobody can put another folder in its place. */
  readonly folder: HeldFolder;
  /** In the share. */
  readonly path: SafePath;
  /** Below the folder that was named; "" is that one. */
  readonly below: string;
  readonly stat: BigIntStats;
  readonly parent: Here | undefined;
}

class Lister {
  readonly roots: Root[] = [];
  readonly files: ManifestFile[] = [];
  readonly identities = new Identities();
  readonly contents = new Map<number, Uint8Array>();
  readonly skipped = new Skipped();
  readonly #unsized = new Unsized();
  readonly #unsendable: Unsendable;
  readonly #anyName: boolean;
  readonly #options: ListOptions;
  readonly #signal: AbortSignal;
  #ignored: IgnoreRules | undefined;
  /** The folder that was named, and its path without links in it. */
  #top: { readonly folder: HeldFolder; readonly path: string } | undefined;
  #looked = 0;
  /** Folders that are named by what is in them. */
  #folders = 0;

  constructor(options: ListOptions, signal: AbortSignal) {
    this.#options = options;
    this.#unsendable = new Unsendable(options.skipUnsafe === true ? this.skipped : undefined);
    this.#anyName = options.offerUnsafe === true;
    this.#signal = signal;
  }

  /** Path `at` of those that were named. The last one is missed where nothing else is left. */
  isGone(path: string, at: number): boolean {
    if (this.roots.length === 0 && at === this.#options.paths.length - 1) return false;
    return attempt(path, () => statSync(path, { throwIfNoEntry: false })) === undefined;
  }

  async add(path: string, name: string | undefined): Promise<void> {
    // A link is followed, as the person named this path.
    const stat = attempt(path, () => statSync(path, { bigint: true }));
    const ofPath = (): SafeName => senderName(basename(resolve(path)), this.#anyName);
    const safe = name === undefined ? this.#unsendable.try(path, ofPath) : senderName(name);
    if (safe === undefined) return;
    const root = { local: path, name: safe, first: this.files.length };
    this.roots.push(root);
    if (!stat.isDirectory()) {
      if (!stat.isFile()) throw new FaultError("not-a-file", path);
      attempt(path, () => accessSync(path, constants.R_OK));
      await this.#add(root.name, { local: path, stat, at: path }, () =>
        openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY),
      );
      if (this.files.length === root.first) throw new FaultError("no-such-file", path);
      return;
    }
    const real = attempt(path, () => realpathSync(path));
    using top = attempt(path, () => HeldFolder.holdItself(real));
    this.#top = { folder: top, path: real };
    this.#ignored = new IgnoreRules(real, this.#options);
    await this.#folder(top, {
      local: path,
      path: root.name,
      below: "",
      stat,
      parent: undefined,
    });
  }

  /** Searches the folder at that place. */
  async #inside({ folder, name }: Spot, found: Omit<Here, "folder">): Promise<void> {
    using inner = this.#reading(found.local, () => folder.enter(name));
    if (inner !== undefined) await this.#folder(inner, found);
  }

  async #folder(folder: HeldFolder, found: Omit<Here, "folder">): Promise<void> {
    // Another user exchanged it after it was looked at.
    if (!folder.isOne(found.stat, folder.stat)) throw new FaultError("source-changed", found.local);
    const names = this.#search(folder, found);
    if (names === undefined) return;
    this.#countOne();
    this.#folders++;
    const here = { ...found, folder };
    const before = this.files.length;
    for (const name of names) {
      if (++this.#looked % LIST_AT_ONCE === 0) await this.#breathe();
      // Not for each of many files: waiting costs more than looking.
      const inside = this.#entry(here, name);
      if (inside !== undefined) await inside;
    }
    // Other folders are named by their content.
    if (this.files.length === before) {
      this.#folders--;
      this.#push(here.path, "folder", here.stat);
    }
  }

  /**
   * The names in a folder; undefined: it is gone, or cannot be searched. It is left out where its
   * .gitignore cannot be read: what is to be left out of it is unknown.
   * @throws FaultError "unreadable-file" of the folder that was named
   */
  #search(folder: HeldFolder, found: Omit<Here, "folder">): string[] | undefined {
    const search = (): string[] => {
      const names = folder.list();
      // Said once, and not of each name in it.
      if (names.length > 0) accessSync(folder.at(), constants.X_OK);
      this.#ignored?.enter(found.below, folder);
      return names.toSorted();
    };
    if (found.parent !== undefined) return this.#reading(found.local, search);
    return unlessGone(found.local, search) ?? [];
  }

  /** Undefined: it went away, or is one more that cannot be read. */
  #reading<T>(local: string, call: () => T): T | undefined {
    try {
      return unlessGone(local, call);
    } catch (error) {
      return this.#unread(local, error);
    }
  }

  #unread(local: string, error: unknown): undefined {
    this.#unsendable.addUnread(local, error, this.#unsized.isStuck);
    // Each may have taken long.
    if (this.#signal.aborted) throw new FaultError("interrupted");
  }

  /** @returns a folder is searched until then */
  #entry(here: Here, name: string): Promise<void> | undefined {
    const spot = { folder: here.folder, name };
    const below = here.below === "" ? name : `${here.below}/${name}`;
    let stat: BigIntStats | undefined;
    try {
      stat = look(spot, here.local);
    } catch (error) {
      if (this.#ignored?.has(below, false) === true) return undefined;
      return this.#unread(join(here.local, name), error);
    }
    if (this.#ignored?.has(below, stat?.isDirectory() === true) === true) return undefined;
    if (stat === undefined) {
      // A name that is not UTF-8 can't be told to anybody, and comes here with marks in its place.
      const local = join(here.local, name);
      if (name.includes("\uFFFD")) this.#unsendable.add(local, `${quoted(local)}: it is not UTF-8`);
      return undefined;
    }
    if (stat.isSymbolicLink()) return this.#link(here, { spot, below, name });
    if (stat.isFile()) return this.#file(here, { spot, name, stat });
    const local = join(here.local, name);
    if (!stat.isDirectory()) return this.skipped.add(local, "special");
    const path = this.#pathIn(here, name);
    return path && this.#inside(spot, { local, path, below, stat, parent: here });
  }

  /** Where it is in the share; undefined: its name cannot be sent. */
  #pathIn(here: Here, name: string): SafePath | undefined {
    return this.#unsendable.try(join(here.local, name), () => {
      return senderPathIn(here.path, name, this.#anyName);
    });
  }

  /**
   * A link is resolved once, and what it leads to is entered from the folder that was named: where
   * another user puts a link on that way meanwhile, it is refused.
   */
  async #link(
    here: Here,
    { spot, below, name }: { spot: Spot; below: string; name: string },
  ): Promise<void> {
    const local = join(here.local, name);
    const skip = (why: SkippedWhy): undefined => this.skipped.add(local, why);
    if (this.#options.follow !== true || this.#top === undefined) return skip("link");
    const { folder: top, path: topPath } = this.#top;
    using way = new Descent(top);
    let goal: Spot | undefined;
    let stat: BigIntStats | undefined;
    try {
      const real = realpathSync(spot.folder.at(spot.name));
      if (real !== topPath && !real.startsWith(`${topPath}${sep}`)) return skip("outside");
      goal = real === topPath ? undefined : way.place(relative(topPath, real).replaceAll(sep, "/"));
      stat = real === topPath ? top.stat : lstatOf(goal);
    } catch {
      return skip("broken");
    }
    if (stat === undefined) return skip("broken");
    if (this.#ignored?.has(below, stat.isDirectory()) === true) return undefined;
    if (goal !== undefined && stat.isFile()) return this.#file(here, { spot: goal, name, stat });
    if (!stat.isDirectory()) return skip("special");
    // The folder that was named is around all that is in it.
    if (goal === undefined || isAround(here, stat)) return skip("broken");
    const path = this.#pathIn(here, name);
    if (path !== undefined) await this.#inside(goal, { local, path, below, stat, parent: here });
  }

  #file(
    here: Here,
    { spot, name, stat }: { spot: Spot; name: string; stat: BigIntStats },
  ): Promise<void> | undefined {
    const local = join(here.local, name);
    const { folder } = spot;
    const isThere = this.#reading(local, () => {
      accessSync(folder.at(spot.name), constants.R_OK);
      return true;
    });
    if (isThere !== true) return undefined;
    const found = { local, stat, at: folder.at() };
    const path = this.#pathIn(here, name);
    if (path === undefined) return undefined;
    const open = (): number => folder.open(spot.name, constants.O_RDONLY | constants.O_NOCTTY);
    const failed = (error: unknown): undefined => this.#unread(local, error);
    try {
      return this.#add(path, found, open)?.catch(failed);
    } catch (error) {
      return failed(error);
    }
  }

  /**
   * A file, with what it holds where its size says nothing.
   * @param at it or its folder, for the system
   */
  #add(
    path: SafePath,
    { local, stat, at }: { local: string; stat: BigIntStats; at: string },
    open: () => number,
  ): Promise<void> | undefined {
    if (!this.#unsized.isDoubtful(stat, at)) return this.#push(path, "file", stat);
    const fd = unlessGone(local, open);
    if (fd === undefined) return undefined;
    const content = this.#unsized.read(local, fd, stat);
    if (content === undefined) return this.#push(path, "file", stat);
    return Promise.resolve(content).then((bytes) => this.#push(path, "file", stat, bytes));
  }

  /** @param content what it holds, where its size does not say how much that is */
  #push(
    path: SafePath,
    type: ManifestFile["type"],
    stat: BigIntStats,
    content?: Uint8Array,
  ): undefined {
    this.#countOne();
    const isFile = type === "file";
    if (content !== undefined) this.contents.set(this.files.length, content);
    this.files.push({
      path,
      type,
      size: isFile ? (content?.length ?? Number(stat.size)) : 0,
      mode: isFile ? permissionsOf(stat) : 0,
      mtime: Number(stat.mtimeMs),
    });
    this.identities.add(stat);
  }

  /** After all. @throws FaultError "unsendable-name", "unreadable-file", "endless-file" */
  check(): void {
    this.#unsendable.check(this.files.length > 0);
  }

  /** Before one more file or folder. */
  #countOne(): void {
    if (this.files.length + this.#folders < MANIFEST_FILES) return;
    throw new FaultError("share-too-big", `more than ${MANIFEST_FILES} files and folders`);
  }

  async #breathe(): Promise<void> {
    await setImmediate();
    if (this.#looked % COLLECT_LISTED === 0) collectAfter(COLLECT_LISTED);
    if (this.#signal.aborted) throw new FaultError("interrupted");
  }
}

/** A file that its owner may not read, but this user, is sent as one that its owner may. */
function permissionsOf({ mode }: BigIntStats): number {
  // Windows has no more of them.
  if (process.platform === "win32") return Number(mode) & OWNER_EXECUTE;
  return (Number(mode) & PERMISSIONS) | OWNER_READ;
}

/** Whether it is one of the folders that we are in. */
function isAround(here: Here, { dev, ino }: BigIntStats): boolean {
  for (let at: Here | undefined = here; at !== undefined; at = at.parent) {
    if (at.stat.dev === dev && at.stat.ino === ino) return true;
  }
  return false;
}

/** Undefined: it went away meanwhile. */
function look({ folder, name }: Spot, local: string): BigIntStats | undefined {
  const path = join(local, name);
  try {
    return folder.lstat(name);
  } catch (error) {
    if (error instanceof FaultError) throw error;
    throw unreadable(path, error);
  }
}

/** Frees memory after so many files were looked at: what they leave behind is more than they are. */
export function collectAfter(files: number): void {
  if (files >= COLLECT_FILES) collectGarbage();
}
