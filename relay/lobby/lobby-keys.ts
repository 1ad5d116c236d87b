import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import { LOBBY_CODE, deriveKeys, signerOf, type Keys, type Signer } from "../../protocol/mod.ts";

let keys: Keys | undefined;
let signer: Signer | undefined;

/** Proves the code of the lobby, which everyone can. */
export function lobbySigner(): Signer {
  signer ??= signerOf(lobbyKeys(), primitives);
  return signer;
}

/** The keys of the lobby. They keep nothing secret. */
export function lobbyKeys(): Keys {
  keys ??= deriveKeys(LOBBY_CODE, primitives);
  return keys;
}
