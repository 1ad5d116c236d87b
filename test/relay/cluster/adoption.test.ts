/** Shares in a bucket that several relays use, whose owner is gone, or stood still and comes back. */
import { describe, expect, test } from "bun:test";

import { ABANDONED_MS } from "../../../relay/cluster/gone-relays.ts";
import { RELAY_GONE_MS, type OwnerValue } from "../../../relay/cluster/directory-kv.ts";
import { CLUSTER_VERSION } from "../../../relay/cluster/wire.ts";
import { REMOVE_SPREAD_MS } from "../../../relay/cluster/known-relays.ts";
import { CHANNEL, ClusterPlay, nameOf } from "../../support/relay/cluster-play.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

const GONE_MS = RELAY_GONE_MS + REMOVE_SPREAD_MS;
const STORE = "our bucket";

class BucketPlay extends ClusterPlay {
  constructor() {
    super({
      store: STORE,
      masked: (channel) => `masked ${channel}`,
      maskedPlace: (place, share) => {
        return place.startsWith("masked")
          ? place.slice(`masked ${share} `.length)
          : `masked ${share} ${place}`;
      },
    });
  }

  /** As the directory has share `number`. */
  value(number: number, relay: string, more: Partial<OwnerValue> = {}): OwnerValue {
    const place = `masked ~${number} place${number}`;
    return { relay, channel: `masked ${CHANNEL}`, stored: "s3", place, store: STORE, ...more };
  }

  says(number: number, value: OwnerValue | undefined, revision: number): void {
    this.book.share({ key: nameOf(number), value, revision }, this.now);
  }

  keep(number: number): void {
    const place = `place${number}`;
    const share = {
      key: hexOf(number),
      channel: CHANNEL,
      place,
      stored: "s3",
      store: STORE,
    } as const;
    this.book.kept(share, this.now);
  }

  found(...numbers: number[]): void {
    const shares = numbers.map((number) => {
      const place = `place${number}`;
      return { key: hexOf(number), channel: CHANNEL, place, stored: "s3", store: STORE } as const;
    });
    this.book.found(shares, this.now);
  }

  left(relay: string): void {
    const value = { address: `${relay}:1`, version: CLUSTER_VERSION, hasLeft: true };
    this.book.relay({ key: relay, value, revision: 1 }, this.now);
  }

  /** The keeper's acts once the store has read the share. */
  read(number: number, isThere = true): boolean {
    const name = nameOf(number);
    if (!this.book.adopts(name)) return false;
    if (isThere) this.keep(number);
    this.book.adopted(name, this.now);
    return true;
  }

  /** The relay owns and keeps share `number`, as revision 10 + `number`. */
  keeps(number: number): void {
    this.found(number);
    this.effects();
    this.outcome(number, 10 + number);
    this.says(number, this.value(number, "me"), 10 + number);
    this.effects();
    this.read(number);
    this.effects();
  }
}

function connected(): BucketPlay {
  const play = new BucketPlay();
  play.connect();
  return play;
}

describe("a share in the bucket whose relay is gone", () => {
  test("is taken over by compare-and-set, read, and kept", () => {
    const play = connected();
    play.says(1, play.value(1, "other"), 5);
    expect(play.later(RELAY_GONE_MS - 1000)).toEqual([]);
    expect(play.later(REMOVE_SPREAD_MS + 1000)).toEqual(["remove relay other", "put 1 over 5"]);
    play.outcome(1, 6);
    expect(play.effects()).toEqual(["adopt 1 at place1 in epoch 6"]);
    play.says(1, play.value(1, "me"), 6);
    expect(play.read(1)).toBe(true);
    // Its entry is as it shall be.
    expect(play.later(60_000)).toEqual([]);
    expect(play.book.isProven).toBe(true);
  });

  test("is taken over too if the outcome of the change was unknown, and it happened", () => {
    const play = connected();
    play.says(1, play.value(1, "other"), 5);
    play.later(GONE_MS);
    play.outcome(1, "unknown");
    play.says(1, play.value(1, "me"), 6);
    expect(play.effects()).toEqual(["adopt 1 at place1 in epoch 6"]);
  });

  test("goes over at once from a relay that has left, which no sign of its entries brings back", () => {
    const play = new BucketPlay();
    play.book.connected(true, play.now);
    play.says(1, play.value(1, "other"), 5);
    play.left("other");
    play.says(2, play.value(2, "other"), 6);
    play.book.synced(new Set([nameOf(1), nameOf(2)]), play.now);
    expect(play.later(1000)).toEqual(["put 1 over 5", "put 2 over 6"]);
    expect(play.reports).toEqual([]);
    expect(play.book.cluster()).toEqual([]);
  });

  test("stays with its relay's entry while this one drains", () => {
    const play = connected();
    play.says(1, play.value(1, "other"), 5);
    play.book.retire(play.now);
    expect(play.later(GONE_MS)).toEqual(["remove relay other"]);
  });

  test("stays another relay's that was first", () => {
    const play = connected();
    play.says(1, play.value(1, "other"), 5);
    play.later(GONE_MS);
    play.says(1, play.value(1, "third"), 6);
    play.outcome(1, "conflict");
    expect(play.later(GONE_MS, "third")).toEqual([]);
    expect(play.book.left["slots"]).toBe(0);
  });

  test("is another relay's that took it before the bucket was read", () => {
    const play = connected();
    play.says(1, play.value(1, "other"), 5);
    play.later(GONE_MS);
    play.outcome(1, 6);
    play.effects();
    play.says(1, play.value(1, "third"), 7);
    expect(play.effects()).toEqual([]);
    expect(play.read(1)).toBe(false);
    expect(play.later(GONE_MS, "third")).toEqual([]);
    expect(play.book.left["slots"]).toBe(0);
  });

  test("leaves the directory if its facts are not there any more", () => {
    const play = connected();
    play.says(1, play.value(1, "other"), 5);
    play.later(GONE_MS);
    play.outcome(1, 6);
    play.says(1, play.value(1, "me"), 6);
    play.effects();
    expect(play.read(1, false)).toBe(true);
    expect(play.effects()).toEqual(["remove 1 at 6"]);
  });

  test("is left to relays of its bucket, and removed when none of them came", () => {
    const play = connected();
    play.says(1, play.value(1, "other", { store: "another bucket" }), 5);
    expect(play.later(ABANDONED_MS - 1000)).toEqual(["remove relay other"]);
    expect(play.later(1000)).toEqual(["remove 1 at 5"]);
  });

  test("goes at once to the relay that its sender comes to, and the sender waits for the bucket", () => {
    const play = connected();
    play.says(1, play.value(1, "other"), 5);
    play.later(RELAY_GONE_MS - 1000);
    play.claim(1);
    // Its relay is not known to be gone, and nobody knows its address.
    expect(play.effects()).toEqual([]);
    expect(play.later(1000)).toEqual(["put 1 over 5"]);
    play.outcome(1, 6);
    expect(play.effects()).toEqual(["adopt 1 at place1 in epoch 6"]);
    play.says(1, play.value(1, "me"), 6);
    expect(play.effects()).toEqual([]);
    play.read(1);
    expect(play.effects()).toEqual(["put 1 over 6"]);
    play.outcome(1, 7);
    expect(play.effects()).toEqual(["1 for socket 1"]);
  });
});

describe("a relay that starts", () => {
  test("takes the shares of its bucket that no relay has, once it knows the directory", () => {
    const play = new BucketPlay();
    play.found(1, 2);
    expect(play.effects()).toEqual([]);
    play.book.connected(true, play.now);
    play.heard("other");
    play.says(2, play.value(2, "other"), 4);
    play.book.synced(new Set([nameOf(2)]), play.now);
    expect(play.effects()).toEqual(["put 1 over 0"]);
    play.outcome(1, 5);
    expect(play.effects()).toEqual(["adopt 1 at place1 in epoch 5"]);
    play.says(1, play.value(1, "me"), 5);
    play.read(1);
    expect(play.later(60_000, "other")).toEqual([]);
    expect(play.book.counts).toMatchObject({ shares: 2 });
  });

  test("leaves a share to the relay that was faster", () => {
    const play = new BucketPlay();
    play.found(1);
    play.connect();
    expect(play.effects()).toEqual(["put 1 over 0"]);
    play.outcome(1, "conflict");
    play.says(1, play.value(1, "other"), 5);
    expect(play.later(60_000, "other")).toEqual([]);
    expect(play.book.left["slots"]).toBe(0);
  });
});

describe("a relay that keeps shares in the bucket", () => {
  test("forgets one that another relay took over", () => {
    const play = connected();
    play.keeps(1);
    play.says(1, play.value(1, "other"), 20);
    expect(play.effects()).toEqual(["1 disown"]);
    expect(play.later(60_000, "other")).toEqual([]);
    expect(play.book.left["slots"]).toBe(0);
  });

  test("tells a sender of it to come again", () => {
    const play = connected();
    play.keeps(1);
    play.claim(1);
    play.effects();
    play.outcome(1, 15);
    play.says(1, play.value(1, "me"), 15);
    expect(play.effects()).toEqual(["1 for socket 1"]);
    play.says(1, play.value(1, "other"), 20);
    expect(play.effects()).toEqual(["1 yields, may come again", "1 disown"]);
  });

  test("proves each anew after a lapse, and is not sure before", () => {
    const play = connected();
    play.keeps(1);
    play.keeps(2);
    expect(play.book.isProven).toBe(true);
    play.book.doubt(play.now);
    expect(play.book.isProven).toBe(false);
    expect(play.effects()).toEqual(["put 1 over 11", "put 2 over 12"]);
    play.outcome(1, 21);
    play.effects();
    expect(play.book.isProven).toBe(false);
    play.outcome(2, 22);
    play.effects();
    expect(play.book.isProven).toBe(true);
  });

  test("does not take a change that was under way for such a proof", () => {
    const play = connected();
    play.keeps(1);
    play.book.doubt(play.now);
    play.effects();
    play.book.doubt(play.now);
    play.outcome(1, 21);
    expect(play.effects()).toEqual(["put 1 over 21"]);
    expect(play.book.isProven).toBe(false);
    play.outcome(1, 22);
    play.effects();
    expect(play.book.isProven).toBe(true);
  });

  test("is not sure while it stands outside of the directory, nor while an entry is gone", () => {
    const play = connected();
    play.keeps(1);
    play.says(1, undefined, 20);
    expect(play.effects()).toEqual(["put 1 over 0"]);
    expect(play.book.isProven).toBe(false);
    play.outcome(1, 21);
    play.effects();
    expect(play.book.isProven).toBe(true);
    play.disconnect();
    expect(play.book.isProven).toBe(false);
  });

  test("that lost one meanwhile is sure of the rest", () => {
    const play = connected();
    play.keeps(1);
    play.keeps(2);
    play.book.doubt(play.now);
    play.effects();
    play.says(1, play.value(1, "other"), 20);
    play.outcome(1, "conflict");
    play.outcome(2, 22);
    expect(play.effects()).toEqual(["1 disown"]);
    expect(play.book.isProven).toBe(true);
  });
});
