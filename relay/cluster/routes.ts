/**
 * The way from a relay to the owner of a share. A relay may have a site, such as `eu/lab-3`: a region, and a place in it.
 * Each prefix of the site that the owner's site does not share is a level, and has one gateway for each channel. An edge
 * reads by the gateway of its longest level, that one by the gateway of the next shorter one, and the last by the owner:
 *
 *   edge at eu/a --2--> gateway of eu/a --1--> gateway of eu --0--> owner at us
 *
 * So a share comes once into a region, and once into each site. Relays may see different relays alive. A gateway that an
 * edge asks at a level therefore reads by lower levels alone, whatever it sees: levels go down along each way, so no
 * way is a ring. Pure functions.
 */

/** The relay at the other end of a link. Level 0: the owner; else a gateway, and the level is the length of its prefix. */
export interface Hop {
  readonly relay: string;
  readonly level: number;
}

export interface Journey {
  readonly me: string;
  readonly owner: string;
  /** Blinded, so that a sender can't choose its gateways. */
  readonly channel: string;
  readonly site: string | undefined;
  readonly ownerSite: string | undefined;
  /** The least level at which edges ask this relay. */
  readonly askedAt: number | undefined;
  /** Relays with a site of this prefix that answer; this relay need not be among them. */
  readonly relaysOf: (prefix: string) => Iterable<string>;
}

export function nextHop(journey: Journey): Hop {
  const { me, owner, channel, site, ownerSite, askedAt = Infinity, relaysOf } = journey;
  const prefixes = prefixesOf(site);
  const shared = new Set(prefixesOf(ownerSite));
  let hop: Hop = { relay: owner, level: 0 };
  for (const [at, prefix] of prefixes.entries()) {
    const level = at + 1;
    if (shared.has(prefix)) continue;
    // This relay is the gateway of that level, and goes on from there.
    if (level >= askedAt) break;
    const relay = highest([me, ...relaysOf(prefix)], channel);
    if (relay === me) break;
    hop = { relay, level };
  }
  return hop;
}

/** The prefixes of a site: `eu/lab-3` has `eu` and `eu/lab-3`. */
export function prefixesOf(site: string | undefined): string[] {
  const segments = site?.split("/") ?? [];
  return segments.map((_, at) => segments.slice(0, at + 1).join("/"));
}

/** The gateway by rendezvous hashing: a relay that comes or goes changes the gateway of its own channels alone. */
function highest(relays: readonly string[], channel: string): string {
  let best = { relay: "", weight: -1 };
  for (const relay of relays) {
    const weight = weightOf(`${channel} ${relay}`);
    const isMore = weight > best.weight || (weight === best.weight && relay > best.relay);
    if (isMore) best = { relay, weight };
  }
  return best.relay;
}

/** FNV-1a and the last step of MurmurHash3, so names that differ in their last letter alone get weights far apart. */
function weightOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
