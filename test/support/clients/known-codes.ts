/** Codes for tests, of which no client has to compute scrypt. */
import {
  LOBBY_CODE,
  MASTER_BYTES,
  parseSenderCode,
  secretOf,
  fromHex,
  keysOfMaster,
  toHex,
  utf8,
  type Code,
  type Keys,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { LOBBY_MASTER } from "../../../protocol/crypto/keys.ts";
import { KNOWN } from "./known-masters.ts";

const masters = new Map<Code, string>(
  KNOWN.map(([code, master]) => [parseSenderCode(code), master]),
);
const codes = [...masters.keys()];
masters.set(LOBBY_CODE, LOBBY_MASTER);
let next = 0;

/** A code that none of the last ones was, of which `masterOf` knows the master. */
export function knownCode(): Code {
  return codes[next++ % codes.length]!;
}

/** In hex. Of another code it is made once, for all clients of it. */
export function masterOf(code: Code): string {
  const known = masters.get(code);
  if (known !== undefined) return known;
  const master = toHex(
    nodePrimitives.scrypt(utf8(secretOf(code)), utf8("fileshare/1"), MASTER_BYTES),
  );
  masters.set(code, master);
  return master;
}

export function keysOf(code: Code): Keys {
  return keysOfMaster(fromHex(masterOf(code))!, nodePrimitives);
}
