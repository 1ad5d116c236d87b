import {
  deriveKeys,
  fromHex,
  keysOfMaster,
  MASTER_BYTES,
  type Code,
  type Keys,
} from "../../protocol/mod.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import type { Job } from "./jobs.ts";

/** The keys of a code that a job is about: its own, of which it may know the master, or another. */
export function keysFor({ code, master }: Pick<Job, "code" | "master">, of: Code): Keys {
  if (master === undefined || of !== code) return deriveKeys(of, primitives);
  const bytes = fromHex(master);
  if (bytes?.length !== MASTER_BYTES) throw new RangeError("a master key of another length");
  return keysOfMaster(bytes, primitives);
}
