import { readFileSync } from "node:fs";

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
