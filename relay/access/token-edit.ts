/** Changes of the file of tokens, of which several at once lose nothing. */
import { existsSync, fchmodSync, fchownSync, realpathSync, type BigIntStats } from "node:fs";
import { basename, dirname, resolve } from "node:path";

import { FaultError } from "../../protocol/mod.ts";
import { TOKENS, parseTokens, readTokenFile, tokensText, type TokenEntry } from "./token-file.ts";

import { isOutOfDescriptors } from "../system/guard.ts";
import { HeldFolder } from "../system/held-folder.ts";

/** How long to wait for others that change the token file; each needs a few ms. */
const TOKEN_LOCK_MS = 10_000;

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
    using folder = new HeldFolder(dirname(place));
    if (!folder.isReal)
      throw new FaultError("bad-tokens", `another program replaced ${dirname(place)}`);
    await lock(folder, dirname(place));
    const name = basename(place);
    const old = folder.look(name);
    const tokens = edit(old === undefined ? [] : readTokenFile(place, folder.at(name)).tokens);
    if (tokens.length > TOKENS) throw new FaultError("bad-tokens", `${TOKENS} tokens at most`);
    const text = tokensText(tokens);
    parseTokens(text, path);
    folder.replace(name, text, (file) => {
      if (old !== undefined) keepOwner(file, old);
    });
  } catch (error) {
    if (error instanceof FaultError || !(error instanceof Error) || !("code" in error)) throw error;
    if (isOutOfDescriptors(error)) throw new FaultError("no-descriptors", path, { cause: error });
    throw new FaultError("bad-tokens", `${path} can't be written (${String(error.code)})`, {
      cause: error,
    });
  }
}

/** Else a relay of another user could not read it any more. */
function keepOwner(file: number, old: BigIntStats): void {
  const [uid, gid, mode] = [Number(old.uid), Number(old.gid), Number(old.mode)];
  const isOurs = uid === process.geteuid?.() && gid === process.getegid?.();
  if (!isOurs && process.geteuid !== undefined) fchownSync(file, uid, gid);
  fchmodSync(file, mode & 0o644);
}

/** The kernel lets go of it with the folder, whatever becomes of this process. */
async function lock({ descriptor }: HeldFolder, path: string): Promise<void> {
  const flock = await findFlock();
  if (flock === undefined) return;
  const until = performance.now() + TOKEN_LOCK_MS;
  while (flock(descriptor, LOCK_EX | LOCK_NB) !== 0) {
    if (performance.now() >= until) {
      throw new FaultError("bad-tokens", `another process holds ${path}`);
    }
    await Bun.sleep(TRY_AGAIN_MS);
  }
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
