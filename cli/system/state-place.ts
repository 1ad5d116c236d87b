/**
 * The folder in which a client remembers unfinished transfers. The usual place is `$XDG_STATE_HOME/fileshare`, or
 * `~/.local/state/fileshare` without that variable (on Windows `%LOCALAPPDATA%\fileshare`). A user without a home that can be written to (a
 * container with a random user id) gets `$XDG_RUNTIME_DIR/fileshare-state`, else a folder below that
 * for temporary files:
 *
 *     /tmp/fileshare-state-54321-k3x9Qa    user id, then a random part
 *
 * The random part keeps other users from taking the name first. Later runs find the folder by its
 * beginning, and use it only if it is no link, belongs to this user and is closed to others.
 */
import { accessSync, constants, lstatSync, mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

import { userFolder, type Environment } from "./shell.ts";
import { isOursIn } from "./own-file.ts";

export interface StatePlace {
  readonly path: string;
  /** Why it is not the usual place; undefined: it is. */
  readonly instead: string | undefined;
}

/**
 * @param make whether to make a folder for temporary files if there is none
 * @returns undefined: there is no place, or XDG_STATE_HOME names something that is no folder, such as
 *   /dev/null, so that nothing is remembered
 */
export function statePlace(env: Environment, make: boolean): StatePlace | undefined {
  const given = env["XDG_STATE_HOME"] ?? "";
  const named = isAbsolute(given) ? given : undefined;
  if (named !== undefined && isNoFolder(named)) return undefined;
  const above = userFolder("state", env);
  if (above !== undefined && canHold(join(above, "fileshare"))) {
    return { path: join(above, "fileshare"), instead: undefined };
  }
  const instead =
    above === undefined ? "this user has no home folder" : `${above} cannot be written to`;
  const path = runtimePlace(env) ?? temporaryPlace(make);
  return path === undefined ? undefined : { path, instead };
}

/** Tells people, on the standard error, of a place that is not the usual one. */
export function notePlace(
  env: Environment,
  { json = false, quiet = false }: { readonly json?: boolean; readonly quiet?: boolean },
): void {
  if (json || quiet || isNoFolder(env["XDG_STATE_HOME"] ?? "")) return;
  const place = statePlace(env, false) ?? statePlace(env, true);
  if (place === undefined) {
    process.stderr.write(
      "Note: no folder for unfinished transfers can be written to, so fileshare resume will not find this one.\n",
    );
  } else if (place.instead !== undefined) {
    process.stderr.write(
      `Note: ${place.instead}, so unfinished transfers are remembered in ${place.path}.\n`,
    );
  }
}

function runtimePlace(env: Environment): string | undefined {
  const runtime = env["XDG_RUNTIME_DIR"] ?? "";
  if (!isAbsolute(runtime) || !isPrivateFolder(runtime)) return undefined;
  const path = join(runtime, "fileshare-state");
  return canHold(path) ? path : undefined;
}

function temporaryPlace(make: boolean): string | undefined {
  const begin = `fileshare-state-${process.geteuid?.() ?? 0}-`;
  try {
    const found = oldestPrivate(tmpdir(), begin);
    if (found !== undefined || !make) return found;
    mkdtempSync(join(tmpdir(), begin));
    // Another process may have made one at the same time: both take the older.
    return oldestPrivate(tmpdir(), begin);
  } catch {
    return undefined; // no folder for temporary files, or none that can be written to
  }
}

function oldestPrivate(folder: string, begin: string): string | undefined {
  const found = readdirSync(folder)
    .filter((name) => name.startsWith(begin))
    .map((name) => join(folder, name))
    .filter(isPrivateFolder)
    .map((path) => ({ path, at: lstatSync(path).birthtimeMs }));
  return found.toSorted((a, b) => a.at - b.at || (a.path < b.path ? -1 : 1))[0]?.path;
}

/** No link, this user's, and closed to all others. */
function isPrivateFolder(path: string): boolean {
  try {
    const stat = lstatSync(path);
    return (
      stat.isDirectory() && isOursIn(path, stat.uid) && (stat.mode & 0o077) === 0 && isOpen(path)
    );
  } catch {
    return false;
  }
}

/** Whether it is a folder of this user that can be written to, or can be made. */
function canHold(path: string): boolean {
  try {
    const link = lstatSync(path, { throwIfNoEntry: false });
    if (link === undefined) return canBeMade(path);
    // Another user's link could lead to any folder of ours.
    const isOurs = isOursIn(dirname(path), link.uid) && isOursIn(path, statSync(path).uid);
    return isOurs && isOpen(path);
  } catch {
    return false; // in a folder of others
  }
}

function canBeMade(path: string): boolean {
  let above = dirname(path);
  while (lstatSync(above, { throwIfNoEntry: false }) === undefined && above !== dirname(above)) {
    above = dirname(above);
  }
  return isOpen(above);
}

function isOpen(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

function isNoFolder(path: string): boolean {
  try {
    return !statSync(path).isDirectory();
  } catch {
    return false;
  }
}
