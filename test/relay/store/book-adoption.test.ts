/** Shares that go from one relay's book to another's, which save in one bucket. */
import { describe, expect, test } from "bun:test";

import { FaultError } from "../../../protocol/mod.ts";
import { CRASH_MS } from "../../../relay/store/downloads.ts";
import { EMPTY_LIFE_MS } from "../../../relay/store/store-book.ts";
import { BookPlay, CHANNEL, claimOf, describeEffect } from "../../support/relay/book-play.ts";
import { hexOf } from "../../support/relay/stored-shares.ts";

const TAKEN = new FaultError("going-away", "another relay has it");

/** Another relay of the cluster, which knows nothing yet. */
function another(play: BookPlay): BookPlay {
  const other = new BookPlay();
  other.now = play.now;
  return other;
}

/** The share as the relay that takes it over finds it in the bucket. */
function adopts(other: BookPlay, from: BookPlay, number: number): boolean {
  const { shares, tombstones } = from.ledger.load();
  const share = shares.find(({ key }) => key === hexOf(number));
  if (share === undefined) throw new Error("its facts are gone");
  const over = tombstones.find(({ key }) => key === hexOf(number));
  return other.book.adopt(share, over, other.now);
}

function ledgerOf({ ledger }: BookPlay): string {
  return JSON.stringify([[...ledger.shares], [...ledger.tombstones]]);
}

describe("a book that takes a share over", () => {
  test("opens it for receivers that asked before, and goes on with its downloads", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1000, downloads: 3 } });
    play.download(1, 7);
    play.download(1, 8);
    play.save();
    const other = another(play);
    other.book.asked(2, CHANNEL, other.now);
    other.save();
    expect(adopts(other, play, 1)).toBe(true);
    expect(other.save()).toEqual(["1 opened at 2"]);
    // A receiver that was counted before counts no second time.
    other.download(1, 8);
    expect(other.inspect(1)).toMatchObject({ state: "stored", downloads: 2 });
    other.download(1, 9);
    expect(other.save()).toContain("1 ends: exhausted");
  });

  test("lets its sender go on with what is durable", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1), play.now);
    play.durable(1, 0, 3);
    play.save();
    const other = another(play);
    adopts(other, play, 1);
    expect(other.book.isUnfinished(hexOf(1))).toBe(true);
    expect(other.book.claim(claimOf(1, { socket: 5 }), other.now)).toBe(true);
    other.save();
    const claim = other.effects.find(({ t }) => t === "claim");
    expect(claim).toMatchObject({
      t: "claim",
      opened: { facts: { durable: [{ first: 0, count: 3 }] } },
    });
  });

  test("counts a receipt of a receiver that the relay before served", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1000, downloads: 3 } });
    const other = another(play);
    // This relay runs for long, and lost no receiver that had begun.
    other.now = play.now += CRASH_MS;
    adopts(other, play, 1);
    other.download(1, 7, false);
    expect(other.inspect(1)).toMatchObject({ downloads: 1 });
  });

  test("ends one that the relay before was ending", () => {
    const play = new BookPlay();
    play.whole(1);
    const facts = [...play.ledger.shares];
    // At the moment of its last record.
    play.book.revoke(0, 9, hexOf(1), play.ledger.load().shares[0]!.seenAt);
    play.save();
    // That relay died before it removed the facts.
    for (const [place, text] of facts) play.ledger.shares.set(place, text);
    const other = another(play);
    expect(adopts(other, play, 1)).toBe(false);
    other.ledger.shares.set(facts[0]![0], facts[0]![1]);
    expect(other.inspect(1)).toMatchObject({ state: "revoked" });
    expect(other.ledger.shares.size).toBe(0);
  });

  test("keeps one that came again after its end", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1 } });
    const other = another(play);
    play.later(2000);
    const over = play.ledger.load().tombstones[0]!;
    play.whole(1);
    const [share] = play.ledger.load().shares;
    // The relay before died before it removed the end, and this one may have learned it.
    for (const knowing of [other, another(play)]) {
      if (knowing !== other) knowing.book.learn(over);
      expect(knowing.book.adopt(share!, knowing === other ? over : undefined, play.now)).toBe(true);
      expect(knowing.book.take(play.now)?.change.forgotten).toEqual([hexOf(1)]);
      knowing.book.saved();
      expect(knowing.inspect(1)).toMatchObject({ state: "stored" });
    }
  });
});

describe("a book whose share another one took over", () => {
  test("forgets it, and changes nothing of it any more", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 10 } });
    play.whole(2, { store: { life: 10 } });
    const before = ledgerOf(play);
    play.download(1, 7);
    expect(play.book.disown(hexOf(1), TAKEN)).toEqual([]);
    expect(play.save()).toEqual([]);
    expect(ledgerOf(play)).toBe(before);
    expect(play.later(20_000)).toContain("2 ends: stored-expired");
    expect([...play.ledger.shares.values()].join(" ")).toContain(hexOf(1));
    expect([...play.ledger.tombstones.keys()]).toEqual([hexOf(2)]);
    expect(play.book.counts).toMatchObject({ whole: 0, unfinished: 0, bytes: 0 });
  });

  test.each([
    ["a revocation", (play: BookPlay) => play.book.revoke(0, 9, hexOf(1), play.now)],
    ["the last download", (play: BookPlay) => play.download(1, 7)],
    ["its operator's removal", (play: BookPlay) => void play.book.remove(1)],
  ])("has not done %s that it did not save", (_, end) => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1000, downloads: 1 } });
    const before = ledgerOf(play);
    end(play);
    const said = play.book.disown(hexOf(1), TAKEN).map(describeEffect);
    expect(said.filter((each) => !each.startsWith("socket "))).toEqual([]);
    expect(play.save().filter((each) => each.startsWith("1 "))).toEqual([]);
    expect(ledgerOf(play)).toBe(before);
  });

  test("tells a client that waits for a change of it to ask again", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.revoke(0, 9, hexOf(1), play.now);
    const [failed] = play.book.disown(hexOf(1), TAKEN);
    expect(failed).toEqual({ t: "socket-failed", worker: 0, socket: 9, fault: TAKEN });
  });

  test("tells no receiver that a share is over whose end it did not save", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.asked(2, CHANNEL, play.now);
    play.save();
    play.book.revoke(0, 9, hexOf(1), play.now);
    play.book.asked(3, CHANNEL, play.now);
    play.book.disown(hexOf(1), TAKEN);
    expect(play.save()).toEqual([]);
  });

  test("gives the room of another share back whose sender heard to ask again, and does not", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.claim(claimOf(2), play.now);
    expect(play.book.disown(hexOf(1), TAKEN).map(describeEffect)).toEqual([
      "2 refused: going-away",
    ]);
    play.save();
    play.later(EMPTY_LIFE_MS);
    expect(play.book.counts).toMatchObject({ unfinished: 0, reserved: 0 });
  });

  test("repeats nothing of a save that failed meanwhile", () => {
    const play = new BookPlay();
    play.whole(1);
    const before = ledgerOf(play);
    play.book.revoke(0, 9, hexOf(1), play.now);
    expect(play.book.take(play.now)?.change.removed.length).toBe(1);
    play.book.disown(hexOf(1), TAKEN);
    play.book.saveFailed(new FaultError("store-failed"), play.now);
    play.later(5000);
    expect(ledgerOf(play)).toBe(before);
  });
});

test("a book that may not save says what receivers need to read, and keeps the rest", () => {
  const play = new BookPlay();
  play.whole(1);
  play.download(1, 7);
  play.book.asked(2, CHANNEL, play.now);
  play.book.lookUp(3, 40, hexOf(1), play.now);
  expect(play.book.hasChanges).toBe(true);
  const reading = play.book.takeReading().map(describeEffect);
  expect(reading).toEqual(["1 opened at 2", "1 opened at 3", "answer 40 to 3"]);
  expect(play.book.takeReading()).toEqual([]);
  expect(play.save()).toEqual(["1 counted 7"]);
  expect(play.book.hasChanges).toBe(false);
});

test("a book in which an end alone changed has something to save", () => {
  const play = new BookPlay();
  play.whole(1);
  play.book.revoke(0, 9, hexOf(1), play.now);
  play.save();
  expect(play.book.hasChanges).toBe(false);
  play.book.opened(CHANNEL);
  expect(play.book.hasChanges).toBe(true);
});
