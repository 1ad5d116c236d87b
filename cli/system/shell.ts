/** Quoting, `~`, the working folder and the environment, as a shell has them. */
import { homedir } from "node:os";
import { isAbsolute } from "node:path";

import { FaultError } from "../../protocol/wire/faults.ts";

/** The variables of a process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A word of a command line as a POSIX shell takes it; plain words stay as they are. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A whole command line to copy. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellQuote).join(" ");
}

/** @returns undefined: neither HOME nor the system's list of users names an absolute path */
export function homeFolder(): string | undefined {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : undefined;
  } catch {
    return undefined; // a user id without an entry in the list
  }
}

/** A path with `~` or `~/` at its beginning, as a shell takes it; unchanged where there is no home. */
export function expandHome(path: string): string {
  const home = homeFolder();
  return home === undefined ? path : path.replace(/^~(?=\/|$)/, () => home);
}

/**
 * The folder that a command runs in.
 * @throws FaultError "no-such-file" when it was removed meanwhile
 */
export function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const why = "the folder that this command runs in was removed; go to another one with cd";
    throw new FaultError("no-such-file", why, { cause });
  }
}
