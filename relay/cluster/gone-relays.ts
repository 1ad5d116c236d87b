/** Entries of gone relays: this relay removes them, or takes their shares over. */
import type { Report, Say } from "./book-effects.ts";
import type { OwnerValue } from "./directory-kv.ts";
import type { KnownRelays } from "./known-relays.ts";
import type { KnownShare, KnownShares } from "./known-shares.ts";

/** Relays with the same bucket have so long to take over the shares that a gone relay kept there. ms */
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

/** Removes the entries of relays whose time is over, unless relays with their bucket may still take them over. */
export function removeGone(host: GoneRelaysHost, now: number): void {
  const { known, relays, heritageOf, evict, report, say } = host;
  const sharesOf = (id: string): number => known.countOf(id);
  for (const { id, isFirst, hasLeft, silentMs } of relays.gone(now, sharesOf)) {
    // The directory forgets the farewell of a relay that has left: until then relays that start see it.
    if (isFirst && !hasLeft) {
      report({ level: "warn", event: "relay-gone", fields: { relay: id, shares: sharesOf(id) } });
      say({ t: "remove-relay", id });
    }
    for (const entry of known.ofRelay(id)) {
      const isOthers = entry.place !== undefined && entry.stored === "s3";
      // Relays with that bucket may still come. Later ones find the share when they start.
      const waits = isOthers && heritageOf(entry) === undefined && silentMs < ABANDONED_MS;
      if (!waits) evict(entry);
    }
  }
}
