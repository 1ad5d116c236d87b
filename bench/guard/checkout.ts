/** Commits of this repository as folders that run: their files and their packages. */
import { join, resolve } from "node:path";

import { UsageError } from "../options.ts";
import { ask } from "../systems/command.ts";
import { TemporaryFolder } from "../temporary.ts";

/** Of this checkout. */
export const ROOT = resolve(import.meta.dir, "../..");
/** Where a branch may have left the main one, most likely first. */
const MAINS = ["main", "origin/main", "origin/HEAD"];
const SHORT = 8;
const PATTERN = "bench/load/pattern.ts";

/** A state of the files that is compared. Disposing removes what was made for it. */
export interface Checkout extends Disposable {
  /** `66d94a77`, `the working tree`. */
  readonly label: string;
  readonly folder: string;
}

/** This checkout as it stands, changes included. */
export function workingTree(): Checkout {
  return { label: "the working tree", folder: ROOT, [Symbol.dispose]: () => undefined };
}

/** A commit in a folder of its own, with the packages of its lockfile. @throws UsageError, Error */
export async function checkOut(commit: string): Promise<Checkout> {
  const id = await idOf(commit);
  if (id === undefined) throw new UsageError(`'${commit}' is no commit of this repository`);
  const folder = new TemporaryFolder("checkout");
  const { path } = folder;
  try {
    // Without a worktree of git's, which a bench that is killed would leave behind in the repository.
    const archive = `git -C "$0" archive --format=tar "$1" | tar -x -C "$2"`;
    await must(["bash", "-o", "pipefail", "-c", archive, ROOT, id, path], "git could not write it");
    const install = ["install", "--cwd", path, "--frozen-lockfile", "--silent"];
    await must([process.execPath, ...install], "bun could not install its packages");
    // Its receiver without a disk compares with the content that this load sends.
    await Bun.write(join(path, PATTERN), Bun.file(join(ROOT, PATTERN)));
    const label = id.slice(0, SHORT);
    return { label, folder: path, [Symbol.dispose]: () => folder[Symbol.dispose]() };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

/** The commit at which this branch left the main one. @throws UsageError when there is none */
export async function mergeBase(): Promise<string> {
  const head = await idOf("HEAD");
  for (const main of MAINS) {
    const found = (await ask(["git", "-C", ROOT, "merge-base", "HEAD", main]))?.trim();
    if (found === undefined) continue;
    const isSame =
      found === head && (await ask(["git", "-C", ROOT, "status", "--porcelain"])) === "";
    if (!isSame) return found;
    throw new UsageError(`Nothing differs from ${main}; name a commit to compare with`);
  }
  throw new UsageError("This repository has no branch main; name a commit to compare with");
}

async function idOf(commit: string): Promise<string | undefined> {
  const ref = `${commit}^{commit}`;
  const arguments_ = ["rev-parse", "--verify", "--quiet", "--end-of-options", ref];
  return (await ask(["git", "-C", ROOT, ...arguments_]))?.trim();
}

async function must(command: readonly string[], what: string): Promise<void> {
  const said = await ask(command);
  if (said === undefined) throw new Error(`${what}: ${command.join(" ")}`);
}
