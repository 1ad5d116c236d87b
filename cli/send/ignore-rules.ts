/**
 * The entries of a folder that a sender leaves out: patterns of --exclude, and those of git. The file
 * list asks for each entry, folders first; a folder that is left out is not listed.
 */
import { closeSync, constants, existsSync, fstatSync, openSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import ignore, { type Ignore } from "ignore";

import { FaultError } from "../../protocol/wire/faults.ts";

import { errorCode, reasonOf } from "../system/system-error.ts";
import type { HeldFolder } from "../system/held-folder.ts";
import { readFully } from "../system/own-file.ts";

/** Bytes of one .gitignore; a longer one is a mistake. */
export const IGNORE_FILE_BYTES = 1024 ** 2;
/** Paths whose results the library for patterns remembers; then it is made anew. */
export const IGNORE_TESTS = 8192;

export interface LeaveOut {
  readonly exclude?: readonly string[];
  readonly gitignore?: boolean;
}

/**
 * The entries that one sent folder leaves out. Paths are relative to it. Ask about a folder before
 * what is in it, which is not asked about when the folder is left out, as in git.
 */
export class IgnoreRules {
  readonly #excluded: Patterns | undefined;
  readonly #git: GitRules | undefined;

  /** @param top path of the folder, without links in it */
  constructor(top: string, { exclude = [], gitignore = false }: LeaveOut) {
    if (exclude.length > 0) {
      this.#excluded = new Patterns();
      this.#excluded.add("", exclude);
    }
    if (gitignore) this.#git = new GitRules(top);
  }

  /** A folder that is not left out is about to be listed. */
  enter(path: string, folder: HeldFolder): void {
    this.#git?.enter(path, folder);
  }

  has(path: string, isFolder: boolean): boolean {
    const tested = isFolder ? `${path}/` : path;
    return this.#excluded?.has(tested) === true || this.#git?.has(path, tested) === true;
  }
}

/** The rules of a repository around the folder, or of the folder alone where there is none. */
class GitRules {
  readonly #patterns = new Patterns();
  /** From the top of the repository to the folder; "" or ends with "/". */
  readonly #prefix: string;

  constructor(top: string) {
    const repository = repositoryOf(top);
    const way = repository === undefined ? "" : relative(repository, top);
    if (repository !== undefined) {
      this.#read("", join(repository, ".git", "info", "exclude"));
      const names = way === "" ? [] : way.split("/");
      for (const [depth] of names.entries()) {
        const above = names.slice(0, depth);
        this.#read(above.join("/"), join(repository, ...above, ".gitignore"));
      }
    }
    // A person who names an ignored path wants it all the same.
    const ignored = way !== "" && this.#patterns.has(`${way}/`);
    if (ignored) this.#patterns.clear();
    this.#prefix = way === "" || ignored ? "" : `${way}/`;
  }

  enter(path: string, folder: HeldFolder): void {
    const here = `${this.#prefix}${path}`.replace(/\/$/, "");
    this.#read(here, join(folder.path, ".gitignore"), () =>
      folder.open(".gitignore", constants.O_RDONLY),
    );
  }

  has(path: string, tested: string): boolean {
    if (path === ".git" || path.endsWith("/.git")) return true;
    return this.#patterns.has(`${this.#prefix}${tested}`);
  }

  #read(base: string, file: string, open = (): number => openItself(file)): void {
    const text = textOf(file, open);
    if (text !== undefined) this.#patterns.add(base, text.split("\n"));
  }
}

/** Undefined: it is not there, or no regular file. As git does it: a link is none. */
function textOf(path: string, open: () => number): string | undefined {
  let fd: number;
  try {
    fd = open();
  } catch (cause) {
    const code = errorCode(cause) ?? "";
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(code)) return undefined;
    throw new FaultError("unreadable-file", `${path} (${reasonOf(cause)})`, { cause });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    if (stat.size > IGNORE_FILE_BYTES)
      throw new FaultError("unreadable-file", `${path} (too long)`);
    return Buffer.from(readFully(fd, 0, stat.size)).toString("utf8");
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    throw new FaultError("unreadable-file", `${path} (${reasonOf(cause)})`, { cause });
  } finally {
    closeSync(fd);
  }
}

function openItself(path: string): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  return openSync(path, O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0));
}

/** Patterns as git has them, of several folders in one list, in which the last one that fits counts. */
class Patterns {
  #all: string[] = [];
  #compiled: Ignore | undefined;
  #tests = 0;

  /** @param base the folder that they are relative to */
  add(base: string, lines: readonly string[]): void {
    this.#all.push(...lines.flatMap((line) => rebased(base, line.replace(/\r$/, ""))));
    this.#compiled = undefined;
  }

  clear(): void {
    this.#all = [];
    this.#compiled = undefined;
  }

  /** @param path a folder's ends with "/" */
  has(path: string): boolean {
    if (this.#all.length === 0) return false;
    if (this.#compiled === undefined || ++this.#tests >= IGNORE_TESTS) {
      this.#compiled = ignore({ ignorecase: false }).add(this.#all);
      this.#tests = 0;
    }
    return this.#compiled.ignores(path);
  }
}

function rebased(base: string, line: string): string[] {
  if (line.trim() === "" || line.startsWith("#")) return [];
  if (base === "") return [line];
  const negative = line.startsWith("!");
  const pattern = negative ? line.slice(1) : line;
  const anchored = /\/./.test(pattern);
  const place = base.replaceAll(/[\\*?[\] ]/g, "\\$&");
  const rest = pattern.replace(/^\//, "");
  return [`${negative ? "!" : ""}/${place}/${anchored ? "" : "**/"}${rest}`];
}

function repositoryOf(path: string): string | undefined {
  for (let here = path; ; here = dirname(here)) {
    if (existsSync(join(here, ".git"))) return here;
    if (here === dirname(here)) return undefined;
  }
}
