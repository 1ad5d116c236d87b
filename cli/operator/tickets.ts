/**
 * The way for commands of the same user to find a running relay and to control it: a file of its
 * own for each, in a folder that nobody else can read.
 */
import { mkdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as v from "valibot";

import { HeldFolder } from "../system/held-folder.ts";
import { isOursIn } from "../system/own-file.ts";
import { isGone, thisProcess } from "../system/owner.ts";
import { readEntry, writeNew } from "../system/state.ts";
import type { Environment } from "../system/shell.ts";

/** Longer is not read: an address and a token. bytes */
const TICKET_BYTES = 4096;
/** A folder with more is none of ours. */
const TICKETS = 1000;
const NAME = /^relay-\d{1,10}\.json$/;

const ticketShape = v.object({
  owner: v.object({ pid: v.number(), machine: v.string(), start: v.string() }),
  relay: v.string(),
  admin: v.string(),
  token: v.string(),
});

export type Ticket = Readonly<v.InferOutput<typeof ticketShape>>;

function folderOf(env: Environment): string {
  const runtime = env["XDG_RUNTIME_DIR"] ?? "";
  // A server often has no such folder, `su` leaves that of another user in the environment, and the one
  // for temporary files is everybody's.
  return isOwnFolder(runtime)
    ? join(runtime, "fileshare")
    : join(tmpdir(), `fileshare-${process.geteuid?.() ?? 0}`);
}

function isOwnFolder(path: string): boolean {
  try {
    return path !== "" && isOursIn(path, statSync(path).uid);
  } catch {
    return false;
  }
}

/** The folder, held; undefined where others can read there, or put there what we read. */
function holdPrivate(
  path: string,
  platform: NodeJS.Platform = process.platform,
): HeldFolder | undefined {
  let folder: HeldFolder;
  try {
    folder = HeldFolder.holdItself(path);
  } catch {
    return undefined; // a link, a file, or nothing
  }
  const { uid, mode } = folder.stat;
  // Windows has no modes, and each user has a folder for temporary files.
  if (platform === "win32") return folder;
  if (folder.isOurs(uid) && (mode & 0o077n) === 0n) return folder;
  folder.close();
  return undefined;
}

/**
 * Leaves a ticket until disposed.
 * @returns undefined: there is no place for it that is private
 */
export function leaveTicket(
  ticket: Omit<Ticket, "owner">,
  env: Environment,
): Disposable | undefined {
  const place = folderOf(env);
  const name = `relay-${process.pid}.json`;
  let folder: HeldFolder | undefined;
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    folder = holdPrivate(place);
    if (folder === undefined) return undefined;
    // A ticket of an earlier process with this number may be there.
    folder.clear(name);
    // In its place at once: nothing would remove a second file that a killed relay leaves here.
    const text = JSON.stringify({ owner: thisProcess(), ...ticket });
    writeNew(folder, name, new TextEncoder().encode(text));
  } catch {
    folder?.close();
    return undefined;
  }
  const held = folder;
  const remove = (): void => held.clear(name);
  process.once("exit", remove);
  return {
    [Symbol.dispose]: () => {
      process.removeListener("exit", remove);
      remove();
      held.close();
    },
  };
}

/** The tickets of relays that run; those that killed ones left are removed. */
export function findTickets(env: Environment): Ticket[] {
  using folder = holdPrivate(folderOf(env));
  if (folder === undefined) return [];
  return folder
    .list()
    .filter((name) => NAME.test(name))
    .slice(0, TICKETS)
    .flatMap((name) => {
      const ticket = readEntry(folder, name, ticketShape, TICKET_BYTES);
      if (ticket === undefined) return [];
      if (!isGone(ticket.owner, 0)) return [ticket];
      folder.clear(name);
      return [];
    });
}
