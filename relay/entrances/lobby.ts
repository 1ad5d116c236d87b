import { nodePrimitives as primitives } from "../../protocol/crypto-node.ts";
import { keysOfMaster, type Keys } from "../../protocol/mod.ts";

/**
 * What scrypt makes of the code `lobby`, which everyone knows: a relay need not spend 64 MiB and a
 * part of a second at each start to find it out.
 */
export const LOBBY_MASTER = "f5a601fc8219b0c82459fe29ab3378d925e8727073e4e4a37d6064915d6f8f98";

let keys: Keys | undefined;

/** The keys of the lobby. They keep nothing secret. */
export function lobbyKeys(): Keys {
  keys ??= keysOfMaster(Buffer.from(LOBBY_MASTER, "hex"), primitives);
  return keys;
}
