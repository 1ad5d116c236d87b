/**
 * The few calls that Bun and Node have under different names. Commands run in Bun alone; the library, with all that a send or
 * a receive needs, also runs in Node 22 and later, from the compiled package.
 */
import { createHash } from "node:crypto";
import { parentPort, Worker as NodeWorker } from "node:worker_threads";
// Named imports would keep a Node that lacks them from loading this at all, and from saying that it is too old.
import * as zlib from "node:zlib";

export const isBun = typeof Bun !== "undefined";

/** The sum of the journal and of own files (CRC-32 of zip). */
export function crc32(bytes: Uint8Array): number {
  return zlib.crc32(bytes);
}

/** The first characters of a hash in hex, for names: collisions are harmless there. */
export function shortHash(text: string, characters: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, characters);
}

/** A hash for comparisons within this process: the two runtimes have another one each. */
export function hash64(bytes: Uint8Array): bigint {
  if (isBun) return Bun.hash.xxHash3(bytes);
  return createHash("sha1").update(bytes).digest().readBigUInt64LE();
}

/** Gives memory back that a large list took. Node does so only if it was started with `--expose-gc`. */
export function collectGarbage(): void {
  if (isBun) Bun.gc(true);
  else globalThis.gc?.();
}

/** A thread, as the one that started it sees it. */
export interface Thread {
  post(message: unknown): void;
  terminate(): void;
}

export interface ThreadEvents {
  message(data: unknown): void;
  /** It ended by an error. */
  failed(message: string): void;
  closed(): void;
}

/** Starts a thread with these variables as its environment. */
export function startThread(
  script: string,
  env: Record<string, string>,
  events: ThreadEvents,
): Thread {
  if (!isBun) return startNodeThread(script, env, events);
  const worker = new Worker(script, { env });
  worker.addEventListener("message", ({ data }: MessageEvent<unknown>) => events.message(data));
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    events.failed(event.message);
  });
  worker.addEventListener("close", () => events.closed());
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => worker.terminate(),
  };
}

function startNodeThread(
  script: string,
  env: Record<string, string>,
  events: ThreadEvents,
): Thread {
  const worker = new NodeWorker(new URL(script), { env });
  worker.on("message", (data: unknown) => events.message(data));
  worker.on("error", (error) => {
    events.failed(error instanceof Error ? error.message : String(error));
  });
  worker.on("exit", () => events.closed());
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => void worker.terminate(),
  };
}

/** In a thread: its line to the thread that started it. */
export const ownThread = {
  post(message: unknown): void {
    parentPort?.postMessage(message);
  },
  listen(handle: (data: unknown) => void): void {
    parentPort?.on("message", handle);
  },
};
