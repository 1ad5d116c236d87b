/**
 * Ports for tests that look for a free one first, or that start a relay again where it was. A port that the kernel
 * chose goes to any other test that lets it choose, as soon as it is free for a moment. These lie below the range
 * that it chooses from (`/proc/sys/net/ipv4/ip_local_port_range`), and each test process has others.
 */
import { createServer } from "node:net";

const HOST = "127.0.0.1";
/** The torture has those from 20,000 on. */
const FIRST = 10_000;
const COUNT = 10_000;
/** Processes that run at once have numbers near each other. */
const EACH = 32;

let taken = 0;

/** A port at which nothing listens, and that this process has not had. */
export async function ownPort(): Promise<number> {
  for (; taken < COUNT;) {
    const port = FIRST + ((process.pid * EACH + taken++) % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error("no free port");
}

export async function ownPorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await ownPort());
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
