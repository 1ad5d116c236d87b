/** Abuse of the store by holders of a code and by senders of one address, and its limits. */
import { describe, expect, test } from "bun:test";

import { RECORD_INDEX, type Offer } from "../../../protocol/mod.ts";
import { BEGUN_MOST, BegunReceivers } from "../../../relay/store/begun-receivers.ts";
import { BEGUN_ABSENT_MS, CRASH_MS, FINISH_MS } from "../../../relay/store/downloads.ts";
import { PACE_MS, UNFINISHED_AGE_MS } from "../../../relay/store/kept-share.ts";
import { TOMBSTONES_MOST, Tombstones } from "../../../relay/store/tombstones.ts";
import { BookPlay, CHANNEL, claimOf } from "../../support/relay/book-play.ts";
import { hexOf, storedShare, tombstone } from "../../support/relay/stored-shares.ts";

const HOUR_MS = 60 * 60 * 1000;
const store = { life: 1e7 };
const id = (number: number): string => number.toString(16).padStart(32, "0");

/** 1000 records in frames of 100 bytes. */
function large(number: number) {
  const offer: Offer = { ...claimOf(number).offer, records: 1000, bytes: 60_000 };
  return claimOf(number, { offer, store, address: "a" });
}

describe("P21 an upload that comes more slowly than it may last", () => {
  const reserved = (play: BookPlay): number => play.book.counts.reserved;

  test("has room for its durable records alone after an hour, and keeps them", () => {
    const play = new BookPlay({ "store-bytes-per-address": 100_000 });
    play.book.claim(large(1), play.now);
    play.durable(1, 0, 10);
    play.save();
    play.later(PACE_MS - 1000);
    expect(reserved(play)).toBe(100_000);
    play.book.claim(large(2), play.now);
    expect(play.save()).toEqual(["2 refused: store-full"]);
    play.later(1000);
    expect(reserved(play)).toBe(100_000);
    play.durable(1, 10, 1);
    play.save();
    play.later(PACE_MS);
    expect(reserved(play)).toBe(1100);
    expect(play.inspect(1)).toMatchObject({ state: "unfinished", records: 11 });
  });

  test("keeps its room with as many records an hour as bring it to its end in a week", () => {
    const play = new BookPlay();
    play.book.claim(large(1), play.now);
    for (let hours = 0; hours < 20; hours++) {
      play.durable(1, 6 * hours, 6);
      play.save();
      play.later(PACE_MS);
      expect(reserved(play)).toBe(100_000);
    }
    play.durable(1, 120, 5);
    play.save();
    play.later(PACE_MS);
    expect(reserved(play)).toBe(12_500);
  });

  test("finds its room anew when its sender comes back, or hears that there is none", () => {
    const play = new BookPlay({ "store-bytes": 100_400 });
    play.book.claim(large(1), play.now);
    play.save();
    play.later(PACE_MS);
    expect(reserved(play)).toBe(0);
    play.book.claim(claimOf(2, { store }), play.now);
    expect(play.save()).toContain("2 for socket 2");
    play.book.claim(large(1), play.now);
    expect(play.save()).toEqual(["1 refused: store-full"]);
    play.book.revoke(0, 1, hexOf(2), play.now);
    play.save();
    play.book.claim(large(1), play.now);
    expect(play.save()).toContain("1 for socket 1");
    expect(reserved(play)).toBe(100_000);
  });

  test("goes on without its room while there is some, and ends with what it has when there is none", () => {
    const play = new BookPlay({ "store-bytes": 100_500 });
    play.book.claim(large(1), play.now);
    play.save();
    play.later(PACE_MS);
    play.book.claim(claimOf(3, { store, channel: hexOf(0xc3) }), play.now);
    const rest = { ...claimOf(4).offer, records: 990, bytes: 60_000 };
    play.book.claim(claimOf(4, { store, channel: hexOf(0xc4), offer: rest }), play.now);
    expect(play.save()).toContain("4 for socket 4");
    play.durable(1, 0, 10);
    expect(play.save()).toEqual(["1 has 10"]);
    play.durable(1, 10, 1);
    expect(play.save()).toEqual(["1 has 11", "sender of 1 fails: store-full"]);
    expect(play.inspect(1)).toMatchObject({ state: "unfinished", records: 11 });
    play.book.revoke(0, 1, hexOf(4), play.now);
    play.book.claim(large(1), play.now);
    expect(play.save()).toContain("1 for socket 1");
  });

  test("keeps its room over a restart within the hour, and not over a later one", () => {
    const play = new BookPlay();
    play.book.claim(large(1), play.now);
    play.save();
    play.now += PACE_MS - 1000;
    play.crash();
    expect(reserved(play)).toBe(100_000);
    play.now += 2 * HOUR_MS;
    play.crash();
    expect(reserved(play)).toBe(0);
  });

  test("is gone after a week, whatever its sender gives and however often it comes back", () => {
    const play = new BookPlay();
    play.book.claim(large(1), play.now);
    play.save();
    const steps = UNFINISHED_AGE_MS / (12 * HOUR_MS);
    for (let step = 1; step < steps; step++) {
      play.durable(1, step, 1);
      play.save();
      expect(play.later(12 * HOUR_MS)).toEqual([]);
      if (step === 5) play.crash();
      play.book.claim(large(1), play.now);
      play.save();
    }
    expect(play.later(12 * HOUR_MS)).toContain("1 ends: expired");
    expect(play.ledger.shares.size).toBe(0);
  });

  test("whose end nobody knows reserves nothing, and goes on at any pace", () => {
    const play = new BookPlay();
    const offer = { ...claimOf(1).offer, records: RECORD_INDEX, bytes: 0, seekable: false };
    play.book.claim(claimOf(1, { offer, store }), play.now);
    for (let hours = 0; hours < 5; hours++) {
      play.durable(1, hours, 1);
      play.save();
      play.later(PACE_MS);
    }
    expect(reserved(play)).toBe(500);
  });
});

describe("P20 places of receivers that had begun", () => {
  const begin = (begun: BegunReceivers, from: number, count: number, address: string): boolean[] =>
    Array.from({ length: count }, (_, at) => begun.add(id(from + at), address));

  test("are all one address's while no other begins", () => {
    const begun = new BegunReceivers([]);
    expect(begin(begun, 0, BEGUN_MOST, "a")).not.toContain(false);
    expect(begun.add(id(5000), "a")).toBe(false);
    expect(begun.add(id(0), "a")).toBe(false);
    expect(begun.size).toBe(BEGUN_MOST);
    expect(begun.has(id(0))).toBe(true);
  });

  test("are lost by an address that fills them, and by no other", () => {
    const begun = new BegunReceivers([]);
    begin(begun, 0, 30, "class");
    begin(begun, 10_000, 3000, "hostile");
    expect(begin(begun, 100, 30, "school")).not.toContain(false);
    begin(begun, 20_000, 3000, "hostile");
    for (const from of [0, 100]) {
      for (let at = 0; at < 30; at++) expect(begun.has(id(from + at))).toBe(true);
    }
    expect(begun.size).toBe(BEGUN_MOST);
  });

  test("go to as many addresses as there are places, first come first served", () => {
    const begun = new BegunReceivers([]);
    for (let at = 0; at <= BEGUN_MOST; at++) begun.add(id(at), `${at}`);
    expect(begun.has(id(0))).toBe(true);
    expect(begun.has(id(BEGUN_MOST))).toBe(false);
  });

  test("are kept over a restart, where one that comes again has its address again", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1e5, downloads: 5 } });
    play.begun(1, 20, "a");
    play.save();
    play.crash();
    play.begun(1, 20, "a");
    expect(play.save()).toEqual([]);
    expect([...play.book.shares][0]?.begun.list).toEqual([hexOf(20)]);
  });
});

describe("P20 a receipt", () => {
  function limited(): BookPlay {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1e6, downloads: 2 } });
    play.later(CRASH_MS);
    return play;
  }

  test("of a receiver that was given no record is answered, and uses up no download", () => {
    const play = limited();
    play.download(1, 20, false);
    play.download(1, 20, false);
    expect(play.save()).toEqual(["1 counted 20", "1 counted 20"]);
    expect(play.inspect(1)).toMatchObject({ downloads: 0, receipts: [] });
  });

  test("counts for a receiver that had begun and comes back with all of it, also after a restart", () => {
    const play = limited();
    play.begun(1, 20);
    play.begun(1, 21);
    play.save();
    play.download(1, 20, false);
    play.save();
    play.crash();
    play.later(CRASH_MS);
    play.download(1, 21, false);
    expect(play.save()).toContain("1 ends: exhausted");
    expect(play.inspect(1)).toMatchObject({ downloads: 2 });
  });

  test("counts while a crash may have made the relay forget what it gave", () => {
    const play = limited();
    play.book.workerLost(1, play.now);
    play.download(1, 20, false);
    play.later(CRASH_MS);
    play.download(1, 21, false);
    play.save();
    expect(play.inspect(1)).toMatchObject({ downloads: 1 });
    play.crash();
    play.download(1, 22, false);
    play.save();
    expect(play.inspect(1)).toMatchObject({ downloads: 2, state: "exhausted" });
  });

  test("counts once whichever way its receiver says it again", () => {
    const play = limited();
    play.begun(1, 20);
    play.download(1, 20);
    play.begun(1, 20);
    play.download(1, 20);
    play.download(1, 20, false);
    play.save();
    expect(play.inspect(1)).toMatchObject({ downloads: 1 });
  });

  test("counts for any receiver where downloads have no limit", () => {
    const play = new BookPlay();
    play.whole(1, { store });
    play.later(CRASH_MS);
    play.download(1, 20, false);
    play.save();
    expect(play.inspect(1)).toMatchObject({ downloads: 1 });
  });
});

describe("P20 a share without downloads left", () => {
  function exhausted(): BookPlay {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1e6, downloads: 1 } });
    play.begun(1, 20);
    play.begun(1, 21);
    play.download(1, 20);
    play.later(0);
    return play;
  }

  test("goes although others stay in its channel", () => {
    const play = exhausted();
    play.book.asked(1, CHANNEL, play.now);
    play.book.lookUp(1, 5, hexOf(1), play.now);
    expect(play.later(BEGUN_ABSENT_MS)).toContain("1 ends: exhausted");
  });

  test("waits for a receiver that had begun and stays, and a day at most", () => {
    const play = exhausted();
    const begunAt = play.now;
    let said: string[] = [];
    while (said.length === 0) {
      play.book.downloads.finishing(hexOf(1), play.now);
      said = play.later(BEGUN_ABSENT_MS / 2);
    }
    expect(said).toContain("1 ends: exhausted");
    expect(Math.floor((play.now - begunAt) / BEGUN_ABSENT_MS)).toBe(FINISH_MS / BEGUN_ABSENT_MS);
  });

  test("lives on when its sender wants more of them", () => {
    const play = exhausted();
    play.book.claim(claimOf(1, { store: { life: 1e6, downloads: 9 } }), play.now);
    play.save();
    play.later(2 * FINISH_MS);
    expect(play.inspect(1)).toMatchObject({ state: "stored", downloads: 1 });
  });
});

describe("P21 tombstones", () => {
  test("of an address that ends shares without end push out its own alone", () => {
    const all = new Tombstones();
    const at = (number: number, address: string) =>
      tombstone(1, { key: id(number), address, channel: id(number) });
    all.add(at(1, "a"));
    for (let number = 10; number < 10 + TOMBSTONES_MOST; number++) all.add(at(number, "hostile"));
    expect(all.get(id(1))).toBeDefined();
    expect(all.get(id(10))).toBeUndefined();
    expect(all.add(at(2, "b"))?.key).toBe(id(11));
    expect(all.get(id(2))).toBeDefined();
  });

  test("keep a share that is used up from being stored again, whatever else begins in its channel", () => {
    const play = new BookPlay();
    const once = { store: { life: 1e5, downloads: 1 }, address: "a" };
    play.whole(1, once);
    play.download(1, 20);
    play.save();
    play.book.opened(CHANNEL);
    play.save();
    play.crash();
    play.book.claim(claimOf(1, once), play.now);
    expect(play.save()).toEqual(["1 refused: exhausted"]);
  });
});

test("an upload of an index from before has the age of its last word", () => {
  const { startedAt: _, ...older } = storedShare(1, { seenAt: 77 });
  const play = new BookPlay();
  play.ledger.shares.set(
    older.place,
    JSON.stringify({ ...older, offer: { ...older.offer, share: hexOf(1) } }),
  );
  expect(play.ledger.load().shares[0]?.startedAt).toBe(77);
});
