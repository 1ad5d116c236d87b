import { describe, expect, test } from "bun:test";

import { RELAY_GONE_MS, type RelayValue } from "../../../relay/cluster/directory-kv.ts";
import {
  AGAIN_MS,
  CHANGES_MOST,
  CHANGE_MS,
  TOLD_MS,
} from "../../../relay/cluster/share-changes.ts";
import {
  CLAIMS_WAITING_MOST,
  CLAIM_WAIT_MS,
  OPEN_MS,
} from "../../../relay/cluster/waiting-claims.ts";
import { CLUSTER_VERSION } from "../../../relay/cluster/wire.ts";
import { claimOf } from "../../support/relay/book-play.ts";
import { ClusterPlay, nameOf } from "../../support/relay/cluster-play.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

describe("a sender's claim", () => {
  test("opens the share when the directory has this relay as its owner, and not before", () => {
    const play = new ClusterPlay();
    play.connect();
    play.claim(1);
    expect(play.effects()).toEqual(["put 1 over 0"]);
    expect(play.book.counts).toMatchObject({ waitingClaims: 1, owned: 0 });
    play.outcome(1, 11);
    expect(play.effects()).toEqual(["1 for socket 1"]);
    expect(play.book.counts).toMatchObject({ waitingClaims: 0, owned: 1, shares: 1 });
  });

  test("waits for the watch to tell all", () => {
    const play = new ClusterPlay();
    play.claim(1);
    expect(play.effects()).toEqual([]);
    play.book.connected(true, play.now);
    expect(play.effects()).toEqual([]);
    play.book.synced(new Set(), play.now);
    expect(play.effects()).toEqual(["put 1 over 0"]);
  });

  test("takes the share from the relay that had it when the claim came", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.claim(1);
    expect(play.effects()).toEqual(["put 1 over 5"]);
    play.outcome(1, 6);
    expect(play.effects()).toEqual(["1 for socket 1"]);
  });

  test("may come again when another relay got the share after it came", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.claim(1);
    play.effects();
    play.outcome(1, "conflict");
    expect(play.effects()).toEqual([]);
    play.told(1, "third", 6);
    expect(play.effects()).toEqual(["1 refused to socket 1: going-away"]);
    play.claim(1, { socket: 2 });
    expect(play.effects()).toEqual(["put 1 over 6"]);
  });

  test("that waited for the directory does not take the share from a later one elsewhere", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.disconnect();
    play.claim(1);
    play.connect({ 1: ["third", 7] });
    expect(play.effects()).toEqual(["1 refused to socket 1: going-away"]);
  });

  test("of a sender that said hello before the relay heard of another owner takes nothing from that", () => {
    const play = new ClusterPlay();
    play.connect();
    play.told(1, "other", 5);
    play.now += 100;
    // As after the relay stood still: the offer lay there.
    play.claim(1, { ageMs: 101 });
    expect(play.effects()).toEqual(["1 refused to socket 1: going-away"]);
    play.claim(1, { socket: 2, ageMs: 99 });
    expect(play.effects()).toEqual(["put 1 over 5"]);
  });

  test("goes on where the entry has gone since", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.claim(1);
    play.effects();
    play.outcome(1, "conflict");
    play.told(1, undefined, 6);
    expect(play.effects()).toEqual(["put 1 over 0"]);
  });

  test("is put again after an unknown outcome, and waits for no more than 30 s", () => {
    const play = new ClusterPlay();
    play.connect();
    play.claim(1);
    play.effects();
    for (let waited = 0; waited + AGAIN_MS < CLAIM_WAIT_MS; waited += AGAIN_MS) {
      play.outcome(1, "unknown");
      expect(play.effects()).toEqual([]);
      expect(play.later(AGAIN_MS)).toEqual(["put 1 over 0"]);
    }
    play.outcome(1, "unknown");
    expect(play.later(AGAIN_MS)).toEqual(["1 refused to socket 1: going-away"]);
    play.later(AGAIN_MS);
    expect(play.book.left).toMatchObject({ slots: 0, waiting: 0 });
  });

  test("whose change was unknown and happened is put once more over it", () => {
    const play = new ClusterPlay();
    play.connect();
    play.claim(1);
    play.effects();
    play.outcome(1, "unknown");
    play.told(1, "me", 3);
    expect(play.effects()).toEqual(["put 1 over 3"]);
    play.outcome(1, 4);
    expect(play.effects()).toEqual(["1 for socket 1"]);
  });

  test("without any answer is tried again after a while", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.ended(1);
    expect(play.effects()).toEqual(["remove 1 at 11"]);
    expect(play.later(CHANGE_MS - 1)).toEqual([]);
    expect(play.later(2 * AGAIN_MS)).toEqual(["remove 1 at 11"]);
  });

  test("opens the share whether the watch or the outcome comes first", () => {
    for (const watchIsFirst of [true, false]) {
      const play = new ClusterPlay();
      play.connect({ 1: ["other", 5] });
      play.claim(1);
      play.effects();
      if (watchIsFirst) play.told(1, "me", 6);
      expect(play.effects()).toEqual([]);
      play.outcome(1, 6);
      expect(play.effects()).toEqual(["1 for socket 1"]);
      if (!watchIsFirst) play.told(1, "me", 6);
      play.told(1, "me", 6);
      expect(play.later(5000)).toEqual([]);
    }
  });

  test("is overtaken when another relay has the share before the outcome is known", () => {
    const play = new ClusterPlay();
    play.connect();
    play.claim(1);
    play.effects();
    play.told(1, "me", 1);
    play.told(1, "other", 2);
    expect(play.effects()).toEqual(["1 refused to socket 1: going-away"]);
    play.outcome(1, 1);
    expect(play.effects()).toEqual([]);
  });

  test("comes after those before it, each with a change of its own", () => {
    const play = new ClusterPlay();
    play.connect();
    play.claim(1, { socket: 1 });
    expect(play.effects()).toEqual(["put 1 over 0"]);
    play.claim(1, { socket: 2 });
    play.outcome(1, 5);
    expect(play.effects()).toEqual(["1 for socket 1", "put 1 over 5"]);
    play.outcome(1, 6);
    expect(play.effects()).toEqual(["1 for socket 2"]);
  });

  test("needs no answer when its worker is lost", () => {
    const play = new ClusterPlay();
    play.connect();
    play.claim(1, { worker: 1 });
    play.effects();
    play.book.workerLost(1, play.now);
    play.outcome(1, 5);
    expect(play.effects()).toEqual(["remove 1 at 5"]);
    expect(play.book.counts.waitingClaims).toBe(0);
  });

  test("that the relay's directory refuses leaves no entry", () => {
    const play = new ClusterPlay();
    play.onClaim = "refuse";
    play.connect();
    play.claim(1);
    play.effects();
    play.outcome(1, 5);
    expect(play.effects()).toEqual(["1 for socket 1", "remove 1 at 5"]);
  });

  test("that the relay's directory never answers leaves no entry", () => {
    const play = new ClusterPlay();
    play.onClaim = "wait";
    play.connect();
    play.claim(1);
    play.effects();
    play.outcome(1, 5);
    expect(play.effects()).toEqual(["1 for socket 1"]);
    play.told(1, "me", 5);
    expect(play.later(OPEN_MS - 1)).toEqual([]);
    expect(play.later(AGAIN_MS)).toEqual(["remove 1 at 5"]);
    play.book.opened(hexOf(1));
    expect(play.effects()).toEqual(["1 yields, may come again"]);
  });

  test("that the store lets through after another relay has the share yields at once", () => {
    const play = new ClusterPlay();
    play.onClaim = "wait";
    play.connect();
    play.claim(1);
    play.effects();
    play.outcome(1, 5);
    play.effects();
    play.told(1, "other", 6);
    expect(play.effects()).toEqual([]);
    play.book.opened(hexOf(1));
    expect(play.effects()).toEqual(["1 yields"]);
  });

  test("yields at once also if the store holds up another one", () => {
    const play = new ClusterPlay();
    play.onClaim = "wait";
    play.connect();
    play.claim(1, { socket: 1 });
    play.claim(1, { socket: 2 });
    play.effects();
    play.outcome(1, 5);
    play.told(1, "other", 6);
    play.effects();
    play.book.opened(hexOf(1));
    expect(play.effects()).toEqual(["1 yields"]);
    play.book.opened(hexOf(1));
    expect(play.effects()).toEqual(["1 yields"]);
  });

  test("is refused at once when too many wait", () => {
    const play = new ClusterPlay();
    for (let socket = 1; socket <= CLAIMS_WAITING_MOST; socket++) play.claim(1, { socket });
    play.claim(1, { socket: 99_999 });
    expect(play.effects()).toEqual(["1 refused to socket 99999: going-away"]);
    expect(play.book.counts.waitingClaims).toBe(CLAIMS_WAITING_MOST);
  });

  test("waits for those before it when many changes have no outcome yet", () => {
    const play = new ClusterPlay({ blinded: (id) => `~${id}` });
    play.connect();
    const channel = (at: number): string => at.toString(16).padStart(4, "0").repeat(8);
    for (let at = 0; at <= CHANGES_MOST; at++) {
      play.book.claim(claimOf(0, { channel: channel(at), key: channel(at) }), play.now);
    }
    const puts = play.book.take().flatMap((effect) => (effect.t === "put-share" ? effect : []));
    expect(puts).toHaveLength(CHANGES_MOST);
    play.book.outcome(puts[0]!.op, { t: "done", revision: 1 }, play.now);
    expect(play.effects()).toHaveLength(2);
  });

  test("is refused at once when the cluster has as many shares as it may have", () => {
    const play = new ClusterPlay({ sharesMost: 2 });
    play.connect({ 1: ["other", 1], 2: ["other", 2], 3: ["other", 3] });
    expect(play.book.counts.shares).toBe(2);
    expect(play.reports).toEqual(["cluster-full"]);
    play.claim(4);
    play.claim(2);
    expect(play.effects()).toEqual(["4 refused to socket 4: going-away", "put 2 over 2"]);
  });
});

describe("an owner", () => {
  test("yields to a relay that the watch names after it, and its sender was replaced", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.told(1, "other", 12);
    expect(play.effects()).toEqual(["1 yields"]);
    expect(play.book.counts.owned).toBe(0);
    expect(play.later(5000)).toEqual([]);
  });

  test("yields also while a change of it is on its way", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.claim(1, { socket: 2 });
    expect(play.effects()).toEqual(["put 1 over 11"]);
    play.told(1, "other", 12);
    expect(play.effects()).toEqual(["1 refused to socket 2: going-away", "1 yields"]);
    play.outcome(1, "conflict");
    expect(play.later(5000)).toEqual([]);
  });

  test("takes no notice of what the watch tells late about the time before its claim", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.claim(1);
    play.effects();
    play.outcome(1, 9);
    play.told(1, "other", 7);
    play.told(1, undefined, 8);
    expect(play.effects()).toEqual(["1 for socket 1"]);
    play.told(1, "me", 9);
    expect(play.later(TOLD_MS + 1000, "other")).toEqual([]);
    expect(play.book.counts.owned).toBe(1);
  });

  test("claims its share again when the entry has gone", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.told(1, undefined, 12);
    expect(play.effects()).toEqual(["put 1 over 0"]);
    play.outcome(1, 13);
    expect(play.effects()).toEqual([]);
  });

  test("claims its share again when the watch that began anew does not have it", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.disconnect();
    play.connect();
    expect(play.effects()).toEqual(["put 1 over 0"]);
  });

  test("believes the watch when a change that was done is lost", () => {
    const play = new ClusterPlay();
    play.connect({ 1: ["other", 5] });
    play.claim(1);
    play.effects();
    play.outcome(1, 9);
    play.effects();
    play.told(1, "other", 5);
    expect(play.later(TOLD_MS - 1, "other")).toEqual([]);
    expect(play.later(1000, "other")).toEqual(["1 yields, may come again"]);
  });

  test("believes a watch that began anew at once, and lets its sender come again", () => {
    for (const revision of [5, 9]) {
      const play = new ClusterPlay();
      play.connect({ 1: ["other", 5] });
      play.claim(1);
      play.effects();
      play.outcome(1, 9);
      play.effects();
      play.disconnect();
      play.connect({ 1: ["other", revision] });
      expect(play.effects()).toEqual(["1 yields, may come again"]);
    }
  });

  test("removes the entry when its share ends, until the watch says so", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.ended(1);
    expect(play.effects()).toEqual(["remove 1 at 11"]);
    play.outcome(1, "unknown");
    expect(play.later(AGAIN_MS)).toEqual(["remove 1 at 11"]);
    play.outcome(1, "conflict");
    play.told(1, undefined, 12);
    expect(play.later(60_000)).toEqual([]);
    expect(play.book.left["slots"]).toBe(0);
  });

  test("waits longer between tries for which no sender waits", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.ended(1);
    play.effects();
    for (const seconds of [1, 2, 4, 8, 16, 32, 32]) {
      play.outcome(1, "unknown");
      expect(play.later((seconds - 1) * 1000)).toEqual([]);
      expect(play.later(1000)).toEqual(["remove 1 at 11"]);
    }
  });

  test("removes an entry that a change left whose outcome was unknown when the share ended", () => {
    const play = new ClusterPlay();
    play.connect();
    play.claim(1);
    play.effects();
    play.book.workerLost(0, play.now);
    play.outcome(1, "unknown");
    play.effects();
    expect(play.book.left["slots"]).toBe(0);
    play.told(1, "me", 3);
    expect(play.effects()).toEqual(["remove 1 at 3"]);
    play.outcome(1, 4);
    play.told(1, undefined, 4);
    expect(play.later(1000)).toEqual([]);
    expect(play.book.left["slots"]).toBe(0);
  });

  test("removes no entry that a sender claims meanwhile", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.ended(1);
    expect(play.effects()).toEqual(["remove 1 at 11"]);
    play.claim(1, { socket: 2 });
    play.outcome(1, 12);
    expect(play.effects()).toEqual(["put 1 over 0"]);
    play.outcome(1, 13);
    play.told(1, "me", 11);
    play.told(1, undefined, 12);
    expect(play.effects()).toEqual(["1 for socket 2"]);
  });
});

describe("while the directory does not answer", () => {
  test("a share that is open here goes on with a sender that comes back", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.disconnect();
    play.claim(1, { socket: 2 });
    expect(play.effects()).toEqual(["1 for socket 2"]);
    play.connect({ 1: ["me", 11] });
    expect(play.effects()).toEqual(["put 1 over 11"]);
    play.outcome(1, 20);
    play.told(1, "other", 21);
    expect(play.effects()).toEqual(["1 yields"]);
  });

  test("a sender that comes back is let in also if its change was on the way", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.claim(1, { socket: 2 });
    play.effects();
    play.disconnect();
    expect(play.effects()).toEqual(["1 for socket 2"]);
    play.outcome(1, "unknown");
    play.claim(1, { socket: 3 });
    expect(play.effects()).toEqual(["1 for socket 3"]);
  });

  test("a sender that comes back is let in after a change without an answer", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.claim(1, { socket: 2 });
    play.effects();
    play.outcome(1, "unknown");
    expect(play.effects()).toEqual(["1 for socket 2"]);
    expect(play.later(AGAIN_MS)).toEqual(["put 1 over 11"]);
  });

  test("a sender that came back may come again if another relay has the share then", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.disconnect();
    play.claim(1, { socket: 2 });
    play.effects();
    play.connect({ 1: ["other", 30] });
    expect(play.effects()).toEqual(["1 yields, may come again"]);
  });

  test("that holds also for a sender that the store lets in later", () => {
    const play = new ClusterPlay();
    play.connect();
    play.own(1);
    play.disconnect();
    play.onClaim = "wait";
    play.claim(1, { socket: 2 });
    play.effects();
    play.connect({ 1: ["other", 30] });
    expect(play.effects()).toEqual(["1 yields, may come again"]);
    play.book.opened(hexOf(1));
    expect(play.effects()).toEqual(["1 yields, may come again"]);
  });

  test("claims of shares that are not here wait", () => {
    const play = new ClusterPlay();
    play.connect();
    play.disconnect();
    play.claim(1);
    expect(play.later(CLAIM_WAIT_MS - 1)).toEqual([]);
    expect(play.later(1)).toEqual(["1 refused to socket 1: going-away"]);
  });
});

test("names in the directory have the blinded channel and the blinded share", () => {
  const play = new ClusterPlay();
  play.connect();
  play.claim(1);
  expect(play.book.take()).toContainEqual({
    t: "put-share",
    op: 1,
    key: nameOf(1),
    value: { relay: "me" },
    revision: 0,
  });
});

describe("a relay that drains finds a refuge for its clients", () => {
  const play = (value: Partial<RelayValue> | undefined): ClusterPlay => {
    const book = new ClusterPlay();
    book.connect();
    if (value !== undefined) book.heard("other", CLUSTER_VERSION, value);
    book.heard("me", CLUSTER_VERSION, { public: "p" });
    return book;
  };
  const refuge = ({ book, now }: ClusterPlay): string => book.refuge(now, "p");

  test("at another relay that lives, speaks its version and does not drain", () => {
    expect(refuge(play({}))).toBe("known");
    expect(refuge(play(undefined))).toBe("none");
    expect(refuge(play({ drains: true }))).toBe("none");
    expect(refuge(play({ isStranger: true }))).toBe("none");
    expect(refuge(play({ version: CLUSTER_VERSION + 1 }))).toBe("none");
  });

  test("for clients with one address too where both relays have one name", () => {
    expect(refuge(play({ public: "p" }))).toBe("named");
    expect(refuge(play({ public: "q" }))).toBe("known");
    expect(play({}).book.refuge(0, undefined)).toBe("known");
  });

  test("not at a relay that was not heard for half of the time after which it is gone", () => {
    const late = play({ public: "p" });
    late.later(RELAY_GONE_MS / 2 - 1000);
    expect(refuge(late)).toBe("named");
    late.later(1000);
    expect(refuge(late)).toBe("none");
  });

  test("not while the directory does not answer", () => {
    const cut = play({ public: "p" });
    cut.disconnect();
    expect(refuge(cut)).toBe("none");
  });

  test("and says at once that it drains", () => {
    const book = play({});
    book.all();
    // Between two ticks.
    book.book.retire(book.now + 100);
    expect(book.all()).toEqual(["heartbeat"]);
  });
});
