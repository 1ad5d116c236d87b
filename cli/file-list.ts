/** Finds all that is sent of what a person named: files, and folders with what is in them. */
import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  statSync,
  type BigIntStats,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";

import { FaultError } from "../protocol/faults.ts";
import { COLLECT_FILES, LIST_AT_ONCE, MANIFEST_FILES } from "../protocol/limits.ts";
import { OWNER_EXECUTE, type ManifestFile } from "../protocol/manifest.ts";
import { senderName, senderPathIn, type SafeName, type SafePath } from "../protocol/names.ts";
import { collectAfter } from "./collect.ts";
import { errorCode } from "./folder.ts";
import { Identities } from "./identities.ts";
import { LeftOut, type LeaveOut } from "./left-out.ts";
import { Skipped, type SkippedEntry, type SkippedWhy } from "./skipped.ts";

export interface ListOptions extends LeaveOut {
  readonly paths: readonly string[];
  readonly name?: string | undefined;
  readonly follow?: boolean;
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
  /** What each of them was when it was found. */
  readonly identities: Identities;
  readonly follow: boolean;
  readonly skipped: readonly SkippedEntry[];
}

/** Looks at everything once, a part at a time. @throws FaultError as `openSource` */
export async function listPaths(options: ListOptions, signal: AbortSignal): Promise<FileList> {
  const lister = new Lister(options, signal);
  for (const path of options.paths) await lister.add(path, options.name);
  const { roots, files, identities, skipped } = lister;
  collectAfter(files.length);
  return { roots, files, identities, follow: options.follow === true, skipped: skipped.entries };
}

/** A folder on the way down. */
interface Here {
  /** For people. */
  readonly local: string;
  /** For the system: through a descriptor, so that nobody can put another folder in its place. */
  readonly place: string;
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
  readonly skipped = new Skipped();
  readonly #options: ListOptions;
  readonly #signal: AbortSignal;
  #leftOut: LeftOut | undefined;
  /** Of the folder that was named, without links in it. */
  #top = "";
  #looked = 0;
  /** Folders that are named by what is in them. */
  #folders = 0;

  constructor(options: ListOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  async add(path: string, name: string | undefined): Promise<void> {
    // A link is followed, as the person named this path.
    const stat = attempt(path, () => statSync(path, { bigint: true }));
    const safe = senderName(name ?? basename(resolve(path)));
    const root = { local: path, name: safe, first: this.files.length };
    this.roots.push(root);
    if (!stat.isDirectory()) {
      if (!stat.isFile()) throw new FaultError("not-a-file", path);
      attempt(path, () => accessSync(path, constants.R_OK));
      this.#push(root.name, "file", stat);
      return;
    }
    this.#top = attempt(path, () => realpathSync(path));
    this.#leftOut = new LeftOut(this.#top, this.#options);
    await this.#folder(this.#top, {
      local: path,
      path: root.name,
      below: "",
      stat,
      parent: undefined,
    });
  }

  /** @param place where it is for the system, not a link */
  async #folder(place: string, found: Omit<Here, "place">): Promise<void> {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    this.#countOne();
    this.#folders++;
    const fd = attempt(found.local, () => openSync(place, flags));
    try {
      const held = process.platform === "linux" ? `/proc/self/fd/${fd}` : place;
      const here = { ...found, place: held };
      this.#leftOut?.enter(here.below, held);
      const names = attempt(found.local, () => readdirSync(held)).toSorted();
      const before = this.files.length;
      for (const name of names) {
        if (++this.#looked % LIST_AT_ONCE === 0) await this.#breathe();
        // Not for each of many files: waiting costs more than looking.
        const inside = this.#entry(here, name);
        if (inside !== undefined) await inside;
      }
      // Others are named by what is in them.
      if (this.files.length === before) {
        this.#folders--;
        this.#push(here.path, "folder", here.stat);
      }
    } finally {
      closeSync(fd);
    }
  }

  /** @returns a folder is searched until then */
  #entry(here: Here, name: string): Promise<void> | undefined {
    const place = `${here.place}/${name}`;
    const below = here.below === "" ? name : `${here.below}/${name}`;
    const stat = look(place, here.local, name);
    if (stat === undefined || this.#leftOut?.has(below, stat.isDirectory()) === true) {
      return undefined;
    }
    if (stat.isSymbolicLink()) return this.#link(here, { place, below, name });
    if (stat.isFile()) return this.#file(here, { place, name, stat });
    const local = join(here.local, name);
    if (!stat.isDirectory()) return this.skipped.add(local, "special");
    const path = senderPathIn(here.path, name);
    return this.#folder(place, { local, path, below, stat, parent: here });
  }

  #link(
    here: Here,
    { place, below, name }: { place: string; below: string; name: string },
  ): Promise<void> | undefined {
    const local = join(here.local, name);
    const skip = (why: SkippedWhy): undefined => this.skipped.add(local, why);
    if (this.#options.follow !== true) return skip("link");
    let real: string;
    let stat: BigIntStats;
    try {
      real = realpathSync(place);
      stat = lstatSync(real, { bigint: true });
    } catch {
      return skip("broken");
    }
    if (real !== this.#top && !real.startsWith(`${this.#top}/`)) return skip("outside");
    if (this.#leftOut?.has(below, stat.isDirectory()) === true) return undefined;
    if (stat.isFile()) return this.#file(here, { place: real, name, stat });
    if (!stat.isDirectory()) return skip("special");
    if (isAround(here, stat)) return skip("broken");
    const path = senderPathIn(here.path, name);
    return this.#folder(real, { local, path, below, stat, parent: here });
  }

  #file(
    here: Here,
    { place, name, stat }: { place: string; name: string; stat: BigIntStats },
  ): undefined {
    try {
      accessSync(place, constants.R_OK);
    } catch (error) {
      throw unreadable(join(here.local, name), error);
    }
    this.#push(senderPathIn(here.path, name), "file", stat);
  }

  #push(path: SafePath, type: ManifestFile["type"], stat: BigIntStats): void {
    this.#countOne();
    const isFile = type === "file";
    this.files.push({
      path,
      type,
      size: isFile ? Number(stat.size) : 0,
      mode: isFile ? Number(stat.mode) & OWNER_EXECUTE : 0,
      mtime: Number(stat.mtimeMs),
    });
    this.identities.add(stat);
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

/** Whether it is one of the folders that we are in. */
function isAround(here: Here, { dev, ino }: BigIntStats): boolean {
  for (let at: Here | undefined = here; at !== undefined; at = at.parent) {
    if (at.stat.dev === dev && at.stat.ino === ino) return true;
  }
  return false;
}

/** Undefined: it went away meanwhile. */
function look(place: string, folder: string, name: string): BigIntStats | undefined {
  try {
    return lstatSync(place, { bigint: true });
  } catch (error) {
    const local = join(folder, name);
    // A name that is not UTF-8 can't be told to anybody, and comes here with marks in its place.
    if (name.includes("\uFFFD")) throw new FaultError("unsendable-name", `${local} is not UTF-8`);
    if (errorCode(error) === "ENOENT") return undefined;
    throw unreadable(local, error);
  }
}

function unreadable(path: string, cause: unknown): FaultError {
  return new FaultError("unreadable-file", `${path} (${errorCode(cause)})`, { cause });
}

/** Says what is wrong with a path before anything is sent. */
export function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    const code = errorCode(cause);
    const missing = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"];
    if (missing.includes(code ?? "")) throw new FaultError("no-such-file", path, { cause });
    if (code === "ENXIO") throw new FaultError("not-a-file", path, { cause });
    throw unreadable(path, cause);
  }
}
