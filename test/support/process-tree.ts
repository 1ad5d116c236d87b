/** A process with its descendants, as /proc tells of them: their kinds, CPU time and memory. */
import { readdirSync, readFileSync } from "node:fs";

/** Of Linux on all our machines: the unit of times in /proc. */
const TICKS_PER_SECOND = 100;

/** The process and all its descendants. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const parent = parentOf(pid);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (let at = 0; at < tree.length; at++) tree.push(...(children.get(tree[at]!) ?? []));
  return tree;
}

function parentOf(pid: number): number | undefined {
  const parent = statOf(String(pid))?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** CPU time of all its threads, of the kernel's part too; 0: it ended. seconds */
export function cpuSeconds(pid: number): number {
  return secondsIn(statOf(String(pid)));
}

interface Thread {
  readonly thread: number;
  readonly name: string;
  /** CPU time, of the kernel's part too. */
  readonly seconds: number;
}

export function threadsOf(pid: number): Thread[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => {
      const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim();
      const seconds = secondsIn(statOf(`${pid}/task/${thread}`));
      return { thread: Number(thread), name, seconds };
    });
  } catch {
    return []; // It ended meanwhile.
  }
}

function secondsIn(stat: readonly string[] | undefined): number {
  return stat === undefined ? 0 : (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND;
}

/** Memory, the shared part of it divided by its users; 0: it ended. bytes */
export function proportionalMemory(pid: number): number {
  return memoryOf(pid, ["Pss"]);
}

/** The same without pages of files, such as the program's own. bytes */
export function ownMemory(pid: number): number {
  return memoryOf(pid, ["Pss_Anon", "Pss_Shmem"]);
}

function memoryOf(pid: number, lines: readonly string[]): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const found = lines.map((line) => new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
    return found.reduce((sum, kilobytes) => sum + Number(kilobytes ?? 0) * 1024, 0);
  } catch {
    return 0; // It ended meanwhile.
  }
}

/** The arguments of a process; none: it ended. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split(/[\0 ]/);
  } catch {
    return [];
  }
}

/** The words behind its name, which may have spaces and brackets. */
function statOf(place: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${place}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined; // It ended meanwhile.
  }
}
