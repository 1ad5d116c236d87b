import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import { nextHop, prefixesOf, type Journey } from "../../../relay/cluster/routes.ts";

/** A region with two sites, and one that has none; `r1` and `r2` are the gateways that `CHANNEL` has. */
const SITES: Readonly<Record<string, string>> = {
  a1: "eu/a",
  a2: "eu/a",
  b1: "eu/b",
  b2: "eu/b",
  us: "us",
};
const CHANNEL = "c0ffee";

function relaysOf(sites: Readonly<Record<string, string | undefined>>) {
  return (prefix: string): string[] =>
    Object.keys(sites).filter((id) => prefixesOf(sites[id]).includes(prefix));
}

function hop(me: string, more: Partial<Journey> = {}) {
  const { level, relay } = nextHop({
    me,
    owner: "us",
    channel: CHANNEL,
    site: SITES[me],
    ownerSite: SITES[more.owner ?? "us"],
    askedAt: undefined,
    relaysOf: relaysOf(SITES),
    ...more,
  });
  return `${relay} at ${level}`;
}

/** All relays on the way to the owner, as each of them sees it. */
function way(from: string, channel: string, sites = SITES, owner = "us"): string[] {
  const relays = [from];
  for (let askedAt: number | undefined; relays.at(-1) !== owner;) {
    const me = relays.at(-1)!;
    const site = sites[me];
    const given = { me, owner, channel, site, ownerSite: sites[owner], askedAt };
    const next = nextHop({ ...given, relaysOf: relaysOf(sites) });
    relays.push(next.relay);
    askedAt = next.level;
  }
  return relays;
}

test("a site is in each of its prefixes", () => {
  expect(prefixesOf("eu/lab-3/rack")).toEqual(["eu", "eu/lab-3", "eu/lab-3/rack"]);
  expect(prefixesOf(undefined)).toEqual([]);
});

describe("the way to an owner", () => {
  test("is straight for a relay without a site, and for one at the owner's site", () => {
    expect(hop("a1", { site: undefined })).toBe("us at 0");
    expect(hop("a1", { owner: "a2" })).toBe("a2 at 0");
    expect(hop("a1", { owner: "x", ownerSite: "eu/a/rack" })).toBe("x at 0");
  });

  test("has the gateways of the site and of the region, of which one relay may be both", () => {
    for (let number = 0; number < 50; number++) {
      const channel = `channel ${number}`;
      const ways = ["a1", "a2", "b1", "b2"].map((from) => way(from, channel));
      // One relay reads over the ocean, and one over the line between the sites.
      const over = (isSo: (one: string, other: string) => boolean) =>
        new Set(
          ways.flatMap((each) =>
            each.slice(1).flatMap((to, at) => (isSo(each[at]!, to) ? `${each[at]} ${to}` : [])),
          ),
        ).size;
      expect(over((_, to) => to === "us")).toBe(1);
      expect(over((one, to) => to !== "us" && SITES[one] !== SITES[to])).toBe(1);
      for (const each of ways) expect(each.length).toBeLessThanOrEqual(4);
    }
  });

  test("has the gateways of those prefixes alone that the owner does not share", () => {
    for (const channel of ["1", "2", "3", "4"]) {
      const relays = ["a1", "a2"].map((from) => way(from, channel, SITES, "b1"));
      expect(relays.filter((each) => each.length === 2)).toHaveLength(1);
      expect(relays.filter((each) => each.length === 3)).toHaveLength(1);
    }
  });

  test("goes by lower levels alone for edges that ask, whatever this relay sees", () => {
    for (let number = 0; number < 20; number++) {
      const channel = `channel ${number}`;
      for (const me of ["a1", "a2", "b1", "b2"]) {
        const natural = nextHopOf(me, channel, undefined);
        for (const askedAt of [1, 2, 3, 4]) {
          const asked = nextHopOf(me, channel, askedAt);
          expect(asked.level).toBeLessThan(askedAt);
          if (natural.level < askedAt) expect(asked).toEqual(natural);
        }
      }
    }
  });

  test("moves for few channels when a relay comes", () => {
    const before = { ...SITES };
    const after = { ...SITES, a3: "eu/a" };
    const channels = Array.from({ length: 1000 }, (_, number) => `channel ${number}`);
    const gatewayOf = (channel: string, sites: typeof SITES) => way("a1", channel, sites).at(-2);
    const moved = channels.filter((each) => gatewayOf(each, before) !== gatewayOf(each, after));
    for (const each of moved) expect(gatewayOf(each, after)).toBe("a3");
    expect(moved.length).toBeGreaterThan(100);
    expect(moved.length).toBeLessThan(350);
  });

  test("gives each relay its part of the channels", () => {
    const sites = Object.fromEntries(
      Array.from({ length: 10 }, (_, number) => [`relay${number}`, "eu"]),
    );
    const counts = new Map<string, number>();
    for (let number = 0; number < 5000; number++) {
      const relay = way("relay0", `channel ${number}`, { ...sites, us: "us" }).at(-2)!;
      counts.set(relay, (counts.get(relay) ?? 0) + 1);
    }
    expect(counts.size).toBe(10);
    for (const count of counts.values()) {
      expect(count).toBeGreaterThan(350);
      expect(count).toBeLessThan(650);
    }
  });
});

function nextHopOf(me: string, channel: string, askedAt: number | undefined) {
  const given = { me, owner: "us", channel, site: SITES[me], ownerSite: "us", askedAt };
  return nextHop({ ...given, relaysOf: relaysOf(SITES) });
}

/** Up to 12 relays, their sites, and which of the others each of them sees. */
const clusters = fc
  .array(
    fc.array(fc.constantFrom("a", "b"), { maxLength: 4 }).map((segments) => segments.join("/")),
    { minLength: 2, maxLength: 12 },
  )
  .chain((sites) =>
    fc.record({
      sites: fc.constant(sites.map((site, at) => ({ id: `r${at}`, site: site || undefined }))),
      seen: fc.array(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), {
        minLength: 12,
        maxLength: 12,
      }),
      channel: fc.string(),
    }),
  );

test("no way is a ring, though each relay sees other relays alive", () => {
  fc.assert(
    fc.property(clusters, ({ sites, seen, channel }) => {
      const owner = sites[0]!;
      // Each relay has one link for the owner, at the least level that its edges ask for; they may ask at any time.
      const askedAt = new Map<string, number>();
      const hops = new Map<string, { relay: string; level: number }>();
      const look = (me: number) => {
        const { id, site } = sites[me]!;
        const ids = sites.filter((_, at) => seen[me]![at]);
        const relays = Object.fromEntries(ids.map((each) => [each.id, each.site]));
        return nextHop({
          me: id,
          owner: owner.id,
          channel,
          site,
          ownerSite: owner.site,
          askedAt: askedAt.get(id),
          relaysOf: relaysOf(relays),
        });
      };
      let hasChanged = true;
      // Levels go down alone, so this ends.
      for (let round = 0; hasChanged; round++) {
        expect(round).toBeLessThan(60);
        hasChanged = false;
        for (let me = 1; me < sites.length; me++) {
          const hop = look(me);
          hops.set(sites[me]!.id, hop);
          const before = askedAt.get(hop.relay);
          if (hop.level === 0 || (before !== undefined && before <= hop.level)) continue;
          askedAt.set(hop.relay, hop.level);
          hasChanged = true;
        }
      }
      for (const { id } of sites.slice(1)) {
        let at = id;
        for (let step = 0; at !== owner.id; step++) {
          expect(step).toBeLessThanOrEqual(4);
          const hop = hops.get(at)!;
          const next = hops.get(hop.relay);
          if (next !== undefined) expect(next.level).toBeLessThan(hop.level);
          at = hop.relay;
        }
      }
    }),
    { numRuns: 500 },
  );
});
