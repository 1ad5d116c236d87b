/**
 * How commands of the same user find a relay that runs, and may tell it what to do: a file of its
 * own for each, in a folder that nobody else can read.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as v from "valibot";

import { isOurs } from "./own-file.ts";
import { isGone, thisProcess } from "./owner.ts";

/** Longer is not read: an address and a token. bytes */
const TICKET_BYTES = 4096;
/** A folder with more is none of ours. */
const TICKETS = 1000;
const NAME = /^relay-\d{1,10}\.json$/;

const ticketShape = v.object({
  owner: v.object({ pid: v.number(), machine: v.string(), start: v.string() }),
  /** Where clients reach the relay. */
  relay: v.string(),
  /** Where its operators do. */
  admin: v.string(),
  token: v.string(),
});

export type Ticket = Readonly<v.InferOutput<typeof ticketShape>>;

type Environment = Readonly<Record<string, string | undefined>>;

function folderOf(env: Environment): string {
  const runtime = env["XDG_RUNTIME_DIR"] ?? "";
  // A server often has no such folder, and the one for temporary files is everybody's.
  return runtime === ""
    ? join(tmpdir(), `fileshare-${process.geteuid?.() ?? 0}`)
    : join(runtime, "fileshare");
}

/** Whether nobody else can read there, or put there what we read. */
function isPrivate(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && isOurs(stat.uid) && (stat.mode & 0o077) === 0;
}

/**
 * Leaves a ticket until disposed.
 * @returns undefined: there is no place for it that is private
 */
export function leaveTicket(
  ticket: Omit<Ticket, "owner">,
  env: Environment,
): Disposable | undefined {
  const folder = folderOf(env);
  const path = join(folder, `relay-${process.pid}.json`);
  const remove = (): void => rmSync(path, { force: true });
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isPrivate(folder)) return undefined;
    // One of a process before us with our number, whose rights we do not know.
    remove();
    const text = JSON.stringify({ owner: thisProcess(), ...ticket });
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    chmodSync(path, 0o600);
  } catch {
    return undefined;
  }
  process.once("exit", remove);
  return {
    [Symbol.dispose]: () => {
      process.removeListener("exit", remove);
      remove();
    },
  };
}

/** The tickets of relays that run; those that killed ones left are removed. */
export function findTickets(env: Environment): Ticket[] {
  const folder = folderOf(env);
  if (!isPrivate(folder)) return [];
  return readdirSync(folder)
    .filter((name) => NAME.test(name))
    .slice(0, TICKETS)
    .flatMap((name) => {
      const ticket = readTicket(join(folder, name));
      if (ticket === undefined) return [];
      if (!isGone(ticket.owner, 0)) return [ticket];
      rmSync(join(folder, name), { force: true });
      return [];
    });
}

function readTicket(path: string): Ticket | undefined {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || !isOurs(stat.uid) || stat.size > TICKET_BYTES) return undefined;
    const { success, output } = v.safeParse(ticketShape, JSON.parse(readFileSync(path, "utf8")));
    return success ? output : undefined;
  } catch {
    // Its relay has just ended, or it is being written.
    return undefined;
  }
}
