import { describe, expect, test } from "bun:test";

import { nodePrimitives as primitives } from "../../../protocol/crypto/crypto-node.ts";
import { HEARTBEAT_MS, RELAY_GONE_MS } from "../../../relay/cluster/directory-kv.ts";
import { REMOVE_SPREAD_MS } from "../../../relay/cluster/known-relays.ts";
import { LINGER_MS } from "../../../relay/cluster/links.ts";
import { GUESSES_MOST, GUESS_MS, QUESTION_MS } from "../../../relay/cluster/open-questions.ts";
import { ClusterSecret, SECRET_LEAST_BYTES } from "../../../relay/cluster/proof.ts";
import { UPLINK_WAIT_MS } from "../../../relay/cluster/remote-shares.ts";
import { CLUSTER_VERSION } from "../../../relay/cluster/wire.ts";
import { UNLOAD_MS } from "../../../relay/store/askers.ts";
import { CHANNEL, ClusterPlay } from "../../support/relay/cluster-play.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

/** Of `random` 0.5. ms */
const GONE_MS = RELAY_GONE_MS + REMOVE_SPREAD_MS / 2;
const LINK = "link 1 of worker 0: 192 at other (other:1)";
const OTHER_CHANNEL = hexOf(0xd0);

/** A relay with a receiver at worker 0 of the channel in which `other` owns share 1. */
function linked(): ClusterPlay {
  const play = new ClusterPlay();
  play.connect({ 1: ["other", 5] });
  play.heard("other");
  play.book.asked(0, CHANNEL, play.now);
  expect(play.effects()).toEqual([LINK]);
  play.book.linked(1);
  return play;
}

/** As `linked`, and the link reads the share. */
function reading(): ClusterPlay {
  const play = linked();
  play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
  expect(play.effects()).toEqual(["1 for socket -1"]);
  return play;
}

describe("a channel that receivers ask for", () => {
  test("has one link to each owner, whether shares or receivers come first", () => {
    const play = linked();
    play.heard("third");
    play.told(2, "other", 6);
    play.told(3, "third", 7);
    play.told(4, "third", 8);
    expect(play.effects()).toEqual(["link 2 of worker 0: 192 at third (third:1)"]);
    play.book.asked(1, CHANNEL, play.now);
    expect(play.effects()).toEqual([]);
    expect(play.book.counts).toMatchObject({ links: 2, shares: 4, relays: 2 });
  });

  test("has a link as soon as the owner's address is known", () => {
    const play = new ClusterPlay();
    play.book.asked(0, CHANNEL, play.now);
    play.connect({ 1: ["other", 5] });
    expect(play.effects()).toEqual([]);
    play.heard("other");
    expect(play.effects()).toEqual([LINK]);
    play.heard("other");
    expect(play.effects()).toEqual([]);
  });

  test("has no link to a relay of another version", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.heard("other", CLUSTER_VERSION + 1);
    play.book.asked(0, CHANNEL, play.now);
    expect(play.effects()).toEqual([]);
  });

  test("has no link to this relay, and none for other channels", () => {
    const play = new ClusterPlay();
    play.connect();
    play.heard("other");
    play.own(1);
    play.told(2, "other", 20, OTHER_CHANNEL);
    play.book.asked(0, CHANNEL, play.now);
    expect(play.effects()).toEqual([]);
  });

  test("keeps its links a while after the last receiver", () => {
    const play = linked();
    play.book.asked(1, CHANNEL, play.now);
    play.book.unasked(0, CHANNEL, play.now);
    expect(play.later(UNLOAD_MS, "other")).toEqual([]);
    play.book.unasked(1, CHANNEL, play.now);
    expect(play.later(UNLOAD_MS - 1000, "other")).toEqual([]);
    expect(play.later(1000, "other")).toEqual(["unlink 1 of worker 0"]);
    expect(play.book.left).toMatchObject({ channels: 0, links: 0 });
  });

  test("in which there is nothing is forgotten with the last receiver", () => {
    const play = new ClusterPlay();
    play.connect();
    play.book.asked(0, CHANNEL, play.now);
    play.book.unasked(0, CHANNEL, play.now);
    expect(play.book.left["channels"]).toBe(0);
  });

  test("has the links of a worker that is lost at another worker", () => {
    const play = reading();
    play.book.asked(1, CHANNEL, play.now);
    play.book.workerLost(0, play.now);
    expect(play.effects()).toEqual(["1 dropped", "link 2 of worker 1: 192 at other (other:1)"]);
    play.book.workerLost(1, play.now);
    expect(play.effects()).toEqual([]);
    expect(play.book.counts.links).toBe(0);
    play.book.asked(0, CHANNEL, play.now);
    expect(play.effects()).toEqual(["link 3 of worker 0: 192 at other (other:1)"]);
  });
});

describe("a link", () => {
  test("goes to the new owner when a share moves", () => {
    const play = reading();
    play.heard("third");
    play.told(1, "third", 6);
    expect(play.effects()).toEqual([
      "unlink 1 of worker 0",
      "1 dropped",
      "link 2 of worker 0: 192 at third (third:1)",
    ]);
  });

  test("stays when another share of its owner does", () => {
    const play = reading();
    play.heard("third");
    play.told(2, "other", 6);
    play.told(1, "third", 7);
    expect(play.effects()).toEqual(["link 2 of worker 0: 192 at third (third:1)", "1 dropped"]);
  });

  test("that stands is kept a while when the entry has gone, for its owner may be cut off", () => {
    const play = reading();
    play.told(1, undefined, 6);
    expect(play.later(LINGER_MS - 1000, "other")).toEqual([]);
    play.told(1, "other", 7);
    expect(play.later(LINGER_MS, "other")).toEqual([]);
    play.told(1, undefined, 8);
    play.later(1000, "other");
    expect(play.later(LINGER_MS, "other")).toEqual(["unlink 1 of worker 0", "1 dropped"]);
  });

  test("that is broken ends when the entry has gone", () => {
    const play = reading();
    play.book.linkLost(1, play.now);
    expect(play.effects()).toEqual([]);
    play.told(1, undefined, 6);
    expect(play.effects()).toEqual(["unlink 1 of worker 0", "1 dropped"]);
  });

  test("that lingers ends when it breaks", () => {
    const play = reading();
    play.told(1, undefined, 6);
    expect(play.effects()).toEqual([]);
    play.book.linkLost(1, play.now);
    expect(play.effects()).toEqual(["unlink 1 of worker 0", "1 dropped"]);
  });

  test("stays while the directory does not answer", () => {
    const play = reading();
    play.disconnect();
    expect(play.later(2 * LINGER_MS)).toEqual([]);
    play.connect({ 1: ["other", 5] });
    expect(play.effects()).toEqual([]);
  });

  test("ends when a watch that began anew does not have its share, and another one took it", () => {
    const play = reading();
    play.heard("third");
    play.disconnect();
    play.connect({ 2: ["third", 9] });
    expect(play.effects()).toEqual(["link 2 of worker 0: 192 at third (third:1)"]);
    expect(play.later(LINGER_MS, "third")).toContain("unlink 1 of worker 0");
  });

  test("ends when this relay has the share, which its sender came to", () => {
    const play = reading();
    play.claim(1, { socket: 4 });
    expect(play.effects()).toEqual(["put 1 over 5"]);
    play.outcome(1, 6);
    expect(play.effects()).toEqual(["unlink 1 of worker 0", "1 dropped", "1 for socket 4"]);
    expect(play.book.left["remotes"]).toBe(0);
  });

  test("begins when this relay yields", () => {
    const play = new ClusterPlay();
    play.connect();
    play.heard("other");
    play.book.asked(0, CHANNEL, play.now);
    play.own(1);
    play.told(1, "other", 12);
    expect(play.effects()).toEqual([LINK, "1 yields"]);
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    expect(play.effects()).toEqual(["1 for socket -1"]);
  });
});

describe("a link's claim", () => {
  test("waits until the watch names its relay as the owner", () => {
    const play = linked();
    play.claim(2, { socket: -2, uplink: { link: 1, relay: "other" } });
    expect(play.effects()).toEqual([]);
    expect(play.book.counts.waitingClaims).toBe(1);
    play.told(2, "other", 6);
    expect(play.effects()).toEqual(["2 for socket -2"]);
    expect(play.book.counts.waitingClaims).toBe(0);
  });

  test("is refused when the watch does not name its relay", () => {
    const play = linked();
    play.claim(2, { socket: -2, uplink: { link: 1, relay: "other" } });
    expect(play.later(UPLINK_WAIT_MS - 1)).toEqual([]);
    expect(play.later(1000)).toEqual(["2 refused to socket -2: going-away"]);
  });

  test("is refused when the link is over, or is another relay's or channel's", () => {
    const play = linked();
    play.claim(1, { socket: -1, uplink: { link: 9, relay: "other" } });
    play.claim(1, { socket: -2, uplink: { link: 1, relay: "third" } });
    play.claim(1, { socket: -3, uplink: { link: 1, relay: "other" }, channel: OTHER_CHANNEL });
    expect(play.effects()).toEqual([
      "1 refused to socket -1: going-away",
      "1 refused to socket -2: going-away",
      "1 refused to socket -3: going-away",
    ]);
  });

  test("waits while a sender claims the share here, and ends with its link", () => {
    const play = linked();
    play.claim(1, { socket: 4 });
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    expect(play.effects()).toEqual(["put 1 over 5"]);
    play.outcome(1, 6);
    expect(play.effects()).toEqual(["unlink 1 of worker 0", "1 for socket 4"]);
    expect(play.book.counts.waitingClaims).toBe(0);
  });

  test("is heard once the sender's claim here is refused", () => {
    const play = linked();
    play.heard("third");
    play.told(2, "third", 6);
    play.effects();
    play.claim(1, { socket: 4 });
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    play.effects();
    play.told(1, "other", 7);
    expect(play.effects()).toEqual(["1 refused to socket 4: going-away", "1 for socket -1"]);
  });
});

describe("a look-up", () => {
  test("is answered at once when the directory has only a share of this relay", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.book.lookUp(0, 7, hexOf(1), play.now);
    expect(play.effects()).toEqual(["answer 7 to 0"]);
  });

  test("waits a moment for a share that may be new", () => {
    const play = new ClusterPlay();
    play.connect();
    play.book.lookUp(0, 7, hexOf(1), play.now);
    expect(play.later(GUESS_MS - 1)).toEqual([]);
    expect(play.later(1)).toEqual(["answer 7 to 0"]);
    expect(play.book.left["questions"]).toBe(0);
  });

  test("is answered when the watch tells of the share meanwhile, and a link has opened it", () => {
    const masked = (channel: string): string => (channel === CHANNEL ? "masked" : CHANNEL);
    const play = new ClusterPlay({ masked });
    play.connect();
    play.heard("other");
    play.book.lookUp(0, 7, hexOf(1), play.now);
    const share = { key: "~192.~1", revision: 5 };
    play.book.share({ ...share, value: { relay: "other", channel: masked(CHANNEL) } }, play.now);
    expect(play.effects()).toEqual([LINK]);
    expect(play.later(2 * GUESS_MS, "other")).toEqual([]);
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    expect(play.effects()).toEqual(["1 for socket -1", "answer 7 to 0"]);
  });

  test("is answered when a sender of this relay has the share meanwhile", () => {
    const play = new ClusterPlay();
    play.connect();
    play.book.lookUp(0, 7, hexOf(1), play.now);
    play.claim(1);
    play.effects();
    play.outcome(1, 11);
    expect(play.effects()).toEqual(["1 for socket 1", "answer 7 to 0"]);
  });

  test("P1 of a flood for shares that are none is answered at once, but for some", () => {
    const play = new ClusterPlay();
    play.connect();
    for (let at = 0; at <= GUESSES_MOST; at++) play.book.lookUp(0, at, hexOf(at), play.now);
    expect(play.effects()).toEqual([`answer ${GUESSES_MOST} to 0`]);
    expect(play.later(GUESS_MS)).toHaveLength(GUESSES_MOST);
  });

  test("waits for the watch at first", () => {
    const play = new ClusterPlay();
    play.book.lookUp(0, 7, hexOf(1), play.now);
    expect(play.later(2 * GUESS_MS)).toEqual([]);
    play.book.lookUp(0, 8, hexOf(1), play.now);
    play.connect();
    expect(play.effects()).toEqual([]);
    expect(play.later(GUESS_MS)).toEqual(["answer 7 to 0", "answer 8 to 0"]);
  });

  test("is answered when a link has opened the share", () => {
    const play = linked();
    play.book.lookUp(0, 7, hexOf(1), play.now);
    expect(play.effects()).toEqual([]);
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    expect(play.effects()).toEqual(["1 for socket -1", "answer 7 to 0"]);
    play.book.lookUp(1, 8, hexOf(1), play.now);
    expect(play.effects()).toEqual(["answer 8 to 1"]);
  });

  test("has a link made to a channel without receivers, which is in the entry", () => {
    const masked = (channel: string): string => (channel === CHANNEL ? "masked" : CHANNEL);
    const play = new ClusterPlay({ masked });
    play.connect();
    play.heard("other");
    const share = { key: "~192.~1", revision: 5 };
    play.book.share({ ...share, value: { relay: "other", channel: masked(CHANNEL) } }, play.now);
    expect(play.effects()).toEqual([]);
    play.book.lookUp(0, 7, hexOf(1), play.now);
    expect(play.effects()).toEqual([LINK]);
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    expect(play.effects()).toEqual(["1 for socket -1", "answer 7 to 0"]);
    play.book.linked(1);
    expect(play.later(UNLOAD_MS, "other")).toEqual(["unlink 1 of worker 0", "1 dropped"]);
  });

  test("of a channel that can't be read from the entry is answered at once", () => {
    const play = new ClusterPlay({ masked: () => OTHER_CHANNEL });
    play.connect({ 1: ["other", 5] });
    const value = { relay: "other", channel: OTHER_CHANNEL };
    play.book.share({ key: "~192.~2", value, revision: 6 }, play.now);
    play.book.lookUp(0, 7, hexOf(1), play.now);
    play.book.lookUp(0, 8, hexOf(2), play.now);
    expect(play.effects()).toEqual(["answer 7 to 0", "answer 8 to 0"]);
    expect(play.book.left["links"]).toBe(0);
  });

  test("is answered when the share has gone, could not be opened, or took too long", () => {
    const play = linked();
    play.onClaim = "refuse";
    play.book.lookUp(0, 7, hexOf(1), play.now);
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    expect(play.effects()).toEqual(["1 for socket -1", "answer 7 to 0"]);
    play.book.lookUp(0, 8, hexOf(1), play.now);
    play.told(1, undefined, 6);
    expect(play.effects()).toEqual(["answer 8 to 0"]);
    play.told(1, "other", 7);
    play.book.lookUp(0, 9, hexOf(1), play.now);
    play.book.lookUp(1, 10, hexOf(1), play.now);
    play.book.workerLost(1, play.now);
    expect(play.later(QUESTION_MS - 1)).toEqual([]);
    expect(play.later(1000)).toEqual(["answer 9 to 0"]);
    expect(play.book.left["questions"]).toBe(0);
  });
});

describe("relays", () => {
  test("say every 5 s that they are there, while the directory answers", () => {
    const play = new ClusterPlay();
    play.book.tick(play.now);
    expect(play.all()).toEqual([]);
    play.book.connected(true, play.now);
    expect(play.all()).toEqual(["heartbeat"]);
    play.book.tick(play.now + HEARTBEAT_MS - 1);
    expect(play.all()).toEqual([]);
    play.book.tick(play.now + HEARTBEAT_MS);
    expect(play.all()).toEqual(["heartbeat"]);
    play.book.relay({ key: "me", value: undefined, revision: 9 }, play.now + HEARTBEAT_MS);
    play.book.tick(play.now + HEARTBEAT_MS);
    expect(play.all()).toEqual(["heartbeat"]);
  });

  test("that fell silent are gone, and their entries are removed as they are known", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5], 2: ["third", 6] });
    play.heard("other");
    expect(play.later(GONE_MS - 1000, "third")).toEqual([]);
    expect(play.later(2000, "third")).toEqual(["remove relay other", "remove 1 at 5"]);
    expect(play.reports).toEqual(["relay-gone"]);
    play.outcome(1, 7);
    expect(play.later(1000, "third")).toEqual([]);
    expect(play.book.cluster().map(({ id }) => id)).toEqual(["third"]);
  });

  test("that come back and fall silent again are reported again", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.heard("other");
    play.later(GONE_MS + 1000, "third");
    play.heard("other");
    play.later(GONE_MS + 1000, "third");
    expect(play.reports).toEqual(["relay-gone", "relay-gone"]);
  });

  test("that are heard again keep their entries", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.later(GONE_MS - 1000);
    play.told(1, "other", 6);
    expect(play.later(GONE_MS - 1000)).toEqual([]);
  });

  test("are not gone while this relay itself hears nothing", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.later(10_000);
    play.disconnect();
    expect(play.later(2 * GONE_MS)).toEqual([]);
    play.connect({ 1: ["other", 5] });
    expect(play.later(GONE_MS - 1000)).toEqual([]);
    expect(play.later(2000)).toEqual(["remove relay other", "remove 1 at 5"]);
  });

  test("are not gone for a relay that stood still, which claims nothing before the watch begins anew", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.later(5000);
    expect(play.pause(2 * GONE_MS)).toEqual([]);
    expect(play.book.counts.isConnected).toBe(false);
    play.claim(2);
    expect(play.effects()).toEqual([]);
    play.disconnect();
    play.connect({ 1: ["other", 5] });
    expect(play.effects()).toEqual(["put 2 over 0"]);
  });

  test("that stood still trust a watch that did not begin anew for a while", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.later(5000);
    play.pause(2 * GONE_MS);
    expect(play.later(RELAY_GONE_MS - 1000)).toEqual([]);
    expect(play.book.counts.isConnected).toBe(false);
    expect(play.later(GONE_MS)).toEqual([]);
    expect(play.book.counts.isConnected).toBe(true);
    expect(play.later(2000)).toEqual(["remove relay other", "remove 1 at 5"]);
  });

  test("that come back after all keep a share that they claim before its entry is removed", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    expect(play.later(GONE_MS + 1000)).toContain("remove 1 at 5");
    play.told(1, "other", 8);
    play.outcome(1, "conflict");
    expect(play.later(GONE_MS - 1000)).toEqual([]);
    expect(play.book.left["slots"]).toBe(0);
  });

  test("are listed with their address, version and shares", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5], 2: ["third", 6] });
    play.heard("other");
    play.later(2000);
    const version = CLUSTER_VERSION;
    const site = undefined;
    expect(play.book.cluster()).toEqual([
      { id: "other", address: "other:1", version, site, shares: 1, seenMsAgo: 2000 },
      { id: "third", address: undefined, version: undefined, site, shares: 1, seenMsAgo: 2000 },
    ]);
    play.book.relay({ key: "other", value: undefined, revision: 9 }, play.now);
    expect(play.book.cluster()[0]).toMatchObject({ address: undefined, shares: 1 });
  });
});

test("the channel in an entry is read with the secret of the cluster and the share alone", () => {
  const secret = new ClusterSecret(new Uint8Array(SECRET_LEAST_BYTES).fill(1), primitives);
  const other = new ClusterSecret(new Uint8Array(SECRET_LEAST_BYTES).fill(2), primitives);
  const masked = secret.masked(CHANNEL, hexOf(1));
  expect(masked).toMatch(/^[0-9a-f]{32}$/);
  expect(masked).not.toBe(CHANNEL);
  expect(secret.masked(masked, hexOf(1))).toBe(CHANNEL);
  expect(secret.masked(masked, hexOf(2))).not.toBe(CHANNEL);
  expect(other.masked(masked, hexOf(1))).not.toBe(CHANNEL);
});
