/** croc, through a relay of its own on this machine: https://github.com/schollz/croc */
import { randomBytes } from "node:crypto";

import type { Carriage, Carrier } from "./carrier.ts";
import { ask, which } from "./command.ts";
import { freePorts, startServer } from "./server.ts";
import type { Found } from "./system.ts";

/** Loopback: its relay takes 127.0.0.1 for 0.0.0.0. */
const HOST = "127.0.0.2";
/** Ports beside the first, over which the file goes: as many as croc's relay has by itself. */
const TRANSFER_PORTS = 4;

export const croc: Carrier = { name: "croc", find, open };

async function find(): Promise<Found> {
  const program = which("croc");
  if (program === undefined) return { missing: "not on PATH" };
  const version = /version v?(\S+)/.exec((await ask([program, "--version"])) ?? "")?.[1];
  return version === undefined ? { missing: "it does not run" } : { version };
}

async function open(folder: string): Promise<Carriage> {
  const program = which("croc");
  if (program === undefined) throw new Error("croc is not on PATH");
  const others = freePorts(TRANSFER_PORTS, HOST);
  const relay = await startServer(
    (port) => [program, "relay", "--host", HOST, "--ports", [port, ...others].join()],
    HOST,
  );
  const at = `${HOST}:${relay.port}`;
  const env = { HOME: folder, CROC_CONFIG_DIR: folder, CROC_SECRET: `bench-${code()}` };
  const common = [program, "--yes", "--ignore-stdin", "--disable-clipboard", "--relay", at];
  return {
    pids: [relay.pid],
    order: { first: "sender", says: /Code is/ },
    senderEnds: true,
    // Without a relay of the sender's own, which would listen for the whole network.
    sender: (file) => ({ command: [...common, "send", "--no-local", file], env }),
    // With the sender's address nothing is looked for on the network.
    receiver: (out) => ({ command: [...common, "--ip", at, "--overwrite", "--out", out], env }),
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}

function code(): string {
  return randomBytes(12).toString("hex");
}
