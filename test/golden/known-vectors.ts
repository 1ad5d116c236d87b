/** The vectors as they are kept. */
import { fromHex } from "../../protocol/mod.ts";
import kept from "./files/vectors.json" with { type: "json" };

export const KEPT = kept;

/** What scrypt makes of a code, without its price. */
export function masterOf(code: string): Uint8Array {
  const known = kept.codes.find((each) => each.code[0] === code);
  const master = known === undefined ? undefined : fromHex(known.master);
  if (master === undefined) throw new Error(`no vector of ${code}`);
  return master;
}
