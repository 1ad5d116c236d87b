// Not by `protocol/mod.ts`, which loads all of it: scrypt can begin only when this is loaded.
import type { Code } from "../../protocol/code/code.ts";
import {
  deriveKeys,
  keysOfMaster,
  MASTER_BYTES,
  masterOf,
  type Keys,
} from "../../protocol/crypto/keys.ts";
import { fromHex, toHex } from "../../protocol/wire/bytes.ts";
import { nodePrimitives as primitives, scryptBeside } from "../../protocol/crypto/crypto-node.ts";
import type { Job } from "./jobs.ts";

/** The master key of a code in hex, computed beside the thread that asks. */
export async function masterBeside(code: Code): Promise<string> {
  return toHex(await masterOf(code, { scrypt: scryptBeside }));
}

/** The keys of a code that a job is about: its own, of which it may know the master, or another. */
export function keysFor({ code, master }: Pick<Job, "code" | "master">, of: Code): Keys {
  if (master === undefined || of !== code) return deriveKeys(of, primitives);
  return keysOfMasterText(master);
}

/** @param master as `masterBeside` gives it */
export function keysOfMasterText(master: string): Keys {
  const bytes = fromHex(master);
  if (bytes?.length !== MASTER_BYTES) throw new RangeError("a master key of another length");
  return keysOfMaster(bytes, primitives);
}
