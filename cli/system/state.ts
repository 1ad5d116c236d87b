/**
 * The memory of a client about sends and receives that are not through, so that `list`, `resume` and
 * `forget` find them: small JSON files in the place that `state-place.ts` finds, for this user alone,
 * as they hold codes. Each is written beside its place and renamed into it, so it is there whole or
 * not at all. Nothing here is needed to receive: without it only the lists are shorter.
 */
import { closeSync, constants, fstatSync, fsyncSync, lstatSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";

import { parseSenderCode, type Code } from "../../protocol/code/code.ts";
import { FaultError } from "../../protocol/wire/faults.ts";

import { errorCode, tolerate } from "./system-error.ts";
import { HeldFolder } from "./held-folder.ts";
import { readFully, writeFully } from "./own-file.ts";
import { statePlace } from "./state-place.ts";
import { shortHash } from "./runtime.ts";

/**
 * Unfinished receives that can go on; of more, those are forgotten that were left alone the
 * longest.
 */
export const RECEIVES_KEPT = 256;
/**
 * Bytes remembered of one send or receive, with its command line; a longer one is not remembered.
 */
export const STATE_ENTRY_BYTES = 1024 ** 2;

/** The command line that goes on with something, without its code. */
export interface Again {
  /** Where it was given. */
  readonly cwd: string;
  /** From the command's name on, such as `recv --out /tmp`. */
  readonly words: readonly string[];
}

/** A receive that can go on. */
export interface KeptReceive {
  /** Share id in hex. */
  readonly share: string;
  readonly code: Code;
  /** WebSocket address, path included. */
  readonly relay: string;
  /** Others of its list, in the order in which they are tried next. */
  readonly further?: readonly string[] | undefined;
  /** How the run came to it. Earlier versions did not say. */
  readonly route?: string | undefined;
  readonly again: Again;
  /** The folder to save in, absolute. */
  readonly out: string;
  /** The name that the sender gave it: not escaped. */
  readonly name: string;
  /** Of all files. */
  readonly bytes: number;
}

/** Something remembered, and when it was written last. ms since 1970 */
export type Dated<T> = T & { readonly at: number };

const text = v.pipe(v.string(), v.maxLength(STATE_ENTRY_BYTES));
const share = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
export const againEntry = v.object({ cwd: text, words: v.array(text) });
/** Earlier versions kept codes without the word that checks them; it is added. */
export const codeEntry = v.pipe(v.string(), v.check(isCode), v.transform(parseSenderCode));
/** Addresses of relays. */
export const furtherEntry = v.pipe(v.array(text), v.readonly());
const receiveEntry = v.object({
  share,
  code: codeEntry,
  relay: text,
  further: v.optional(furtherEntry),
  route: v.optional(text),
  again: againEntry,
  out: text,
  name: text,
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});

/**
 * Remembers a receive until `unregisterReceive`; once more is the same as once.
 * @returns whether it is remembered; a home that can't be written to hinders no receive
 */
export function registerReceive(receive: KeptReceive): boolean {
  try {
    using folder = stateFolder("receives");
    writeEntry(folder, receiveName(receive.share, receive.out), receive);
    dropOldest(folder, RECEIVES_KEPT);
    return true;
  } catch (error) {
    if (errorCode(error) === undefined && !(error instanceof FaultError)) throw error;
    return false;
  }
}

/** The receive of that share into that folder is through, or nothing of it is left. */
export function unregisterReceive(share: string, out: string): void {
  // An entry that can't be removed is in a list for too long.
  tolerate(() => {
    using folder = openState("receives");
    folder?.clear(receiveName(share, out));
  });
}

/** Newest first. */
export function keptReceives(): Dated<KeptReceive>[] {
  using folder = openState("receives");
  if (folder === undefined) return [];
  return namesIn(folder)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => readEntry(folder, name, receiveEntry) ?? [])
    .toSorted((a, b) => b.at - a.at);
}

/** A share may be received into several folders. */
function receiveName(share: string, out: string): string {
  return `${share}-${shortHash(out, 16)}.json`;
}

export type StateKind = "sends" | "receives" | "ids" | "stored" | "saved";

/** Where they are remembered; it may not be there. @throws FaultError "write-failed" for nowhere */
export function statePath(kind: StateKind): string {
  return join(home(false), kind);
}

function home(make: boolean): string {
  const place = statePlace(process.env, make);
  if (place !== undefined) return place.path;
  throw new FaultError("write-failed", "there is no folder for state");
}

/**
 * The folder, held; made when it is not there, closed to others when it is open to them.
 * @throws what the file system throws; FaultError "write-failed" when there is no place of this user
 */
export function stateFolder(kind: StateKind): HeldFolder {
  const path = home(true);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  using above = holdPlace(path);
  above.keepPrivate();
  try {
    above.make(kind, 0o700);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  const folder = ours(above.enter(kind));
  folder.keepPrivate();
  return folder;
}

/** The folder, held, if it is there and this user's. */
export function openState(kind: StateKind): HeldFolder | undefined {
  try {
    using above = holdPlace(home(false));
    return ours(above.enter(kind));
  } catch {
    return undefined; // nothing was remembered yet, or not by this user
  }
}

/** It may be a link that this user made, and no other: another could let it lead to any folder of ours. */
function holdPlace(path: string): HeldFolder {
  const link = lstatSync(path);
  if (link.isSymbolicLink()) {
    using above = HeldFolder.hold(dirname(path));
    if (!above.isOurs(link.uid)) throw notYours(path);
  }
  return ours(HeldFolder.hold(path));
}

function ours(folder: HeldFolder): HeldFolder {
  if (folder.isOurs(folder.stat.uid)) return folder;
  folder.close();
  throw notYours(folder.path);
}

function notYours(path: string): FaultError {
  return new FaultError("write-failed", `${path} belongs to another user`);
}

/** Puts a small value in its place, whole or not at all. @throws what the file system throws */
export function writeEntry(folder: HeldFolder, name: string, value: object): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  if (bytes.length > STATE_ENTRY_BYTES) throw new FaultError("write-failed", "too long to keep");
  const beside = `${name}.${process.pid}-${crypto.randomUUID()}.new`;
  try {
    writeNew(folder, beside, bytes);
    folder.move(beside, folder, name);
  } catch (error) {
    folder.clear(beside);
    throw error;
  }
}

/** Makes the bytes of a file last through a power cut; its name lasts when `folder.sync` has returned. */
export function syncEntry(folder: HeldFolder, name: string): void {
  const fd = folder.open(name, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A file that was not there, for this user alone. @throws what the file system throws */
export function writeNew(folder: HeldFolder, name: string, bytes: Uint8Array): void {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const fd = folder.open(name, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    writeFully(fd, bytes, 0);
  } finally {
    closeSync(fd);
  }
}

/** The value in a file of this user; undefined: another file, or none that fits the schema. */
export function readEntry<Schema extends v.GenericSchema<unknown, object>>(
  folder: HeldFolder,
  name: string,
  schema: Schema,
  mostBytes = STATE_ENTRY_BYTES,
): Dated<v.InferOutput<Schema>> | undefined {
  let fd: number | undefined;
  try {
    fd = folder.open(name, constants.O_RDONLY);
    const stat = fstatSync(fd);
    if (!stat.isFile() || !folder.isOurs(stat.uid) || stat.size > mostBytes) return undefined;
    const value: unknown = JSON.parse(new TextDecoder().decode(readFully(fd, 0, stat.size)));
    const parsed = v.safeParse(schema, value);
    return parsed.success ? { ...parsed.output, at: stat.mtimeMs } : undefined;
  } catch {
    return undefined; // gone meanwhile, or nothing that was written here
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Keeps at most `most` entries of a kind, and removes those that were touched longest ago.
 * @param mayGo which of them may
 */
export function dropOldest(
  folder: HeldFolder,
  most: number,
  mayGo: (name: string) => boolean = () => true,
): void {
  const names = namesIn(folder);
  if (names.length <= most) return;
  const dated = names
    .filter((name) => mayGo(name))
    .map((name) => ({ name, at: Number(folder.lstat(name)?.mtimeMs ?? 0) }))
    .toSorted((a, b) => a.at - b.at);
  for (const { name } of dated.slice(0, names.length - most)) {
    folder.clear(name);
  }
}

export function namesIn(folder: HeldFolder): string[] {
  try {
    return folder.list();
  } catch {
    return []; // nothing was remembered yet
  }
}

function isCode(value: string): boolean {
  try {
    parseSenderCode(value);
    return true;
  } catch {
    return false;
  }
}
