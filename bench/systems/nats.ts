/** A nats-server with JetStream: the directory of a cluster of relays. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { TemporaryFolder } from "../temporary.ts";
import { ask, which } from "./command.ts";
import { startServer, type Server } from "./server.ts";
import type { Found } from "./system.ts";

const HOST = "127.0.0.1";

export async function findNats(): Promise<Found> {
  const program = which("nats-server");
  if (program === undefined) return { missing: "needs nats-server (bench/setup installs it)" };
  const version = /v(\d\S*)/.exec((await ask([program, "--version"])) ?? "")?.[1];
  return version === undefined ? { missing: "nats-server does not run" } : { version };
}

/** @throws Error when it is not installed, or does not come up */
export async function startNats(): Promise<Server & { readonly url: string }> {
  const program = which("nats-server");
  if (program === undefined) throw new Error("nats-server is not on PATH");
  const folder = new TemporaryFolder("nats");
  try {
    const server = await startServer((port) => {
      const path = join(folder.path, "nats.conf");
      writeFileSync(path, `listen: "${HOST}:${port}"\njetstream { store_dir: "${folder.path}" }\n`);
      return [program, "-c", path];
    }, HOST);
    return {
      pid: server.pid,
      port: server.port,
      url: `nats://${HOST}:${server.port}`,
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
