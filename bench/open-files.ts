/**
 * The limit of open files: a relay has a socket for each receiver. Bun lifts its own soft limit to the hard one;
 * a hard limit below the need is raised for this process and all that it starts, where we may. Linux only.
 */
import { readFile } from "node:fs/promises";

import { ask, which } from "./systems/command.ts";

/** Descriptors of a relay or a load process beside those of its receivers. */
const OTHERS = 256;

/** @throws Error that says what to do, when a process can't have so many sockets */
export async function allowSockets(sockets: number): Promise<void> {
  const needed = sockets + OTHERS;
  const limit = hardLimitIn(await readFile("/proc/self/limits", "utf8").catch(() => ""));
  if (limit === undefined || limit >= needed) return;
  const prlimit = which("prlimit");
  const raise = [`--pid=${process.pid}`, `--nofile=${needed}:${needed}`];
  const raised = prlimit === undefined ? undefined : await ask([prlimit, ...raise]);
  if (raised === undefined) throw new Error(tooFew(sockets, needed, limit));
}

/** The hard limit of `/proc/PID/limits`; undefined: none, or it can't be read. */
export function hardLimitIn(limits: string): number | undefined {
  const hard = /^Max open files +\S+ +(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? undefined : Number(hard);
}

export function tooFew(sockets: number, needed: number, limit: number): string {
  return (
    `${sockets} receivers need ${needed} open files in one process, and the hard limit is ${limit}. ` +
    `Run the bench as root, or set the limit of your user to ${needed} (nofile in /etc/security/limits.conf)`
  );
}
