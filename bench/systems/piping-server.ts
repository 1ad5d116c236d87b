/**
 * Piping Server, which streams one upload to a number of receivers that is fixed before, the slowest
 * of which paces all. Run under Bun: there it takes less CPU per byte than under Node.
 */
import { join } from "node:path";

import { startServer } from "./server.ts";
import type { Found, RunningSystem, System } from "./system.ts";

const PACKAGE = "piping-server";

export const pipingServer: System = { name: "piping-server", find, start };

async function find(): Promise<Found> {
  const path = resolve("package.json");
  if (path === undefined) return { missing: `needs the npm package ${PACKAGE} (bun install)` };
  const { version } = (await Bun.file(path).json()) as { readonly version: string };
  return { version: `${version} under Bun ${Bun.version}` };
}

async function start(): Promise<RunningSystem> {
  const program = resolve("dist/src/index.js");
  if (program === undefined) throw new Error(`${PACKAGE} is not installed`);
  const server = await startServer((port) => [
    process.execPath,
    program,
    "--host",
    "127.0.0.1",
    "--http-port",
    port.toString(),
  ]);
  const load = join(import.meta.dir, "../load");
  return {
    pids: [server.pid],
    url: `http://127.0.0.1:${server.port}/{id}?n={receivers}`,
    load: {
      sender: [process.execPath, join(load, "http-sender.ts")],
      receivers: [process.execPath, join(load, "http-receivers.ts")],
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function resolve(path: string): string | undefined {
  try {
    return Bun.resolveSync(`${PACKAGE}/${path}`, import.meta.dir);
  } catch {
    return undefined;
  }
}
