/** Links that go by gateways, and the part of a relay in the ways of others. */
import { describe, expect, test } from "bun:test";

import { ASK_LINGER_MS, Chain, GATEWAY_REST_MS } from "../../../relay/cluster/chain.ts";
import { RELAY_GONE_MS } from "../../../relay/cluster/directory-kv.ts";
import { GATEWAY_SERVES_MS } from "../../../relay/cluster/links.ts";
import { UNLOAD_MS } from "../../../relay/store/askers.ts";
import { nextHop } from "../../../relay/cluster/routes.ts";
import { CHANNEL, ClusterPlay } from "../../support/relay/cluster-play.ts";

/** The gateway of Europe among these, for the channel of the tests. */
function gatewayOf(...relays: string[]): string {
  const given = { me: relays[0]!, owner: "owner", channel: "~192", site: "eu", ownerSite: "us" };
  const hop = nextHop({ ...given, askedAt: undefined, relaysOf: () => relays });
  return hop.level === 0 ? relays[0]! : hop.relay;
}

/** Relays that come before `me` as gateways, the best one first. */
const BETTER = Array.from({ length: 20 }, (_, number) => `relay${number}`).filter((relay) => {
  return gatewayOf("me", relay) === relay;
});
const FIRST = gatewayOf(...BETTER.slice(0, 2));
const SECOND = BETTER.slice(0, 2).find((relay) => relay !== FIRST)!;
const ALIVE = { [FIRST]: "eu/a", [SECOND]: "eu/b", owner: "us" };

/** A relay in Europe with a receiver of a share in America. */
function linked(site = "eu/c"): ClusterPlay {
  const play = new ClusterPlay({ site });
  play.connect({ 1: ["owner", 5] });
  for (const [id, at] of Object.entries(ALIVE)) play.heard(id, undefined, { site: at });
  play.book.asked(0, CHANNEL, play.now);
  return play;
}

const viaGateway = (link: number, gateway: string, level = 1): string =>
  `link ${link} of worker 0: 192 at owner on level ${level} (${gateway}:1)`;

describe("a link goes", () => {
  test("to the gateway of the region, and to the owner without a site", () => {
    expect(linked().effects()).toEqual([viaGateway(1, FIRST)]);
    const alone = new ClusterPlay();
    alone.connect({ 1: ["owner", 5] });
    for (const [id, at] of Object.entries(ALIVE)) alone.heard(id, undefined, { site: at });
    alone.book.asked(0, CHANNEL, alone.now);
    expect(alone.effects()).toEqual(["link 1 of worker 0: 192 at owner (owner:1)"]);
  });

  test("to another gateway when a better one comes, and to the next when it goes", () => {
    const play = new ClusterPlay({ site: "eu/c" });
    play.connect({ 1: ["owner", 5] });
    play.heard("owner", undefined, { site: "us" });
    play.heard(SECOND, undefined, { site: "eu" });
    play.book.asked(0, CHANNEL, play.now);
    expect(play.effects()).toEqual([viaGateway(1, SECOND)]);
    play.heard(FIRST, undefined, { site: "eu" });
    expect(play.effects()).toEqual(["unlink 1 of worker 0", viaGateway(2, FIRST)]);
    play.book.relay({ key: FIRST, value: undefined, revision: 9 }, play.now);
    expect(play.effects()).toEqual(["unlink 2 of worker 0", viaGateway(3, SECOND)]);
  });

  test("to the next gateway when the heartbeats of one do not come any more", () => {
    const play = linked();
    play.effects();
    play.book.linked(1);
    const others = { [SECOND]: "eu/b", owner: "us" };
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "owner", level: 1 } });
    play.effects();
    expect(play.later(RELAY_GONE_MS - 1000, others)).toEqual([]);
    expect(play.later(1000, others)).toEqual([
      "unlink 1 of worker 0",
      "1 dropped",
      viaGateway(2, SECOND),
    ]);
  });
});

test("ways stay as they are while the directory does not answer", () => {
  const play = linked();
  play.effects();
  play.book.linked(1);
  play.claim(1, { socket: -1, uplink: { link: 1, relay: "owner", level: 1 } });
  play.effects();
  play.disconnect();
  expect(play.later(3 * RELAY_GONE_MS)).toEqual([]);
  play.book.connected(true, play.now);
  play.heard(SECOND, undefined, { site: "eu/b" });
  expect(play.effects()).toEqual([]);
});

test("a gateway that was taken for gone while this relay stood still is used when it is heard again", () => {
  const play = linked();
  play.effects();
  play.now += RELAY_GONE_MS;
  play.book.tick(play.now);
  play.heard("next", undefined, { site: "us" });
  play.book.relay({ key: FIRST, value: undefined, revision: 9 }, play.now);
  play.told(1, undefined, 6);
  play.told(1, "next", 7);
  expect(play.effects()).toEqual(["unlink 1 of worker 0"]);
  play.heard(FIRST, undefined, { site: "eu/a" });
  expect(play.effects()).toEqual([`link 2 of worker 0: 192 at next on level 1 (${FIRST}:1)`]);
});

describe("a gateway", () => {
  test("to which a link breaks twice is passed over for a minute", () => {
    const play = linked();
    play.effects();
    play.book.linked(1);
    play.book.linkLost(1, play.now);
    expect(play.effects()).toEqual([]);
    play.book.linkLost(1, play.now);
    expect(play.effects()).toEqual(["unlink 1 of worker 0", viaGateway(2, SECOND)]);
    play.book.linked(2);
    play.claim(1, { socket: -1, uplink: { link: 2, relay: "owner" } });
    play.effects();
    expect(play.later(GATEWAY_REST_MS.first - 1000, ALIVE)).toEqual([]);
    expect(play.later(1000, ALIVE)).toEqual([
      "unlink 2 of worker 0",
      "1 dropped",
      viaGateway(3, FIRST),
    ]);
  });

  test("to which a link breaks stays the way when the next try succeeds, however often", () => {
    const play = linked();
    play.effects();
    for (let time = 0; time < 3; time++) {
      play.book.linked(1);
      play.book.linkLost(1, play.now);
      expect(play.effects()).toEqual([]);
    }
  });

  test("by which no share comes is passed over", () => {
    const play = linked();
    play.effects();
    play.book.linked(1);
    expect(play.later(GATEWAY_SERVES_MS - 1000, ALIVE)).toEqual([]);
    expect(play.later(1000, ALIVE)).toEqual(["unlink 1 of worker 0", viaGateway(2, SECOND)]);
    play.book.linked(2);
    expect(play.later(GATEWAY_SERVES_MS, ALIVE)).toEqual([
      "unlink 2 of worker 0",
      "link 3 of worker 0: 192 at owner (owner:1)",
    ]);
  });

  test("by which the share comes stays, and so does an owner who gives nothing", () => {
    const play = linked();
    play.effects();
    play.book.linked(1);
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "owner", level: 1 } });
    play.effects();
    expect(play.later(10 * GATEWAY_SERVES_MS, ALIVE)).toEqual([]);
    const straight = linked("us");
    straight.effects();
    straight.book.linked(1);
    expect(straight.later(10 * GATEWAY_SERVES_MS, ALIVE)).toEqual([]);
  });

  test("that fails again is passed over twice as long each time, up to a limit", () => {
    const chain = new Chain();
    let now = 0;
    const rests: number[] = [];
    for (let times = 0; times < 7; times++) {
      chain.failed("g", now);
      const since = now;
      while (chain.rests("g")) chain.tick((now += 1000));
      rests.push((now - since) / 1000);
    }
    expect(rests).toEqual([60, 120, 240, 480, 960, 960, 960]);
    for (const until = now + GATEWAY_REST_MS.most; now < until;) chain.tick((now += 1000));
    expect(chain.isEmpty).toBe(true);
  });
});

test("a gateway that drains is passed over, and links that stand go to the next one", () => {
  const play = linked();
  play.effects();
  play.book.linked(1);
  play.heard(FIRST, undefined, { site: ALIVE[FIRST]!, drains: true });
  expect(play.effects()).toEqual(["unlink 1 of worker 0", viaGateway(2, SECOND)]);
});

describe("a relay that edges read through", () => {
  function asked(level: number): ClusterPlay {
    const play = new ClusterPlay({ site: "eu/a" });
    play.connect({ 1: ["owner", 5] });
    for (const [id, at] of Object.entries(ALIVE)) play.heard(id, undefined, { site: at });
    play.book.through({ worker: 2, channel: CHANNEL, owner: "owner", level }, play.now);
    return play;
  }

  test("links on for them, by lower levels than theirs", () => {
    expect(asked(1).effects()).toEqual(["link 1 of worker 2: 192 at owner (owner:1)"]);
    expect(asked(2).effects()).toEqual([
      `link 1 of worker 2: 192 at owner on level 1 (${FIRST}:1)`,
    ]);
  });

  test("has no links to owners that no edge asks for", () => {
    const play = asked(1);
    play.effects();
    play.heard("third", undefined, { site: "us" });
    play.told(2, "third", 6);
    expect(play.effects()).toEqual([]);
  });

  test("changes its own link when an edge asks at a lower level", () => {
    const play = linked();
    play.effects();
    play.book.through({ worker: 0, channel: CHANNEL, owner: "owner", level: 2 }, play.now);
    expect(play.effects()).toEqual([]);
    play.book.through({ worker: 1, channel: CHANNEL, owner: "owner", level: 1 }, play.now);
    expect(play.effects()).toEqual([
      "unlink 1 of worker 0",
      "link 2 of worker 0: 192 at owner (owner:1)",
    ]);
    play.book.through({ worker: 1, channel: CHANNEL, owner: "owner", level: undefined }, play.now);
    play.book.linked(2);
    expect(play.later(ASK_LINGER_MS - 1000, ALIVE)).toEqual([]);
    expect(play.later(1000, ALIVE)).toEqual(["unlink 2 of worker 0", viaGateway(3, FIRST)]);
  });

  test("keeps its link as long as they ask, and a little longer", () => {
    const play = asked(1);
    play.effects();
    play.book.linked(1);
    play.book.workerLost(7, play.now);
    expect(play.later(2 * UNLOAD_MS, ALIVE)).toEqual([]);
    play.book.through({ worker: 2, channel: CHANNEL, owner: "owner", level: undefined }, play.now);
    expect(play.later(ASK_LINGER_MS - 1000, ALIVE)).toEqual([]);
    expect(play.later(1000, ALIVE)).toEqual(["unlink 1 of worker 2"]);
    expect(play.book.left).toMatchObject({ channels: 0, links: 0 });
  });

  test("keeps it without receivers of its own when those have left, and the other way round", () => {
    const play = asked(1);
    play.effects();
    play.book.asked(0, CHANNEL, play.now);
    play.book.unasked(0, CHANNEL, play.now);
    expect(play.later(2 * UNLOAD_MS, ALIVE)).toEqual([]);
    play.book.asked(0, CHANNEL, play.now);
    play.book.through({ worker: 2, channel: CHANNEL, owner: "owner", level: undefined }, play.now);
    const said = play.later(2 * UNLOAD_MS, ALIVE);
    expect(said.filter((each) => each.startsWith("unlink"))).toHaveLength(1);
    expect(play.book.counts.links).toBe(1);
    play.book.unasked(0, CHANNEL, play.now);
    expect(play.later(UNLOAD_MS, ALIVE)).toHaveLength(1);
    expect(play.book.left).toMatchObject({ channels: 0, links: 0 });
  });

  test("has the link at another worker when its worker is lost, once edges ask there", () => {
    const play = asked(1);
    play.effects();
    play.book.workerLost(2, play.now);
    expect(play.effects()).toEqual([]);
    play.book.through({ worker: 0, channel: CHANNEL, owner: "owner", level: 1 }, play.now);
    expect(play.effects()).toEqual(["link 2 of worker 0: 192 at owner (owner:1)"]);
  });

  test("forgets an owner that was never asked for", () => {
    const play = new ClusterPlay();
    play.connect();
    play.book.through({ worker: 0, channel: CHANNEL, owner: "owner", level: undefined }, play.now);
    expect(play.book.left["channels"]).toBe(0);
    play.book.through({ worker: 0, channel: CHANNEL, owner: "owner", level: 1 }, play.now);
    play.book.through({ worker: 0, channel: CHANNEL, owner: "owner", level: undefined }, play.now);
    play.later(ASK_LINGER_MS);
    expect(play.book.left["channels"]).toBe(0);
  });
});
