/**
 * Magic Wormhole, with its mailbox and its transit relay on this machine, through which the file goes,
 * as it does between two people behind routers: https://magic-wormhole.readthedocs.io
 */
import { randomInt } from "node:crypto";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Carriage, Carrier } from "./carrier.ts";
import { ask, which } from "./command.ts";
import { startServer } from "./server.ts";
import type { Found } from "./system.ts";

export const wormhole: Carrier = { name: "wormhole", find, open };

async function find(): Promise<Found> {
  const program = which("wormhole");
  if (program === undefined) return { missing: "not on PATH" };
  const version = /magic-wormhole (\S+)/.exec((await ask([program, "--version"])) ?? "")?.[1];
  if (version === undefined) return { missing: "it does not run" };
  if ((await findTwist(program)) !== undefined) return { version };
  return { missing: "needs magic-wormhole-mailbox-server and magic-wormhole-transit-relay" };
}

async function open(folder: string): Promise<Carriage> {
  const program = which("wormhole");
  const servers = program === undefined ? undefined : await findTwist(program);
  if (program === undefined || servers === undefined) throw new Error("wormhole is not here");
  const endpoint = (port: number): string => `--port=tcp:${port}:interface=127.0.0.1`;
  const mailbox = await startServer((port) => [
    servers,
    "wormhole-mailbox",
    endpoint(port),
    `--channel-db=${join(folder, "mailbox.sqlite")}`,
  ]);
  try {
    const transit = await startServer((port) => [servers, "transitrelay", endpoint(port)]);
    const common = [
      program,
      `--relay-url=ws://127.0.0.1:${mailbox.port}/v1`,
      `--transit-helper=tcp:127.0.0.1:${transit.port}`,
    ];
    const quiet = ["--hide-progress", "--no-listen"];
    const code = `${randomInt(1, 1000)}-bench-${randomInt(1, 1e9)}`;
    return {
      pids: [mailbox.pid, transit.pid],
      order: { first: "receiver", says: /Waiting for sender/ },
      senderEnds: true,
      sender: (file) => ({ command: [...common, "send", ...quiet, "--code", code, file] }),
      receiver: (out) => ({
        command: [...common, "receive", ...quiet, "--accept-file", code],
        // Version 0.12 puts the file in the place of a folder that is named with -o.
        cwd: out,
      }),
      async [Symbol.asyncDispose]() {
        await transit[Symbol.asyncDispose]();
        await mailbox[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await mailbox[Symbol.asyncDispose]();
    throw error;
  }
}

/** The program that runs the two servers: beside wormhole's own, or on PATH. Asked once: it is slow. */
function findTwist(program: string): Promise<string | undefined> {
  twist ??= lookForTwist(program);
  return twist;
}

let twist: Promise<string | undefined> | undefined;

async function lookForTwist(program: string): Promise<string | undefined> {
  const beside = join(dirname(realpathSync(program)), "twist");
  for (const name of [beside, "twist3", "twist"]) {
    const path = which(name);
    if (path === undefined) continue;
    const said = await Promise.all(
      ["wormhole-mailbox", "transitrelay"].map((plugin) => ask([path, plugin, "--help"])),
    );
    if (!said.includes(undefined)) return path;
  }
  return undefined;
}
