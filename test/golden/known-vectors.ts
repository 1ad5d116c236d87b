/** The vectors as they are kept. */
import { fromHex } from "../../protocol/mod.ts";
import kept from "./files/vectors.json" with { type: "json" };

export const KEPT = kept;

/** The recorded result of scrypt for a code, without the cost of computing it. */
export function masterOf(code: string): Uint8Array {
  const known = kept.codes.find((each) => each.code[0] === code);
  const master = known === undefined ? undefined : fromHex(known.master);
  if (master === undefined) throw new Error(`no vector of ${code}`);
  return master;
}
