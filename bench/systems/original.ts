/** The original app's server (original-server.py) with senders and receivers of its text protocol. */
import { join } from "node:path";

import { ask, which } from "./command.ts";
import { textLoad } from "./fileshare.ts";
import { startServer } from "./server.ts";
import type { Found, RunningSystem, System } from "./system.ts";

const PACKAGES = ["fastapi", "uvicorn", "websockets"];
/** Debian's packages are for Debian's Python, which need not be the first on PATH. */
const PYTHONS = ["/usr/bin/python3", "python3"];
const TELL = `import sys, platform, ${PACKAGES.join(", ")}
print(f"Python {platform.python_version()}", *(f"{m} {sys.modules[m].__version__}"
  for m in ${JSON.stringify(PACKAGES)}), sep=", ")`;

export const original: System = { name: "original", find, start };

async function find(): Promise<Found> {
  const found = await findPython();
  if (found !== undefined) return { version: found.version };
  const needed = PACKAGES.map((name) => `python3-${name}`).join(", ");
  return { missing: `needs ${needed} (bench/setup installs them)` };
}

async function start(): Promise<RunningSystem> {
  const found = await findPython();
  if (found === undefined) throw new Error("no Python has what the original server needs");
  const program = join(import.meta.dir, "original-server.py");
  const server = await startServer((port) => [found.path, program, port.toString()]);
  return {
    pids: [server.pid],
    url: `ws://127.0.0.1:${server.port}`,
    load: textLoad,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

interface Python {
  readonly path: string;
  readonly version: string;
}

/** Asked once: it is slow. */
function findPython(): Promise<Python | undefined> {
  python ??= lookForPython();
  return python;
}

let python: Promise<Python | undefined> | undefined;

async function lookForPython(): Promise<Python | undefined> {
  for (const name of PYTHONS) {
    const path = which(name);
    if (path === undefined) continue;
    const said = await ask([path, "-c", TELL]);
    if (said !== undefined) return { path, version: said.trim() };
  }
  return undefined;
}
