/**
 * Ports for tests that look for a free one first, or that start a relay again where it was. A port that the kernel
 * chose goes to any other test that lets it choose, as soon as it is free for a moment. These lie below the range
 * that it chooses from (`/proc/sys/net/ipv4/ip_local_port_range`), in blocks that each belong to one process.
 */
import { createServer, type Server } from "node:net";

const HOST = "127.0.0.1";
/** The torture has those from 20,000 on. */
const FIRST = 10_000;
/** Ports of a block. The process listens at the first one for all of its life, so no other process takes the block. */
const EACH = 32;
const BLOCKS = 312;

const guards: Server[] = [];
let block = 0;
/** Ports of the block that are not given away. */
let left = 0;

/** A port at which nothing listens, and that this process has not had. */
export async function ownPort(): Promise<number> {
  for (;;) {
    if (left === 0) {
      block = await newBlock();
      left = EACH - 1;
    }
    const port = block + left--;
    const server = await listenAt(port);
    if (server === undefined) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export async function ownPorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await ownPort());
  return ports;
}

/** @returns its first port */
async function newBlock(): Promise<number> {
  for (let tries = 0; tries < BLOCKS; tries++) {
    const first = FIRST + ((process.pid + guards.length + tries) % BLOCKS) * EACH;
    const guard = await listenAt(first);
    if (guard === undefined) continue;
    guards.push(guard.unref());
    return first;
  }
  throw new Error("no free port");
}

/** @returns undefined: the port is taken */
async function listenAt(port: number): Promise<Server | undefined> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, HOST, () => resolve(server));
  });
}
