/** The book of stored shares in a relay of a cluster: which shares it knows, and those that another relay serves. */
import { expect, test } from "bun:test";

import { TOMBSTONES_MOST, TOMBSTONE_MS } from "../../../relay/store/tombstones.ts";
import { EMPTY_LIFE_MS } from "../../../relay/store/store-book.ts";
import { BookPlay, CHANNEL, claimOf } from "../../support/relay/book-play.ts";
import { hexOf, tombstone } from "../../support/relay/stored-shares.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

function heard(play: BookPlay): string[] {
  return play.cluster.splice(0);
}

test("the cluster hears of a share from its first claim to the day on which nobody may ask for it", () => {
  const play = new BookPlay();
  play.book.claim(claimOf(1), play.now);
  expect(heard(play)).toEqual(["1 kept in part"]);
  play.durable(1, 0, 5);
  play.save();
  expect(heard(play)).toEqual(["1 kept"]);
  play.book.revoke(0, 1, hexOf(1), play.now);
  expect(heard(play)).toEqual(["1 over"]);
  expect(play.book.knows(hexOf(1))).toBe(true);
  play.later(TOMBSTONE_MS);
  expect(heard(play)).toEqual(["1 released"]);
  expect(play.book.knows(hexOf(1))).toBe(false);
});

test("the cluster hears that a share is gone of which nothing is left to ask for", () => {
  const play = new BookPlay();
  play.book.claim(claimOf(1), play.now);
  play.save();
  play.book.senderLeft(hexOf(1), play.now);
  heard(play);
  play.later(EMPTY_LIFE_MS);
  expect(heard(play)).toEqual(["1 released"]);
});

test("the cluster hears that an end is forgotten which made room for others", () => {
  const play = new BookPlay();
  play.book.learn(tombstone(1, { address: "many" }));
  for (let count = 1; count < TOMBSTONES_MOST; count++) {
    play.book.learn(tombstone(2, { key: count.toString(16).padStart(32, "0"), address: "many" }));
  }
  expect(heard(play)).not.toContain("1 released");
  play.book.learn(tombstone(3, { address: "many" }));
  expect(heard(play)).toEqual(["3 over", "1 released"]);
  // Where other addresses have few, the one with the most has one less.
  play.book.learn(tombstone(4, { address: "few" }));
  expect(heard(play)).toEqual(["4 over", "0 released"]);
});

test("a share that is stored anew is kept again, and not released", () => {
  const play = new BookPlay();
  play.whole(1);
  play.later(1000 * 1000 + 1);
  expect(heard(play)).toEqual(["1 kept in part", "1 kept", "1 over"]);
  play.whole(1);
  play.later(TOMBSTONE_MS - DAY_MS);
  expect(heard(play)).toEqual(["1 kept in part", "1 kept", "1 over"]);
});

test("after a restart the shares of before are known, and those that are over", () => {
  const play = new BookPlay();
  play.whole(1);
  play.whole(2);
  play.book.revoke(0, 1, hexOf(2), play.now);
  play.save();
  play.crash();
  expect([...play.book.shares].map(({ share }) => share.key)).toEqual([hexOf(1)]);
  expect([...play.book.tombstones].map(({ key }) => key)).toEqual([hexOf(2)]);
});

test("a share that another relay serves opens for no receiver, and for those that are there afterwards", () => {
  const play = new BookPlay();
  play.whole(1);
  play.book.quiet(hexOf(1), true);
  play.book.asked(1, CHANNEL, play.now);
  play.book.lookUp(2, 5, hexOf(1), play.now);
  expect(play.save()).toEqual(["answer 5 to 2"]);
  play.book.quiet(hexOf(1), false);
  expect(play.save()).toEqual(["1 opened at 1"]);
});

test("a share that becomes quiet while it is being opened is not opened", () => {
  const play = new BookPlay();
  play.whole(1);
  play.book.asked(1, CHANNEL, play.now);
  play.book.quiet(hexOf(1), true);
  expect(play.save()).toEqual([]);
});

test("a share that no link reads any more is opened from here", () => {
  const play = new BookPlay();
  play.whole(1);
  play.book.reload(hexOf(1));
  expect(play.save()).toEqual([]);
  play.book.asked(1, CHANNEL, play.now);
  play.save();
  play.book.reload(hexOf(1));
  play.book.reload(hexOf(2));
  expect(play.save()).toEqual(["1 opened at 1"]);
});
