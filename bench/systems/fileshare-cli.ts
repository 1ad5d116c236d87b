/** The product as people run it: its own command line on both sides. */
import { randomBytes } from "node:crypto";

import { makeCode } from "../../protocol/mod.ts";

import type { Carriage, Carrier } from "./carrier.ts";
import { productFolder } from "./product.ts";
import { systemOf } from "./registry.ts";
import { sourceOf } from "../sources.ts";

export const fileshareCli: Carrier = {
  name: "fileshare",
  find: () => systemOf("fileshare").find(),
  open: () => openFileshare(),
};

/** @param receiver the script of the checkout that receives instead of the command line; it drops what it got */
export async function openFileshare(receiver?: string): Promise<Carriage> {
  const relay = await systemOf("fileshare").start({
    workers: 1,
    receivers: 1,
    source: sourceOf(0),
  });
  const folder = productFolder();
  const env = {
    FILESHARE_CODE: makeCode((length) => randomBytes(length)),
    FILESHARE_RELAY: relay.url,
  };
  const fileshare = (...args: readonly string[]) => ({
    command: [process.execPath, `${folder}/cli/main.ts`, ...args, "--json"],
    env,
  });
  return {
    pids: relay.pids,
    order: { first: "receiver", says: /"event":"waiting"/ },
    senderEnds: true,
    sender: (file) => fileshare("send", file),
    receiver: (out) =>
      receiver === undefined
        ? fileshare("recv", "--yes", "--out", out)
        : { command: [process.execPath, `${folder}/${receiver}`], env },
    ...(relay.takeStats === undefined ? {} : { takeStats: () => relay.takeStats?.() ?? [] }),
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}
