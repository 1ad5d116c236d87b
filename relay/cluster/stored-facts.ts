/** The facts of a stored share in the messages between relays. */
import { fromHex, toHex } from "../../protocol/mod.ts";
import type { StoredFacts } from "../store/stored-share.ts";
import type { ClusterShare } from "./wire.ts";

type WireFacts = NonNullable<ClusterShare["stored"]>;

export function toWireFacts({
  until,
  isWhole,
  records,
  downloadsLeft: downloads,
  begun: ids,
}: StoredFacts): WireFacts {
  const begun = ids.flatMap((id) => fromHex(id) ?? []);
  return {
    until,
    isWhole,
    ...(records !== undefined && { records }),
    ...(downloads !== undefined && { downloads }),
    ...(begun.length > 0 && { begun }),
  };
}

export function fromWireFacts(facts: WireFacts | undefined): StoredFacts | undefined {
  if (facts === undefined) return undefined;
  const { until, isWhole, records, downloads: downloadsLeft, begun = [] } = facts;
  return { until, isWhole, records, downloadsLeft, begun: begun.map(toHex) };
}

/** Whether two facts are the same to receivers. */
export function isSameFacts(one: WireFacts | undefined, other: WireFacts | undefined): boolean {
  return JSON.stringify(fromWireFacts(one)) === JSON.stringify(fromWireFacts(other));
}
