/** How much disk a relay's log takes: its file has no name, but `/proc` leads to it. Linux only. */
import { readdir, readlink, stat } from "node:fs/promises";

/** The `/proc` entry of a log's file that has no name any more: see `createLogFile` of the relay. */
const LOG = /\/fileshare-log-[^/]+\/log \(deleted\)$/;
/** bytes, the unit of `st_blocks`, whatever the file system's own is. stat(2) */
const BLOCK_BYTES = 512;

export interface LogFiles {
  /** bytes that they take on the disk now; undefined: there are none, or they can't be seen */
  allocated(): Promise<number | undefined>;
}

/**
 * The logs that processes hold open now. A relay has its log as long as it runs, and may have thousands of
 * sockets beside it, so they are looked for once.
 */
export async function logFilesOf(pids: readonly number[]): Promise<LogFiles> {
  /** Two descriptors may lead to one file. */
  const paths = new Map<string, string>();
  for (const path of (await Promise.all(pids.map(descriptorsOf))).flat()) {
    const target = await readlink(path).catch(() => "");
    if (LOG.test(target)) paths.set(target, path);
  }
  return {
    async allocated() {
      if (paths.size === 0) return undefined;
      try {
        const all = await Promise.all(Array.from(paths.values(), (path) => stat(path)));
        return all.reduce((sum, { blocks }) => sum + blocks * BLOCK_BYTES, 0);
      } catch {
        return undefined;
      }
    },
  };
}

async function descriptorsOf(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => `${folder}/${name}`);
}
