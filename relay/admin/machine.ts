import { fstatSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { FRAME_BYTES } from "../../protocol/mod.ts";
import type { PoolBuffers } from "../log/block-pool.ts";

/** Resident pages by what is behind them. bytes */
export interface ProcessMemory {
  /** The process's own. */
  readonly anonymous: number;
  /** Of mapped files. */
  readonly file: number;
  /** Of mapped files in memory, such as those of a tmpfs. */
  readonly shared: number;
}

const KIB = 1024;

/** @returns undefined where the system does not tell; only Linux does */
export function processMemory(): ProcessMemory | undefined {
  let status: string;
  try {
    status = readFileSync("/proc/self/status", "latin1");
  } catch {
    return undefined;
  }
  const of = (name: string): number =>
    KIB * Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
  return { anonymous: of("RssAnon"), file: of("RssFile"), shared: of("RssShmem") };
}

/** A disk with less room than this counts as full: records of a few senders fill it in a second. bytes */
const LEAST_ROOM_BYTES = 64 * FRAME_BYTES;
/** stat(2) counts so whatever the file system does. bytes */
const STAT_BLOCK_BYTES = 512;

/** Whether the log can't grow to what it may be, because others filled its disk. */
export async function isLogDiskFull(folder: string, pool: PoolBuffers): Promise<boolean> {
  if (pool.file === undefined) return false;
  const { bavail, bsize } = await statfs(folder);
  const room = bavail * bsize;
  if (room >= LEAST_ROOM_BYTES) return false;
  const has = fstatSync(pool.file).blocks * STAT_BLOCK_BYTES;
  return room < pool.blocks * pool.blockBytes - has;
}
