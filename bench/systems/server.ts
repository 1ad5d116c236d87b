/** A peer's server as a process of its own, at a free port of this machine. */
import { adopt } from "../children.ts";
import { bound } from "./command.ts";

/** ms that a server may take until it listens */
const START_MS = 60_000;
/** ms between two looks whether it listens */
const LOOK_MS = 20;
/** ms that it may take to end when asked */
const END_MS = 2000;
/** Ports can be lost to others between the choice and the use. */
const TRIES = 3;
/** characters of its last words that are told */
const WORDS = 400;

export interface Server extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/**
 * Starts a server and waits until it takes connections.
 * @param command its command line for a port
 * @param hostname where it listens
 * @throws Error with its last words when it does not come up
 */
export async function startServer(
  command: (port: number) => readonly string[],
  hostname = "127.0.0.1",
): Promise<Server> {
  for (let tries = 1; ; tries++) {
    try {
      return await tryToStart(command, hostname);
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}

async function tryToStart(
  command: (port: number) => readonly string[],
  hostname: string,
): Promise<Server> {
  const [port = 0] = freePorts(1, hostname);
  const line = command(port);
  const child = adopt(
    Bun.spawn(bound(line), { stdin: "ignore", stdout: "ignore", stderr: "pipe" }),
  );
  const words = lastWords(child.stderr);
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await child.exited;
    clearTimeout(kill);
  };
  const deadline = performance.now() + START_MS;
  while (!(await takesConnections(hostname, port))) {
    if (child.exitCode === null && performance.now() < deadline) await Bun.sleep(LOOK_MS);
    else {
      await end();
      throw new Error(`${line[0]} did not start: ${(await words).trim() || "it said nothing"}`);
    }
  }
  return { port, pid: child.pid, [Symbol.asyncDispose]: end };
}

/** So many ports that nobody listens on now. */
export function freePorts(count: number, hostname: string): number[] {
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname, port: 0, socket: { data() {} } }),
  );
  for (const listener of listeners) listener.stop(true);
  return listeners.map(({ port }) => port);
}

async function takesConnections(hostname: string, port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname, port, socket: { data() {} } });
    socket.terminate();
    return true;
  } catch {
    return false;
  }
}

/** Reads all, so that the server never waits to write, and keeps the end. */
async function lastWords(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let words = "";
  for await (const bytes of stream) {
    words = (words + decoder.decode(bytes, { stream: true })).slice(-WORDS);
  }
  return words;
}
