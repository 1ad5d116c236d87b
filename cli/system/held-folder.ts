/**
 * A folder that is held open, and all that is done in it: by one name at a time, relative to what is
 * held. Another user who may rename in the folder above can put another folder or a link under this
 * folder's name. Calls through this class still reach the folder that was opened.
 *
 * With /proc (Linux) each call goes through the open descriptor, so the kernel resolves one name and
 * no path. Elsewhere a call goes through the path. The path is compared with the held folder before
 * and after the call: an exchange is noticed, unless it is undone between the two comparisons.
 *
 * Windows has no descriptors of folders that can be synced, and no O_NOFOLLOW. There a folder is held by
 * its path and its identity, and a file is compared with its name before and after it is opened.
 *
 * Everything that a receive or the state folder touches goes through here (`Folder`, `Descent`,
 * `Journal`, the partials, `KeptSend`).
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  utimesSync,
  type BigIntStats,
} from "node:fs";
import { join, toNamespacedPath } from "node:path";

import { FaultError } from "../../protocol/wire/faults.ts";
import { ShownOwner } from "./shown-owner.ts";
import { retryBusy } from "./retry-busy.ts";
import { errorCode } from "./system-error.ts";

/** The identity of a file or a folder. */
export type Identity = Pick<BigIntStats, "dev" | "ino">;

/** One name in a folder that is held; something may have the name or not. */
export interface Spot {
  readonly folder: HeldFolder;
  readonly name: string;
}

const OWNER_WRITE = 0o200n;
/** Of a folder: its group and all others. */
const OTHERS = 0o077n;

// Windows has not all of these.
const HOLD = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0);
const ITSELF = constants.O_NOFOLLOW ?? 0;
const UNBLOCKED = constants.O_NONBLOCK ?? 0;

/**
 * File systems on which an inode's number may change with its name, by their magic of statfs(2):
 * FUSE (mergerfs makes it from the path, sshfs anew for each link), CIFS and SMB2 (`noserverino`).
 */
const CHANGING_INODES: ReadonlySet<number> = new Set([0x65735546, 0xff534d42, 0xfe534d42]);

/** Leads nowhere: what was closed is used no more. */
const CLOSED = "/proc/self/fd/closed/";

/** How a folder was found; later checks of its path follow links or not in the same way. */
type Found = "link-followed" | "itself";

let proc: boolean | undefined;

/** Whether paths below /proc/self/fd lead to open descriptors; false on other systems, and without /proc. */
function hasProc(fd: number, platform: NodeJS.Platform): boolean {
  if (platform !== "linux") return false;
  proc ??= leadsTo(`/proc/self/fd/${fd}`, fstatSync(fd, { bigint: true }), "link-followed");
  return proc;
}

export interface HoldOptions {
  /** As on systems without /proc. */
  readonly byPath?: boolean | undefined;
  /** The system whose habits count; this one unless given. */
  readonly platform?: NodeJS.Platform | undefined;
}

export class HeldFolder implements Disposable {
  /** Its path when it was opened: for messages, and for the system where there is no /proc. */
  readonly path: string;
  /** Where its entries are for the system. */
  #prefix: string | undefined;
  /** Undefined on Windows, where an open folder can't be renamed, nor synced. */
  #fd: number | undefined;
  readonly #found: Found;
  readonly #platform: NodeJS.Platform;
  #stat: BigIntStats | undefined;
  /** Shared with the folders that are entered from here, which lie on the same mount. */
  #owner = new ShownOwner();

  protected constructor(
    path: string,
    at: string,
    found: Found,
    { byPath, platform = process.platform }: HoldOptions = {},
  ) {
    this.path = path;
    this.#found = found;
    this.#platform = platform;
    if (platform === "win32") {
      const look = found === "itself" ? lstatSync : statSync;
      this.#stat = look(at, { bigint: true });
      if (!this.#stat.isDirectory()) throw failure("ENOTDIR", `not a directory: ${path}`);
      return;
    }
    this.#fd = openSync(at, HOLD | (found === "itself" ? ITSELF : 0));
    if (byPath !== true && hasProc(this.#fd, platform)) this.#prefix = `/proc/self/fd/${this.#fd}/`;
  }

  /** Holds the folder that a person or the system named; links on the way are followed. */
  static hold(path: string, options: HoldOptions = {}): HeldFolder {
    return new HeldFolder(path, path, "link-followed", options);
  }

  /** Holds a folder that must not be a link. */
  static holdItself(path: string, options: HoldOptions = {}): HeldFolder {
    return new HeldFolder(path, path, "itself", options);
  }

  /** Device, inode, owner and mode of what is held. */
  get stat(): BigIntStats {
    this.#stat ??= fstatSync(this.#fd ?? -1, { bigint: true });
    return this.#stat;
  }

  /** Where it is by now, for people: its path, unless something else is there. */
  get whereabouts(): string {
    if (this.#prefix === undefined || this.isAtPath) return this.path;
    try {
      return readlinkSync(this.#prefix.slice(0, -1));
    } catch {
      return this.path;
    }
  }

  /** Whether it was removed, and all that was in it. */
  get isGone(): boolean {
    if (this.#fd !== undefined) return fstatSync(this.#fd).nlink === 0;
    return lstatSync(this.path, { throwIfNoEntry: false }) === undefined;
  }

  /** Whether its path still leads to it. */
  get isAtPath(): boolean {
    return leadsTo(this.path, this.stat, this.#found);
  }

  /**
   * Where an entry is for the system, for one call that follows at once; never for people.
   * @param name none: the folder itself
   * @throws FaultError "write-failed" where the path leads elsewhere by now
   */
  at(name = ""): string {
    if (name === ".." || name === "." || name.includes("/")) {
      throw new FaultError("internal", `${name} is not one name`);
    }
    // Of a share no such name comes here (`names-here.ts`); each would lead elsewhere.
    if (this.#isWindows && /[\\:]/.test(name)) {
      throw new FaultError("internal", `${name} is not one name`);
    }
    if (this.#prefix !== undefined) return this.#prefix + name;
    this.#check();
    // On Windows with the prefix that allows more than 260 characters; elsewhere as it is.
    return toNamespacedPath(join(this.path, name));
  }

  /** The folder of that name, itself: a link to one is refused. @throws what the file system throws */
  enter(name: string): HeldFolder {
    const at = this.at(name);
    const inner = new HeldFolder(join(this.path, name), at, "itself", {
      byPath: this.#prefix === undefined,
      platform: this.#platform,
    });
    inner.#owner = this.#owner;
    try {
      this.#checkAfter();
    } catch (error) {
      inner.close();
      throw error;
    }
    return inner;
  }

  /**
   * Opens a file, itself: a link is refused, and a FIFO does not block.
   * @returns its descriptor. @throws what the file system throws
   */
  open(name: string, flags: number, mode?: number): number {
    const fd = this.#openItself(name, flags, mode);
    try {
      this.#checkAfter();
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  }

  #openItself(name: string, flags: number, mode: number | undefined): number {
    if (this.#isWindows) return this.#openCompared(name, flags, mode);
    try {
      return openSync(this.at(name), flags | ITSELF | UNBLOCKED, mode);
    } catch (error) {
      // Some FUSE file systems refuse flags that they do not know. A regular file does not block.
      const unknown = errorCode(error) === "EINVAL" || errorCode(error) === "EOPNOTSUPP";
      if (!unknown || this.lstat(name)?.isFile() !== true) throw error;
      return openSync(this.at(name), flags | ITSELF, mode);
    }
  }

  /** Where no flag refuses a link: something else may come between, so it is looked at twice. */
  #openCompared(name: string, flags: number, mode: number | undefined): number {
    const isLink = (): boolean => this.lstat(name)?.isSymbolicLink() === true;
    // A new file is never opened through a link.
    const isNew = (flags & constants.O_EXCL) !== 0;
    if (!isNew && isLink()) throw failure("ELOOP", `a link: ${name}`);
    const fd = retryBusy(() => openSync(this.at(name), flags | UNBLOCKED, mode), this.#platform);
    try {
      if (isSame(this.lstat(name), fstatSync(fd, { bigint: true }))) return fd;
      throw isLink() ? failure("ELOOP", `a link: ${name}`) : swapped(join(this.path, name));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Whether an entry of this mount with that owner is this user's. */
  isOurs(uid: number | bigint): boolean {
    return this.#owner.isOurs(Number(uid), this);
  }

  make(name: string, mode = 0o777): void {
    mkdirSync(this.at(name), mode);
    this.#checkAfter();
  }

  /** The entry with that name; a link is not followed. */
  lstat(name: string): BigIntStats | undefined {
    return lstatSync(this.at(name), { bigint: true, throwIfNoEntry: false });
  }

  list(): string[] {
    return readdirSync(this.at());
  }

  /** Replaces what is there, as rename(2) does. */
  move(name: string, to: HeldFolder, as: string): void {
    retryBusy(() => {
      try {
        renameSync(this.at(name), to.at(as));
      } catch (error) {
        if (!to.#unlock(as)) throw error;
        renameSync(this.at(name), to.at(as));
      }
    }, this.#platform);
    this.#checkAfter();
    to.#checkAfter();
  }

  /** Windows replaces no file that is read-only. @returns whether it was, and is no longer */
  #unlock(name: string): boolean {
    const there = this.#isWindows ? this.lstat(name) : undefined;
    if (there === undefined || !there.isFile() || (there.mode & OWNER_WRITE) !== 0n) return false;
    chmodSync(this.at(name), Number(there.mode | OWNER_WRITE) & 0o777);
    return true;
  }

  /** Gives a file one more name, which must be free. */
  link(name: string, to: HeldFolder, as: string, link: typeof linkSync = linkSync): void {
    link(this.at(name), to.at(as));
    this.#checkAfter();
    to.#checkAfter();
  }

  /** Whether that is this folder, under whatever name. */
  is(there: BigIntStats | undefined): boolean {
    if (isSame(there, this.stat)) return true;
    return this.#fd !== undefined && this.isOne(there, fstatSync(this.#fd, { bigint: true }));
  }

  /**
   * Whether two stats of entries of this file system are of one and the same. Where inodes change
   * with the name, all else has to agree; another user makes nothing that does, as its owner is us.
   */
  isOne(one: BigIntStats | undefined, other: BigIntStats): boolean {
    if (one === undefined || isSame(one, other)) return one !== undefined;
    return isAlike(one, other) && this.#hasChangingInodes;
  }

  get #hasChangingInodes(): boolean {
    try {
      return CHANGING_INODES.has(statfsSync(this.at()).type);
    } catch {
      return false;
    }
  }

  /**
   * Renames an entry, if it is the one that is meant. Another user may exchange it between the check
   * and the step; then what was renamed gets its name back, and nothing of it is touched.
   * @returns false when something else, or nothing, has the name
   */
  moveSame(name: string, as: string, meant: (there: BigIntStats | undefined) => boolean): boolean {
    if (!meant(this.lstat(name))) return false;
    this.move(name, this, as);
    if (meant(this.lstat(as))) return true;
    if (this.lstat(name) === undefined) this.move(as, this, name);
    return false;
  }

  remove(name: string): void {
    retryBusy(() => unlinkSync(this.at(name)), this.#platform);
  }

  /** An empty folder. */
  removeFolder(name: string): void {
    retryBusy(() => rmdirSync(this.at(name)), this.#platform);
  }

  /** The entry of that name and all below it; only for folders that others can't write to. */
  clear(name: string): void {
    if (this.#isWindows) this.#clearEach(name);
    else rmSync(this.at(name), { force: true, recursive: true });
  }

  /** Each step by itself, as another program may hold any of it for a moment. */
  #clearEach(name: string): void {
    const there = this.lstat(name);
    if (there === undefined) return;
    if (!there.isDirectory()) return this.remove(name);
    using inner = this.enter(name);
    for (const each of inner.list()) inner.clear(each);
    this.removeFolder(name);
  }

  /** Closes it to all other users, where the file system has modes. */
  keepPrivate(): void {
    if (this.#fd === undefined || (this.stat.mode & OTHERS) === 0n) return;
    try {
      fchmodSync(this.#fd, 0o700);
    } catch {
      // FAT and the like: what it is for others was said when it was mounted.
    }
    this.#stat = undefined;
  }

  setTimes(mtimeMs: number): void {
    // A Date, as Bun takes negative numbers for the present.
    const time = new Date(mtimeMs);
    if (this.#fd === undefined) utimesSync(this.at(), time, time);
    else futimesSync(this.#fd, time, time);
  }

  /**
   * Makes its entries last through a power cut, where the file system can: network and FUSE file
   * systems have various words for that they cannot, and Windows has no such call.
   * @throws what a full file system throws
   */
  sync(): void {
    if (this.#fd === undefined) return;
    try {
      fsyncSync(this.#fd);
    } catch (error) {
      if (errorCode(error) === "ENOSPC" || errorCode(error) === "EDQUOT") throw error;
    }
  }

  close(): void {
    const fd = this.#fd;
    this.#prefix = CLOSED;
    // The number may be another file's soon.
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The same folder, held once more. */
  protected get again(): { readonly at: string } & HoldOptions {
    return { at: this.at(), byPath: this.#prefix === undefined, platform: this.#platform };
  }

  /** For calls that take a descriptor, such as syncfs(2); undefined on Windows. */
  protected get descriptor(): number | undefined {
    return this.#fd;
  }

  get #isWindows(): boolean {
    return this.#platform === "win32";
  }

  #checkAfter(): void {
    if (this.#prefix === undefined) this.#check();
  }

  #check(): void {
    if (!this.isAtPath) throw swapped(this.path);
  }
}

/** The entry at that place; a link is not followed. Undefined also without a place. */
export function lstatOf(spot: Spot | undefined): BigIntStats | undefined {
  return spot?.folder.lstat(spot.name);
}

/** Whether both are there and are one. */
export function isSame(one: Identity | undefined, other: Identity | undefined): boolean {
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

function isAlike(one: BigIntStats, other: BigIntStats): boolean {
  return (
    one.dev === other.dev &&
    one.uid === other.uid &&
    one.mode === other.mode &&
    one.size === other.size &&
    one.mtimeNs === other.mtimeNs
  );
}

/** Another user or program exchanged what was held for something else. */
export function swapped(path: string): FaultError {
  const why = "something else was put in its place meanwhile, which is left as it is";
  return new FaultError("write-failed", `${path} (${why})`);
}

function leadsTo(path: string, meant: Identity, found: Found): boolean {
  try {
    const look = found === "itself" ? lstatSync : statSync;
    return isSame(look(path, { bigint: true }), meant);
  } catch {
    return false;
  }
}

function failure(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}`), { code });
}
