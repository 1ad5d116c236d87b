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
import { LIST_AT_ONCE, MANIFEST_FILES } from "../protocol/limits.ts";
import { OWNER_EXECUTE, type ManifestFile } from "../protocol/manifest.ts";
import { senderName, senderPathIn, type SafeName, type SafePath } from "../protocol/names.ts";
import { errorCode } from "./folder.ts";
import { Identities } from "./identities.ts";
import { LeftOut, type LeaveOut } from "./left-out.ts";
import { Skipped, type SkippedEntry } from "./skipped.ts";

export interface ListOptions extends LeaveOut {
  readonly paths: readonly string[];
  readonly name?: string | undefined;
  readonly follow?: boolean;
}

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
      this.#file(path, path, root.name, stat);
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
    const fd = attempt(found.local, () => openSync(place, flags));
    try {
      const held = process.platform === "linux" ? `/proc/self/fd/${fd}` : place;
      const here = { ...found, place: held };
      this.#leftOut?.enter(here.below, held);
      const names = attempt(found.local, () => readdirSync(held)).toSorted();
      const before = this.files.length;
      for (const name of names) {
        if (++this.#looked % LIST_AT_ONCE === 0) await this.#breathe();
        await this.#entry(here, name);
      }
      // Others are named by what is in them.
      if (this.files.length === before) this.#push(here.path, "folder", here.stat);
    } finally {
      closeSync(fd);
    }
  }

  async #entry(here: Here, name: string): Promise<void> {
    const local = join(here.local, name);
    const place = `${here.place}/${name}`;
    const below = here.below === "" ? name : `${here.below}/${name}`;
    const stat = this.#look(place, local);
    if (stat === undefined || this.#leftOut?.has(below, stat.isDirectory()) === true) return;
    if (stat.isSymbolicLink()) {
      await this.#link(here, { local, place, below, name });
    } else if (stat.isDirectory()) {
      const path = senderPathIn(here.path, name);
      await this.#folder(place, { local, path, below, stat, parent: here });
    } else if (stat.isFile()) {
      this.#file(local, place, senderPathIn(here.path, name), stat);
    } else {
      this.skipped.add(local, "special");
    }
  }

  async #link(
    here: Here,
    { local, place, below, name }: { local: string; place: string; below: string; name: string },
  ): Promise<void> {
    if (this.#options.follow !== true) return this.skipped.add(local, "link");
    let real: string;
    let stat: BigIntStats;
    try {
      real = realpathSync(place);
      stat = lstatSync(real, { bigint: true });
    } catch {
      return this.skipped.add(local, "broken");
    }
    if (real !== this.#top && !real.startsWith(`${this.#top}/`))
      return this.skipped.add(local, "outside");
    if (this.#leftOut?.has(below, stat.isDirectory()) === true) return;
    if (stat.isFile()) {
      this.#file(local, real, senderPathIn(here.path, name), stat);
    } else if (!stat.isDirectory()) {
      this.skipped.add(local, "special");
    } else if (isAround(here, stat)) {
      this.skipped.add(local, "broken");
    } else {
      const path = senderPathIn(here.path, name);
      await this.#folder(real, { local, path, below, stat, parent: here });
    }
  }

  /** Undefined: it went away meanwhile. */
  #look(place: string, local: string): BigIntStats | undefined {
    try {
      return lstatSync(place, { bigint: true });
    } catch (error) {
      // A name that is not UTF-8 can't be told to anybody, and comes here with marks in its place.
      if (local.includes("\uFFFD"))
        throw new FaultError("unsendable-name", `${local} is not UTF-8`);
      if (errorCode(error) === "ENOENT") return undefined;
      throw new FaultError("unreadable-file", `${local} (${errorCode(error)})`, { cause: error });
    }
  }

  #file(local: string, place: string, path: SafePath, stat: BigIntStats): void {
    attempt(local, () => accessSync(place, constants.R_OK));
    this.#push(path, "file", stat);
  }

  #push(path: SafePath, type: ManifestFile["type"], stat: BigIntStats): void {
    if (this.files.length >= MANIFEST_FILES) {
      throw new FaultError("share-too-big", `more than ${MANIFEST_FILES} files`);
    }
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

  async #breathe(): Promise<void> {
    await setImmediate();
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
    throw new FaultError("unreadable-file", `${path} (${code})`, { cause });
  }
}
