/** nginx: sendfile of a static file, which is the least that a server can do for a byte. */
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { withChildren } from "../proc.ts";
import { TemporaryFolder } from "../temporary.ts";
import { ask, which } from "./command.ts";
import { startServer } from "./server.ts";
import type { Found, RunningSystem, StartOptions, System } from "./system.ts";

const FILE = "file";
/** ms between two looks for its workers, which it starts after it listens */
const LOOK_MS = 5;
const LOOKS = 1000;

export const nginx: System = { name: "nginx", find, start };

async function find(): Promise<Found> {
  const program = which("nginx");
  if (program === undefined) return { missing: "not on PATH (bench/setup installs it)" };
  const said = await ask([program, "-v"]);
  const version = /nginx\/(\S+)/.exec(said ?? "")?.[1];
  return version === undefined ? { missing: "it does not run" } : { version };
}

async function start({ workers, source }: StartOptions): Promise<RunningSystem> {
  const program = which("nginx");
  if (program === undefined) throw new Error("nginx is not on PATH");
  const folder = new TemporaryFolder("nginx");
  try {
    symlinkSync(await source.file(), join(folder.path, FILE));
    const server = await startServer((port) => {
      const path = join(folder.path, "nginx.conf");
      writeFileSync(path, config({ folder: folder.path, port, workers }));
      return [program, "-e", "stderr", "-c", path];
    });
    return {
      pids: await processesOf(server.pid, workers),
      url: `http://127.0.0.1:${server.port}/${FILE}`,
      load: {
        sender: undefined,
        receivers: [process.execPath, join(import.meta.dir, "../load/http-receivers.ts")],
      },
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        folder[Symbol.dispose]();
      },
    };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

/** The master and its workers. */
async function processesOf(master: number, workers: number): Promise<number[]> {
  for (let look = 0; look < LOOKS; look++) {
    const all = await withChildren(master);
    if (all.length === 1 + workers) return all;
    await Bun.sleep(LOOK_MS);
  }
  throw new Error(`nginx has not ${workers} workers`);
}

interface Setting {
  readonly folder: string;
  readonly port: number;
  readonly workers: number;
}

function config({ folder, port, workers }: Setting): string {
  // Workers that share one listening socket leave nearly all connections to one of them.
  const own = workers > 1 ? " reuseport" : "";
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes ${workers};
worker_rlimit_nofile 65536;
pid ${folder}/nginx.pid;
events { worker_connections 32768; }
http {
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ")}
  server {
    listen 127.0.0.1:${port}${own} backlog=4096;
    root ${folder};
  }
}
`;
}
