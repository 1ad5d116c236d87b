/** Figures of processes from /proc: time used and memory held. Linux only. */
import { readFile } from "node:fs/promises";

/** Ticks per second of `/proc`: USER_HZ, 100 on every Linux that Bun runs on. */
const TICKS_PER_SECOND = 100;

export interface Usage {
  /** s, user and system, of all threads, those that ended too */
  readonly cpuSeconds: number;
  /** bytes of anonymous memory that is resident */
  readonly rssAnon: number;
}

/** Of all of them together; undefined when one can't be seen, or there is none. */
export async function usageOf(pids: readonly number[]): Promise<Usage | undefined> {
  if (pids.length === 0) return undefined;
  try {
    const all = await Promise.all(pids.map(usageOfOne));
    return {
      cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      rssAnon: all.reduce((sum, { rssAnon }) => sum + rssAnon, 0),
    };
  } catch {
    return undefined;
  }
}

/** A process and all that it started, and those in turn. */
export async function withChildren(pid: number): Promise<number[]> {
  const found = [pid];
  for (let at = 0; at < found.length; at++) {
    const each = found[at]!;
    const path = `/proc/${each}/task/${each}/children`;
    const text = await readFile(path, "utf8").catch(() => "");
    found.push(...text.split(" ").filter(Boolean).map(Number));
  }
  return found;
}

async function usageOfOne(pid: number): Promise<Usage> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
  ]);
  return { cpuSeconds: cpuSecondsIn(stat), rssAnon: rssAnonIn(status) };
}

/** utime and stime of `/proc/PID/stat`; the command in parentheses may hold anything. proc(5) */
export function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** RssAnon of `/proc/PID/status`, bytes. */
export function rssAnonIn(status: string): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
