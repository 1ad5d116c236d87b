/** The resources that a process holds at a moment, read from /proc. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

import { cpuSecondsIn, rssAnonIn } from "../../bench/proc.ts";

export interface Sample {
  /** Since the soak began. s */
  readonly at: number;
  /** bytes of anonymous memory that is resident */
  readonly rssAnon: number;
  readonly descriptors: number;
  /** Of those, sockets. */
  readonly sockets: number;
  /** Files that are mapped, each part counted. */
  readonly mappedFiles: number;
  readonly threads: number;
  /** Used since its start, over all threads. s */
  readonly cpuSeconds: number;
}

/** @throws Error when the process is gone */
export function sampleOf(pid: number, at: number): Sample {
  const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, "utf8");
  const status = read("status");
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  return {
    at,
    rssAnon: rssAnonIn(status),
    descriptors: links.length,
    sockets: links.filter((link) => link.startsWith("socket:")).length,
    mappedFiles: read("maps")
      .split("\n")
      .filter((line) => / \//.test(line)).length,
    threads: Number(/^Threads:\s+(\d+)$/m.exec(status)?.[1] ?? 0),
    cpuSeconds: cpuSecondsIn(read("stat")),
  };
}

/** Empty when it was closed since it was listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
