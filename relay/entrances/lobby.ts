import { nodePrimitives as primitives } from "../../protocol/crypto-node.ts";
import { LOBBY_CODE, deriveKeys, type Keys } from "../../protocol/mod.ts";

let keys: Keys | undefined;

/** The keys of the lobby. They keep nothing secret. */
export function lobbyKeys(): Keys {
  keys ??= deriveKeys(LOBBY_CODE, primitives);
  return keys;
}
