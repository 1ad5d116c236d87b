/** Changes of the file of tokens, of which several at once lose nothing. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

import { FaultError, TOKENS, TOKEN_LOCK_MS } from "../protocol/mod.ts";

import { parseTokens, readTokenFile, tokensText, type TokenEntry } from "./token-file.ts";

/** Of flock(2). */
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Between two tries to be the one who changes it. ms */
const TRY_AGAIN_MS = 20;

/**
 * Replaces the file in one step; whoever reads it sees the old or the new. A new one is for its owner
 * alone, an old one keeps its owner and who may read it.
 * @param edit what is in it now to what shall be; the file need not be there
 * @throws FaultError `bad-tokens`, and what `edit` throws; the file is as it was then
 */
export async function editTokenFile(
  path: string,
  edit: (tokens: readonly TokenEntry[]) => readonly TokenEntry[],
): Promise<void> {
  // A link stays one.
  const place = existsSync(path) ? realpathSync(path) : resolve(path);
  try {
    using _ = await lockFolder(dirname(place));
    const isThere = existsSync(place);
    const tokens = edit(isThere ? readTokenFile(place).tokens : []);
    if (tokens.length > TOKENS) throw new FaultError("bad-tokens", `${TOKENS} tokens at most`);
    const text = tokensText(tokens);
    parseTokens(text, path);
    replace(place, text, isThere);
  } catch (error) {
    if (error instanceof FaultError || !(error instanceof Error) || !("code" in error)) throw error;
    throw new FaultError("bad-tokens", `${path} can't be written (${String(error.code)})`, {
      cause: error,
    });
  }
}

function replace(place: string, text: string, isThere: boolean): void {
  const next = join(dirname(place), `.${basename(place)}.${randomBytes(8).toString("hex")}`);
  const file = openSync(next, "wx", 0o600);
  try {
    try {
      if (isThere) keepOwner(file, place);
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, place);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

/** Else a relay of another user could not read it any more. */
function keepOwner(file: number, place: string): void {
  const { uid, gid, mode } = statSync(place);
  const isOurs = uid === process.geteuid?.() && gid === process.getegid?.();
  if (!isOurs && process.geteuid !== undefined) fchownSync(file, uid, gid);
  fchmodSync(file, mode & 0o644);
}

/** The kernel lets go of it whatever becomes of this process. */
async function lockFolder(folder: string): Promise<Disposable> {
  const flock = await findFlock();
  const handle = openSync(folder, "r");
  const unlock = { [Symbol.dispose]: () => closeSync(handle) };
  if (flock === undefined) return unlock;
  const until = performance.now() + TOKEN_LOCK_MS;
  while (flock(handle, LOCK_EX | LOCK_NB) !== 0) {
    if (performance.now() >= until) {
      unlock[Symbol.dispose]();
      throw new FaultError("bad-tokens", `something else holds ${folder}`);
    }
    await Bun.sleep(TRY_AGAIN_MS);
  }
  return unlock;
}

type Flock = (file: number, operation: number) => number;

/** Where there is none, two who change it at the same moment may lose one change. */
async function findFlock(): Promise<Flock | undefined> {
  if (process.platform === "win32") return undefined;
  const { dlopen } = await import("bun:ffi");
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  for (const library of ["libc.so.6", `libc.musl-${machine}.so.1`, "libSystem.B.dylib"]) {
    try {
      return dlopen(library, { flock: { args: ["i32", "i32"], returns: "i32" } }).symbols.flock;
    } catch {
      // The next one, then.
    }
  }
  return undefined;
}
