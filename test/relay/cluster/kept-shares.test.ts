/** Shares that the disk of a relay keeps: their entries in the directory, and the senders that come elsewhere. */
import { describe, expect, test } from "bun:test";

import { RELAY_GONE_MS, type OwnerValue } from "../../../relay/cluster/directory-kv.ts";
import { REMOVE_SPREAD_MS } from "../../../relay/cluster/known-relays.ts";
import type { BookQuestion } from "../../../relay/cluster/messages.ts";
import { AGAIN_MS, TOLD_MS } from "../../../relay/cluster/share-changes.ts";
import { CLAIM_WAIT_MS } from "../../../relay/cluster/waiting-claims.ts";
import { CHANNEL, ClusterPlay, nameOf } from "../../support/relay/cluster-play.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

const GONE_MS = RELAY_GONE_MS + REMOVE_SPREAD_MS;
const WISH = { life: 3600 };

/** Masks are readable: each is its own inverse. */
const masked = (text: string): string => (text.startsWith("=") ? text.slice(1) : `=${text}`);

class DiskPlay extends ClusterPlay {
  constructor(sharesMost?: number) {
    super({ masked, maskedPlace: masked, ...(sharesMost !== undefined && { sharesMost }) });
  }

  /** The store has share `number`. */
  keep(number: number): void {
    this.#kept(number, `place ${number}`);
  }

  /** The store has some records of it. */
  keepPart(number: number): void {
    this.#kept(number, `place ${number}`, true);
  }

  /** It is over, and its sender may ask why. */
  end(number: number): void {
    this.#kept(number, undefined);
  }

  #kept(number: number, place: string | undefined, isPart = false): void {
    const name = { key: hexOf(number), channel: CHANNEL };
    const share = { ...name, place, isPart, stored: "disk" } as const;
    this.book.kept(share, this.now);
  }

  release(number: number): void {
    this.book.released(hexOf(number), CHANNEL, this.now);
  }

  /** The relay keeps share `number`, as revision 10 + `number`. */
  keeps(number: number): void {
    this.keep(number);
    this.effects();
    this.outcome(number, 10 + number);
    this.says(number, "me", 10 + number);
    this.effects();
  }

  /** The watch tells of a share that a relay keeps. */
  says(number: number, relay: string, revision: number, more: Partial<OwnerValue> = {}): void {
    const value = { ...valueOf(number, relay), ...more };
    this.book.share({ key: nameOf(number), value, revision }, this.now);
  }

  inquire(number: number, question: BookQuestion = "inspect"): void {
    this.book.inquire({ worker: 0, socket: 7, key: hexOf(number), question }, this.now);
  }

  /** The value of the last put of each share. */
  readonly values = new Map<string, OwnerValue>();

  override take(): ReturnType<ClusterPlay["take"]> {
    const effects = super.take();
    for (const each of effects) if (each.t === "put-share") this.values.set(each.key, each.value);
    return effects;
  }
}

function valueOf(number: number, relay: string): OwnerValue {
  return { relay, channel: masked(CHANNEL), stored: "disk", place: masked(`place ${number}`) };
}

/** Connected, with another relay that keeps share 1. */
function withOther(): DiskPlay {
  const play = new DiskPlay();
  play.book.connected(true, play.now);
  play.heard("other");
  play.says(1, "other", 5);
  play.book.synced(new Set([nameOf(1)]), play.now);
  play.effects();
  return play;
}

describe("the entry of a kept share", () => {
  test("comes with the share, and goes with it", () => {
    const play = new DiskPlay();
    play.connect();
    play.keep(1);
    expect(play.effects()).toEqual(["put 1 over 0"]);
    expect(play.values.get(nameOf(1))).toEqual(valueOf(1, "me"));
    play.outcome(1, 11);
    play.says(1, "me", 11);
    expect(play.later(60_000)).toEqual([]);
    play.release(1);
    expect(play.effects()).toEqual(["remove 1 at 11"]);
    play.outcome(1, 12);
    play.told(1, undefined, 12);
    play.later(AGAIN_MS);
    expect(play.book.left).toMatchObject({ slots: 0 });
  });

  test("waits for the watch to tell all, and comes again when the directory lost it", () => {
    const play = new DiskPlay();
    play.keep(1);
    expect(play.effects()).toEqual([]);
    play.connect();
    expect(play.effects()).toEqual(["put 1 over 0"]);
    play.outcome(1, 11);
    play.says(1, "me", 11);
    expect(play.effects()).toEqual([]);
    play.disconnect();
    play.connect();
    expect(play.effects()).toEqual(["put 1 over 0"]);
    play.outcome(1, 3);
    // The watch does not tell the change in time: it was lost.
    expect(play.later(TOLD_MS - 1)).toEqual([]);
  });

  test("stays when its sender goes and when no worker has the share open", () => {
    const play = new DiskPlay();
    play.connect();
    play.own(1, { store: WISH });
    play.keep(1);
    expect(play.effects()).toEqual(["put 1 over 11"]);
    expect(play.values.get(nameOf(1))).toEqual(valueOf(1, "me"));
    play.outcome(1, 12);
    play.says(1, "me", 12);
    play.ended(1);
    expect(play.later(60_000)).toEqual([]);
  });

  test("of a share that goes on with its sender alone says so", () => {
    const play = new DiskPlay();
    play.connect();
    play.keeps(1);
    play.claim(1);
    expect(play.effects()).toEqual(["put 1 over 11"]);
    play.outcome(1, 12);
    play.says(1, "me", 12);
    play.effects();
    play.release(1);
    expect(play.effects()).toEqual(["put 1 over 12"]);
    expect(play.values.get(nameOf(1))).toEqual({ relay: "me", channel: masked(CHANNEL) });
  });

  test("that another relay removed, because it took this one for gone, comes again", () => {
    const play = new DiskPlay();
    play.connect();
    play.keeps(1);
    play.told(1, undefined, 20);
    expect(play.effects()).toEqual(["put 1 over 0"]);
  });

  test("says that the share is over, for as long as the store knows why", () => {
    const play = new DiskPlay();
    play.connect();
    play.keeps(1);
    play.end(1);
    expect(play.effects()).toEqual(["put 1 over 11"]);
    const { place: _, ...over } = valueOf(1, "me");
    expect(play.values.get(nameOf(1))).toEqual({ ...over, isOver: true });
    play.outcome(1, 12);
    play.says(1, "me", 12, { place: undefined, isOver: true });
    expect(play.later(60_000)).toEqual([]);
    play.release(1);
    expect(play.effects()).toEqual(["remove 1 at 12"]);
  });

  test("of a share that is over leaves room for others when the cluster has many", () => {
    const play = new DiskPlay(4);
    play.connect();
    play.keeps(1);
    play.keeps(2);
    play.end(1);
    expect(play.effects()).toEqual(["remove 1 at 11"]);
  });
});

test("time alone costs no mask, however many shares a store has", () => {
  let masks = 0;
  const counted = (text: string): string => {
    masks++;
    return masked(text);
  };
  const play = new ClusterPlay({ masked: counted, maskedPlace: counted });
  play.connect();
  for (let number = 1; number <= 20; number++) {
    const share = { key: hexOf(number), channel: CHANNEL, place: `place ${number}` };
    play.book.kept({ ...share, stored: "disk" }, play.now);
    play.effects();
    play.outcome(number, number);
  }
  expect(masks).toBeGreaterThan(0);
  masks = 0;
  play.later(10_000);
  expect(masks).toBe(0);
});

describe("after a restart", () => {
  test("the entry of this store's relay of before is taken over at once", () => {
    const play = new DiskPlay();
    play.keep(1);
    play.book.connected(true, play.now);
    play.says(1, "before", 5);
    play.book.synced(new Set([nameOf(1)]), play.now);
    expect(play.effects()).toEqual(["put 1 over 5"]);
    play.outcome(1, 6);
    play.says(1, "me", 6);
    expect(play.later(60_000)).not.toContain("1 quiet");
  });

  test("that of another store is not, before its relay is gone", () => {
    const play = new DiskPlay();
    play.keep(1);
    play.book.connected(true, play.now);
    play.says(1, "other", 5, { place: masked("elsewhere") });
    play.book.synced(new Set([nameOf(1)]), play.now);
    expect(play.effects()).toEqual(["1 quiet"]);
    expect(play.later(60_000, "other")).toEqual([]);
    const said = play.later(GONE_MS);
    expect(said).toContain("1 loud");
    expect(said).toContain("put 1 over 5");
  });

  test("two relays with copies of one folder do not take a share from each other for ever", () => {
    const play = new DiskPlay();
    play.connect();
    play.keeps(1);
    play.says(1, "copy", 20);
    expect(play.effects()).toEqual(["1 quiet"]);
    expect(play.later(60_000, "copy")).toEqual([]);
  });
});

describe("a kept share that another relay owns", () => {
  test("stays quiet, and is announced again when that entry goes", () => {
    const play = new DiskPlay();
    play.connect();
    play.keeps(1);
    play.told(1, "other", 20);
    expect(play.effects()).toEqual(["1 quiet"]);
    expect(play.later(60_000, "other")).toEqual([]);
    play.told(1, undefined, 21);
    expect(play.effects()).toEqual(["1 loud", "put 1 over 0"]);
  });

  test("is taken over by a relay that stores all of it, if that one has a part", () => {
    const play = new DiskPlay();
    play.connect();
    play.keeps(1);
    play.says(1, "other", 20, { place: masked("elsewhere"), isPart: true });
    expect(play.effects()).toEqual(["put 1 over 20"]);
    expect(play.values.get(nameOf(1))?.isPart).toBeUndefined();
    play.outcome(1, 21);
    play.says(1, "me", 21);
    expect(play.later(60_000, "other")).toEqual([]);
  });

  test.each([
    ["a part of it", true],
    ["all of it as well", false],
  ])("stays there if this relay has a part alone, and that one %s", (_, isPart) => {
    const play = new DiskPlay();
    play.connect();
    play.keepPart(1);
    play.effects();
    play.says(1, "other", 20, { place: masked("elsewhere"), isPart });
    expect(play.effects()).toContain("1 quiet");
    expect(play.later(60_000, "other")).toEqual([]);
  });

  test("says in the directory when it has become whole", () => {
    const play = new DiskPlay();
    play.connect();
    play.keepPart(1);
    expect(play.effects()).toEqual(["put 1 over 0"]);
    expect(play.values.get(nameOf(1))?.isPart).toBe(true);
    play.outcome(1, 11);
    play.says(1, "me", 11, { isPart: true });
    expect(play.effects()).toEqual([]);
    play.keep(1);
    expect(play.effects()).toEqual(["put 1 over 11"]);
    expect(play.values.get(nameOf(1))?.isPart).toBeUndefined();
  });

  test("takes its sender from here", () => {
    const play = new DiskPlay();
    play.connect();
    play.own(1, { store: WISH });
    play.keep(1);
    play.effects();
    play.outcome(1, 12);
    play.told(1, "other", 20);
    expect(play.effects()).toEqual(["1 yields", "1 quiet"]);
  });

  test("is released without a word to the directory", () => {
    const play = new DiskPlay();
    play.connect();
    play.keeps(1);
    play.told(1, "other", 20);
    play.effects();
    play.release(1);
    expect(play.later(AGAIN_MS, "other")).toEqual([]);
    expect(play.book.left).toMatchObject({ slots: 0 });
  });
});

describe("a sender that comes to another relay than that with its stored share", () => {
  test("is forwarded there", () => {
    const play = withOther();
    play.claim(1);
    expect(play.effects()).toEqual(["claim of 1 of 192 at socket 1 goes to other (other:1)"]);
    expect(play.book.counts.waitingClaims).toBe(0);
    expect(play.later(60_000, "other")).toEqual([]);
  });

  test("is sent no further when another relay forwarded it, and comes again", () => {
    const play = withOther();
    play.claim(1, { isForwarded: true });
    const asked = { worker: 0, socket: 7, key: hexOf(1), question: "inspect" } as const;
    play.book.inquire({ ...asked, isForwarded: true }, play.now);
    expect(play.effects()).toEqual([
      "inspect of 1 at socket 7 failed: going-away",
      "1 refused to socket 1: going-away",
    ]);
    expect(play.later(60_000, "other")).toEqual([]);
    expect(play.book.counts.waitingClaims).toBe(0);
  });

  test("is forwarded too while NATS is away, as long as that relay may be there", () => {
    const play = withOther();
    play.disconnect();
    play.claim(1);
    expect(play.effects()).toEqual(["claim of 1 of 192 at socket 1 goes to other (other:1)"]);
  });

  test("waits for the address of that relay", () => {
    const play = new DiskPlay();
    play.book.connected(true, play.now);
    play.says(1, "other", 5);
    play.book.synced(new Set([nameOf(1)]), play.now);
    play.claim(1);
    expect(play.effects()).toEqual([]);
    play.heard("other");
    expect(play.later(AGAIN_MS)).toEqual(["claim of 1 of 192 at socket 1 goes to other (other:1)"]);
  });

  test("may come again when that address does not come", () => {
    const play = new DiskPlay();
    play.book.connected(true, play.now);
    play.says(1, "other", 5);
    play.book.synced(new Set([nameOf(1)]), play.now);
    play.claim(1);
    expect(play.later(CLAIM_WAIT_MS + AGAIN_MS)).toEqual(["1 refused to socket 1: going-away"]);
  });

  test("has it here once that relay is gone", () => {
    const play = withOther();
    play.later(RELAY_GONE_MS);
    play.claim(1);
    expect(play.effects()).toEqual(["put 1 over 5"]);
    play.outcome(1, 6);
    expect(play.effects()).toEqual(["1 for socket 1"]);
  });

  test("has it here if that relay speaks another version", () => {
    const play = withOther();
    play.heard("other", 99);
    play.claim(1);
    expect(play.effects()).toEqual(["put 1 over 5"]);
  });

  test("is forwarded when that relay's entry comes before its own", () => {
    const play = new DiskPlay();
    play.connect();
    play.heard("other");
    play.claim(1);
    expect(play.effects()).toEqual(["put 1 over 0"]);
    play.says(1, "other", 5);
    expect(play.effects()).toEqual(["claim of 1 of 192 at socket 1 goes to other (other:1)"]);
    play.outcome(1, "conflict");
    expect(play.later(AGAIN_MS, "other")).toEqual([]);
  });

  test("is forwarded to store a share anew that is over there, and not to send it live", () => {
    const play = withOther();
    play.says(1, "other", 6, { place: undefined, isOver: true });
    play.claim(1, { store: WISH });
    expect(play.effects()).toEqual(["claim of 1 of 192 at socket 1 goes to other (other:1)"]);
    play.claim(1, { socket: 2 });
    expect(play.effects()).toEqual(["put 1 over 6"]);
  });
});

describe("a sender's question", () => {
  test("goes to the relay that stores its share, or stored it", () => {
    const play = withOther();
    play.inquire(1);
    play.inquire(1, "revoke");
    play.says(1, "other", 6, { place: undefined, isOver: true });
    play.inquire(1);
    expect(play.effects()).toEqual([
      "inspect of 1 of 192 at socket 7 goes to other (other:1)",
      "revoke of 1 of 192 at socket 7 goes to other (other:1)",
      "inspect of 1 of 192 at socket 7 goes to other (other:1)",
    ]);
  });

  test("about a share that none stores has the answer that none does", () => {
    const play = withOther();
    play.told(2, "other", 9);
    play.inquire(2);
    play.inquire(3, "revoke");
    expect(play.effects()).toEqual([
      "inspect of 2 at socket 7: unknown",
      "revoke of 3 at socket 7: unknown",
    ]);
  });

  test("is to come again while the directory does not answer", () => {
    const play = new DiskPlay();
    play.inquire(1);
    expect(play.effects()).toEqual(["inspect of 1 at socket 7 failed: going-away"]);
    play.connect();
    play.disconnect();
    play.inquire(1, "revoke");
    expect(play.effects()).toEqual(["revoke of 1 at socket 7 failed: going-away"]);
  });

  test("is to come again while the address of that relay is not known", () => {
    const play = new DiskPlay();
    play.connect();
    play.says(1, "other", 5);
    play.inquire(1);
    expect(play.effects()).toEqual(["inspect of 1 at socket 7 failed: going-away"]);
  });
});

describe("while NATS is away", () => {
  test("a kept share goes on with its sender here", () => {
    const play = new DiskPlay();
    play.connect();
    play.keeps(1);
    play.disconnect();
    play.claim(1);
    expect(play.effects()).toEqual(["1 for socket 1"]);
    play.book.connected(true, play.now);
    play.says(1, "me", 11);
    play.book.synced(new Set([nameOf(1)]), play.now);
    // Other relays may have come to own it.
    expect(play.effects()).toEqual(["put 1 over 11"]);
  });
});

describe("receivers here", () => {
  test("hear of shares that are over elsewhere, until a share comes from there", () => {
    const play = withOther();
    play.book.asked(0, CHANNEL, play.now);
    expect(play.effects()).toEqual(["link 1 of worker 0: 192 at other (other:1)"]);
    const share = new Uint8Array(16).fill(1);
    play.book.over(1, [{ share, reason: "exhausted" }]);
    play.book.asked(1, CHANNEL, play.now);
    expect(play.effects()).toEqual([
      "over in 192 of other to 0: 1 exhausted",
      "over in 192 of other to 1: 1 exhausted",
    ]);
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    expect(play.effects()).toEqual(["1 for socket -1"]);
    play.book.asked(2, CHANNEL, play.now);
    expect(play.effects()).toEqual([]);
  });

  test("of a store elsewhere are told to its relay by the link that reads the share", () => {
    const play = withOther();
    play.book.asked(0, CHANNEL, play.now);
    play.effects();
    expect(play.book.linkOf(hexOf(1))).toBeUndefined();
    play.claim(1, { socket: -1, uplink: { link: 1, relay: "other" } });
    play.effects();
    expect(play.book.linkOf(hexOf(1))).toMatchObject({ id: 1, worker: 0 });
  });
});
