/** The answer to a sender about a share that the store of this relay does not know. */
import { FaultError } from "../../protocol/mod.ts";
import type { AskedShare, ClusterEffect } from "./book-effects.ts";
import type { KnownShare } from "./known-shares.ts";
import type { OwnerValues } from "./owner-values.ts";
import { strayed } from "./waiting-claims.ts";

export interface Inquired {
  /** The entry of the share; undefined: no relay stores it, as far as this relay knows. */
  readonly entry: KnownShare | undefined;
  /** The address of the relay that stores it; undefined: it is not known. */
  readonly address: string | undefined;
  /** Whether the directory answers, and this relay knows all of it. */
  readonly knowsAll: boolean;
  readonly values: OwnerValues;
}

export function answerTo(asked: AskedShare, inquired: Inquired): ClusterEffect {
  const { entry, address, knowsAll, values } = inquired;
  if (entry === undefined) {
    if (knowsAll) return { t: "unknown-share", ...asked };
    const fault = new FaultError("going-away", "the directory of its cluster does not answer");
    return { t: "unasked-share", ...asked, fault };
  }
  if (asked.isForwarded) return { t: "unasked-share", ...asked, fault: strayed() };
  if (address === undefined) {
    const fault = new FaultError("going-away", "the relay that stores the share is away");
    return { t: "unasked-share", ...asked, fault };
  }
  const { worker, socket, key, question } = asked;
  const { relay } = entry;
  const channel = values.channelOf(entry, key);
  return { t: "forward", worker, socket, key, channel, relay, address, question };
}
