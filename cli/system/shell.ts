/** Quoting, `~`, the working folder and the environment, as a shell has them. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

import { FaultError } from "../../protocol/wire/faults.ts";

/** The variables of a process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A word of a command line as a POSIX shell takes it, or on Windows both cmd and PowerShell; plain words
 * stay as they are.
 */
export function shellQuote(word: string, platform: NodeJS.Platform = process.platform): string {
  // No name on Windows has a quotation mark, and the two shells agree on no way to write one.
  if (platform === "win32") return /^[\w@+=:,./\\-]+$/.test(word) ? word : `"${word}"`;
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A whole command line to copy. */
export function shellLine(words: readonly string[], platform = process.platform): string {
  return words.map((word) => shellQuote(word, platform)).join(" ");
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
export function expandHome(path: string, platform: NodeJS.Platform = process.platform): string {
  const home = homeFolder();
  const tilde = platform === "win32" ? /^~(?=[\\/]|$)/ : /^~(?=\/|$)/;
  return home === undefined ? path : path.replace(tilde, () => home);
}

/**
 * The folder for files of a kind: that of the XDG variable, else where the system has such files.
 * @returns undefined: there is no home
 */
export function userFolder(
  kind: "configuration" | "state",
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const [variable, usual, windows] = USER_FOLDERS[kind];
  // As the XDG specification has it, a relative one is passed over.
  const given = [env[variable], platform === "win32" ? env[windows] : undefined].find(
    (path) => path !== undefined && isAbsolute(path),
  );
  const home = homeFolder();
  return given ?? (home && join(home, ...usual));
}

const USER_FOLDERS = {
  configuration: ["XDG_CONFIG_HOME", [".config"], "APPDATA"],
  state: ["XDG_STATE_HOME", [".local", "state"], "LOCALAPPDATA"],
} as const;

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
