/** Relays that are gone: this one removes their entries, or takes their shares over. */
import type { Report, Say } from "./book-effects.ts";
import type { OwnerValue } from "./directory-kv.ts";
import type { KnownRelays } from "./known-relays.ts";
import type { KnownShare, KnownShares } from "./known-shares.ts";

/** Relays with the same bucket have so long to take over what a relay that is gone kept there. ms */
export const ABANDONED_MS = 10 * 60_000;

export interface GoneRelaysHost {
  readonly known: KnownShares;
  readonly relays: KnownRelays;
  /** See `KeptSharesHost`. */
  readonly heritageOf: (entry: KnownShare) => OwnerValue | undefined;
  /** See `KeptShares.evict`. */
  readonly evict: (entry: KnownShare) => void;
  readonly report: Report;
  readonly say: Say;
}

/** Of relays whose time is over. */
export function removeGone(host: GoneRelaysHost, now: number): void {
  const { known, relays, heritageOf, evict, report, say } = host;
  const sharesOf = (id: string): number => known.countOf(id);
  for (const { id, isFirst, hasLeft, silentMs } of relays.gone(now, sharesOf)) {
    // The farewell of one that has left goes by itself: relays that start now shall see it.
    if (isFirst && !hasLeft) {
      report({ level: "warn", event: "relay-gone", fields: { relay: id, shares: sharesOf(id) } });
      say({ t: "remove-relay", id });
    }
    for (const entry of known.ofRelay(id)) {
      const isOthers = entry.place !== undefined && entry.stored === "s3";
      // Relays with that bucket may come, and would find the share anyway when they start.
      const waits = isOthers && heritageOf(entry) === undefined && silentMs < ABANDONED_MS;
      if (!waits) evict(entry);
    }
  }
}
