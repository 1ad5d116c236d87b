/**
 * The owner of a partial directory. Its name tells the owner, because one rename then both claims it and tells
 * everyone: of two processes that want it, only one finds the old name still there.
 *
 *     report.pdf.3fa9c2d1-4711-9c2f11ab-7k2d9-1c4e08f2.partial    owned
 *     report.pdf.3fa9c2d1-1c4e08f2.partial                        given up, free for anyone
 *     name       share    pid  machine  start nonce
 */
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { cutUtf8 } from "../../protocol/wire/display.ts";

import { errorCode, kernelText } from "./system-error.ts";
import { shortHash } from "./runtime.ts";

/**
 * Bytes of a file's name in that of its partial directory: leaves room for share and owner, also
 * where names have 143 bytes.
 */
const PARTIAL_STEM_BYTES = 80;
/**
 * A partial of another machine, untouched so long, is taken over; far above the time between
 * checkpoints.
 */
const FOREIGN_PARTIAL_MS = 60_000;

export interface Owner {
  readonly pid: number;
  /** Hash of the host's name and, on Linux, the process id namespace: where `pid` has a meaning. */
  readonly machine: string;
  /** When the process began, in ticks since boot, base 36; "0" where the system does not say. */
  readonly start: string;
}

export interface PartialName {
  readonly stem: string;
  /** First 8 hex digits of the share id. */
  readonly share: string;
  /** Undefined when it was given up. */
  readonly owner: Owner | undefined;
}

const PATTERN =
  /^(.+)\.([0-9a-f]{8})(?:-([1-9]\d{0,9})-([0-9a-f]{8})-([0-9a-z]{1,13}))?-[0-9a-f]{8}\.partial$/s;

export function parsePartialName(name: string): PartialName | undefined {
  const match = PATTERN.exec(name);
  if (match === null) return undefined;
  const [, stem, share, pid, machine, start] = match;
  const owner =
    pid !== undefined && machine !== undefined && start !== undefined
      ? { pid: Number(pid), machine, start }
      : undefined;
  return { stem: stem!, share: share!, owner };
}

/** A new name each time: also two partials of one share in one process differ. */
export function formatPartialName({ stem, share, owner }: PartialName): string {
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString("hex");
  const by = owner === undefined ? "" : `-${owner.pid}-${owner.machine}-${owner.start}`;
  return `${stem}.${share}${by}-${nonce}.partial`;
}

/** The file's name, cut so that all the rest of a partial's name fits a file system beside it. */
export function partialStem(name: string): string {
  return cutUtf8(name, PARTIAL_STEM_BYTES);
}

export function thisProcess(): Owner {
  return { pid: process.pid, machine: machine(), start: startOf(process.pid) ?? "0" };
}

/**
 * Whether the owner can no longer be writing. An owner on this machine is asked after; one
 * elsewhere (a shared file system, another container) counts as gone when it has left the
 * journal untouched for FOREIGN_PARTIAL_MS. When in doubt it is not gone.
 */
export function isGone(owner: Owner | undefined, journalAgeMs: number): boolean {
  if (owner === undefined) return true;
  if (owner.machine !== machine()) return journalAgeMs > FOREIGN_PARTIAL_MS;
  if (!isAlive(owner.pid)) return true;
  const start = startOf(owner.pid); // undefined also where /proc hides others' processes
  return start !== undefined && owner.start !== "0" && start !== owner.start;
}

/** An id that changes at every start of the system, or undefined where there is none. */
export function bootId(): string | undefined {
  return kernelText("/proc/sys/kernel/random/boot_id")?.trim();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/**
 * Field 22 of proc_pid_stat(5), counted behind the name, which may hold anything. A process that
 * has ended and only waits for its parent gets "ended", which no owner's name holds.
 */
function startOf(pid: number): string | undefined {
  const stat = kernelText(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields?.[0] === "Z" || fields?.[0] === "X") return "ended";
  const ticks = fields?.[19];
  return ticks === undefined ? undefined : Number(ticks).toString(36);
}

function machine(): string {
  let namespace = "";
  try {
    namespace = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Not Linux, or without /proc: the host's name has to do.
  }
  return shortHash(`${hostname()}\n${namespace}`, 8);
}
