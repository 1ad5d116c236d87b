/** Bytes that the kernel still holds for our sockets. Linux alone says so, in proc_net(5). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Of an established connection. */
const ESTABLISHED = "01";

/** Bytes that sockets of this process to that port hold, unsent or not acknowledged; 0 where nobody says. */
export function unsentInKernel(port: number): number {
  if (process.platform !== "linux") return 0;
  const own = ownSockets();
  return ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap(linesOf)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state, , , , , , inode]) => {
      const isThere = Number.parseInt(remote?.split(":")[1] ?? "", 16) === port;
      return isThere && state === ESTABLISHED && own.has(inode ?? "");
    })
    .reduce((sum, [, , , , queues]) => sum + Number.parseInt(queues ?? "0", 16), 0);
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "latin1").split("\n").slice(1);
  } catch {
    return []; // without /proc, or without IPv6
  }
}

/** The inodes of this process's sockets. */
function ownSockets(): ReadonlySet<string> {
  try {
    const links = readdirSync("/proc/self/fd").map((fd) => linkOf(`/proc/self/fd/${fd}`));
    return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  } catch {
    return new Set();
  }
}

/** Some are closed again while they are listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
