import { describe, expect, test } from "bun:test";

import { FaultError, RECORD_INDEX, type Offer } from "../../../protocol/mod.ts";
import { REFUSABLE } from "../../../relay/store/book-effects.ts";
import { EMPTY_LIFE_MS, PROGRESS_MS, UNFINISHED_LIFE_MS } from "../../../relay/store/store-book.ts";
import { BEGUN_ABSENT_MS } from "../../../relay/store/downloads.ts";
import { UNLOAD_MS } from "../../../relay/store/askers.ts";
import { TOMBSTONE_MS } from "../../../relay/store/tombstones.ts";
import { EFFECTS_MOST } from "../../../relay/store/unsaved.ts";
import { BookPlay, CHANNEL, claimOf, describeEffect } from "../../support/relay/book-play.ts";
import { hexOf, sixteen } from "../../support/relay/stored-shares.ts";

const HOUR_MS = 60 * 60 * 1000;

describe("an upload", () => {
  test("is let in when its row is saved, and not before", () => {
    const play = new BookPlay();
    expect(play.book.claim(claimOf(1), play.now)).toBe(true);
    expect(play.ledger.shares.size).toBe(0);
    expect(play.save()).toEqual(["1 for socket 1"]);
    expect(play.ledger.shares.size).toBe(1);
  });

  test("of a sender that wants nothing stored is none of the book's", () => {
    const play = new BookPlay();
    expect(play.book.claim(claimOf(1, { store: undefined }), play.now)).toBe(false);
    expect(play.save()).toEqual([]);
  });

  test("gathers its progress for a while, and tells at once that it is whole", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1), play.now);
    play.save();
    play.durable(1, 0, 2);
    expect(play.book.take(play.now)).toBeUndefined();
    play.durable(1, 3, 1);
    expect(play.save()).toEqual(["1 has 3"]);
    play.durable(1, 2, 1);
    play.durable(1, 4, 1);
    const batch = play.book.take(play.now);
    expect(batch?.effects.map(describeEffect)).toEqual(["1 has all", "report share-stored"]);
    expect(batch?.change.shares[0]?.durable).toEqual([{ first: 0, count: 5 }]);
  });

  test("whose end nobody knew is whole once its last record came", () => {
    const play = new BookPlay();
    const offer = { ...claimOf(1).offer, records: RECORD_INDEX, bytes: 0, seekable: false };
    play.book.claim(claimOf(1, { offer }), play.now);
    play.save();
    play.durable(1, 0, 7);
    expect(play.save()).toEqual(["1 has 7"]);
    play.durable(1, 7, 1, 9);
    expect(play.save()).toEqual(["1 has 8"]);
    play.durable(1, 8, 1, 9);
    expect(play.save()).toContain("1 has all");
    play.crash();
    expect(play.inspect(1)).toMatchObject({ state: "stored", records: 9 });
  });

  test("whose end its sender tells is not whole while a record before that lacks", () => {
    const play = new BookPlay();
    const offer = { ...claimOf(1).offer, records: RECORD_INDEX, bytes: 0, seekable: false };
    play.book.claim(claimOf(1, { offer }), play.now);
    play.save();
    play.durable(1, 0, 3);
    play.durable(1, 5, 1);
    play.durable(1, 4, 1, 5);
    expect(play.save()).toEqual(["1 has 5"]);
    play.durable(1, 3, 1, 5);
    expect(play.save()).toContain("1 has all");
  });

  test("goes on from what is durable, with the place that it had", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1), play.now);
    play.durable(1, 0, 3);
    play.save();
    play.crash();
    play.book.claim(claimOf(1, { socket: 7 }), play.now);
    expect(play.save()).toEqual(["1 has 3", "1 for socket 7"]);
    const claimed = play.effects.find(({ t }) => t === "claim");
    expect(claimed).toMatchObject({
      opened: {
        facts: { durable: [{ first: 0, count: 3 }] },
        state: { place: hexOf(0).slice(0, 31) + "1" },
      },
    });
  });

  test("that is whole is not uploaded again by a sender that wants nothing stored", () => {
    const play = new BookPlay();
    play.whole(1);
    expect(play.book.claim(claimOf(1, { store: undefined, socket: 4 }), play.now)).toBe(true);
    expect(play.save()).toEqual(["1 for socket 4"]);
    play.book.claim(claimOf(2), play.now);
    play.save();
    expect(play.book.claim(claimOf(2, { store: undefined }), play.now)).toBe(false);
  });

  test("of the same share with other sizes is refused", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.claim(claimOf(1, { offer: { ...claimOf(1).offer, records: 6 } }), play.now);
    play.book.claim(claimOf(1, { channel: hexOf(0xc1) }), play.now);
    expect(play.save()).toEqual(["1 refused: not-your-share", "1 refused: not-your-share"]);
  });

  test("that nobody goes on with is gone a day after its last record", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1, { store: { life: 1e6 } }), play.now);
    play.save();
    play.later(UNFINISHED_LIFE_MS - HOUR_MS);
    play.durable(1, 0, 1);
    play.save();
    expect(play.later(UNFINISHED_LIFE_MS - HOUR_MS)).toEqual([]);
    expect(play.later(2 * HOUR_MS)).toEqual(["1 ends: expired", "report stored-share-over"]);
    expect(play.ledger.shares.size).toBe(0);
    expect(play.inspect(1).state).toBe("unknown");
  });

  test("of which nothing came frees its room minutes after its sender left, and not while that is there", () => {
    const play = new BookPlay();
    const store = { life: 1e5 };
    for (const number of [1, 2, 3]) play.book.claim(claimOf(number, { store }), play.now);
    play.durable(2, 0, 1);
    play.save();
    expect(play.later(EMPTY_LIFE_MS)).toEqual([]);
    for (const number of [1, 2]) play.book.senderLeft(hexOf(number), play.now);
    expect(play.later(EMPTY_LIFE_MS - 1)).not.toContain("1 ends: expired");
    expect(play.later(1000)).toEqual(["1 ends: expired", "report stored-share-over"]);
    expect(play.book.counts).toMatchObject({ unfinished: 2, reserved: 1000 });
  });

  test("that its sender offers live again goes a day later, and the share stays", () => {
    const play = new BookPlay();
    for (const number of [1, 2])
      play.book.claim(claimOf(number, { store: { life: 1e6 } }), play.now);
    play.durable(2, 0, 1);
    play.save();
    for (const number of [1, 2]) {
      play.book.senderLeft(hexOf(number), play.now);
      play.book.claim(claimOf(number, { store: undefined }), play.now);
    }
    expect(play.later(EMPTY_LIFE_MS)).toContain("report stored-share-over");
    const said = play.later(UNFINISHED_LIFE_MS);
    expect(said).toContain("report stored-share-over");
    expect(said).not.toContain("2 ends: expired");
    expect(play.ledger.shares.size).toBe(0);
  });

  test("is not shown to receivers before it is whole", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1), play.now);
    play.durable(1, 0, 4);
    play.save();
    play.crash();
    expect(play.book.channels(9)).toEqual([]);
    play.book.asked(1, CHANNEL, play.now);
    play.book.lookUp(1, 5, hexOf(1), play.now);
    expect(play.save()).toEqual(["answer 5 to 1"]);
  });

  test("has no more runs of records than the ledger takes, whatever comes durable", () => {
    const play = new BookPlay();
    const offer = { ...claimOf(1).offer, records: 10_000 };
    play.book.claim(claimOf(1, { offer }), play.now);
    for (let index = 0; index < 10_000; index += 2) play.durable(1, index, 1);
    play.save();
    play.crash();
    expect(play.inspect(1)).toMatchObject({ state: "unfinished", records: 1024 });
  });
});

describe("limits", () => {
  test("bound the bytes of one share, as offered", () => {
    const play = new BookPlay({ "stored-share-bytes": 299 });
    play.book.claim(claimOf(1), play.now);
    expect(play.save()).toEqual(["1 refused: store-full"]);
    expect(play.ledger.shares.size).toBe(0);
  });

  test("bound the bytes of one share whose size nobody knew, and remove it", () => {
    const play = new BookPlay({ "stored-share-bytes": 300 });
    const offer = { ...claimOf(1).offer, records: RECORD_INDEX, bytes: 0, seekable: false };
    play.book.claim(claimOf(1, { offer }), play.now);
    play.save();
    play.durable(1, 0, 4);
    expect(play.save()).toEqual(["1 has 4"]);
    play.durable(1, 4, 2);
    expect(play.save()).toEqual(["sender of 1 fails: store-full"]);
    expect(play.ledger.shares.size).toBe(0);
  });

  test("bound the bytes of all, and a share that goes makes room", () => {
    // Five frames of 100 bytes each.
    const play = new BookPlay({ "store-bytes": 1100 });
    for (const number of [1, 2, 3]) play.book.claim(claimOf(number), play.now);
    expect(play.save()).toEqual(["1 for socket 1", "2 for socket 2", "3 refused: store-full"]);
    play.book.revoke(0, 1, hexOf(1), play.now);
    play.book.claim(claimOf(3), play.now);
    expect(play.save()).toContain("3 for socket 3");
    play.crash();
    play.book.claim(claimOf(4), play.now);
    expect(play.save()).toEqual(["4 refused: store-full"]);
    expect(play.book.counts).toMatchObject({ whole: 0, unfinished: 2, bytes: 0, reserved: 1000 });
  });

  test("bound the shares of all, of an address and of a channel, also after a restart", () => {
    const at = (number: number, address: string) =>
      claimOf(number, { address, channel: hexOf(number) });
    const play = new BookPlay({ "stored-shares-per-address": 1, "stored-shares": 3 });
    play.book.claim(at(1, "a"), play.now);
    play.book.claim(at(2, "a"), play.now);
    expect(play.save()).toEqual(["1 for socket 1", "2 refused: store-full"]);
    play.crash();
    play.book.claim(at(2, "a"), play.now);
    for (const number of [3, 4, 5]) play.book.claim(at(number, `${number}`), play.now);
    expect(play.save()).toEqual([
      "2 refused: store-full",
      "3 for socket 3",
      "4 for socket 4",
      "5 refused: store-full",
    ]);
    expect([...play.ledger.shares.values()].join("")).not.toContain('"a"');
    const crowded = new BookPlay({ "shares-per-channel": 1 });
    crowded.book.claim(claimOf(1), crowded.now);
    crowded.book.claim(claimOf(2), crowded.now);
    expect(crowded.save()).toEqual(["1 for socket 1", "2 refused: too-many"]);
  });

  test("bound the bytes of an address, as offered and as they come", () => {
    const small = new BookPlay({ "store-bytes-per-address": 400 });
    small.book.claim(claimOf(1, { address: "a" }), small.now);
    expect(small.save()).toEqual(["1 refused: store-full"]);
    const play = new BookPlay({ "store-bytes-per-address": 1100 });
    const at = (number: number, address: string, more: Partial<Offer> = {}) => {
      const claim = claimOf(number, { address });
      return { ...claim, offer: { ...claim.offer, ...more } };
    };
    for (const number of [1, 2, 3]) play.book.claim(at(number, "a"), play.now);
    play.book.claim(at(4, "b"), play.now);
    expect(play.save()).toEqual([
      "1 for socket 1",
      "2 for socket 2",
      "3 refused: store-full",
      "4 for socket 4",
    ]);
    play.book.revoke(0, 1, hexOf(1), play.now);
    play.book.claim(at(5, "a", { records: RECORD_INDEX, bytes: 0, seekable: false }), play.now);
    play.durable(5, 0, 6);
    expect(play.save()).not.toContain("sender of 5 fails: store-full");
    play.durable(5, 6, 1);
    expect(play.save()).toContain("sender of 5 fails: store-full");
  });

  test("bound a share by its records where its sender says that it has few bytes", () => {
    const play = new BookPlay();
    const claim = claimOf(1);
    const recordSize = 1024 ** 2;
    const offer = { ...claim.offer, recordSize, records: 20 * 1024, bytes: 1 };
    play.book.claim({ ...claim, offer }, play.now);
    expect(play.save()).toEqual(["1 refused: store-full"]);
  });

  test("cut a life that is too long", () => {
    const play = new BookPlay({ "store-life": HOUR_MS });
    play.whole(1, { store: { life: 1e6 } });
    expect(play.later(HOUR_MS - 5000)).toEqual([]);
    expect(play.later(5000)).toContain("1 ends: stored-expired");
  });
});

describe("a life", () => {
  test("ends at once, also after a restart, and receivers hear of it for a month", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.asked(3, CHANNEL, play.now);
    expect(play.save()).toEqual(["1 opened at 3"]);
    expect(play.later(1_000_000)).toEqual([
      "report stored-share-over",
      "1 ends: stored-expired",
      "over at 3: 1 stored-expired",
    ]);
    expect(play.ledger.shares.size).toBe(0);
    play.crash();
    play.book.asked(4, CHANNEL, play.now);
    expect(play.save()).toEqual(["over at 4: 1 stored-expired"]);
    expect(play.inspect(1)).toMatchObject({ state: "stored-expired", records: 5 });
    play.later(TOMBSTONE_MS);
    expect(play.ledger.tombstones.size).toBe(0);
    play.book.asked(5, CHANNEL, play.now);
    expect(play.save()).toEqual([]);
  });

  test("that is over while the relay is away ends when it begins", () => {
    const play = new BookPlay();
    play.whole(1);
    play.now += 2_000_000;
    play.crash();
    expect(play.later(0)).toContain("1 ends: stored-expired");
    expect(play.ledger.shares.size).toBe(0);
  });

  test("takes the new length of the same sender, whether longer or shorter", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.claim(claimOf(1, { store: { life: 5000 } }), play.now);
    play.save();
    expect(play.later(2_000_000)).toEqual([]);
    play.book.claim(claimOf(1, { store: { life: 10 } }), play.now);
    play.save();
    expect(play.later(11_000)).toContain("1 ends: stored-expired");
  });

  test("of a share is followed by another in its channel: receivers hear of the first no more, its sender does", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1 } });
    play.later(2000);
    play.whole(2);
    play.book.asked(1, CHANNEL, play.now);
    expect(play.save()).toEqual(["2 opened at 1"]);
    play.book.revoke(0, 1, hexOf(2), play.now);
    play.save();
    play.crash();
    play.book.asked(1, CHANNEL, play.now);
    expect(play.save()).toEqual(["over at 1: 2 revoked"]);
    expect(play.inspect(1)).toMatchObject({ state: "stored-expired" });
  });

  test("that is over opens its share to no receiver that comes before the next look", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1 } });
    play.book.tick(play.now);
    play.now += 1000;
    play.book.asked(1, CHANNEL, play.now);
    const effects = play.save();
    expect(effects).toContain("1 ends: stored-expired");
    expect(effects).toContain("over at 1: 1 stored-expired");
    expect(effects).not.toContain("1 opened at 1");
  });

  test("of a share is over, and it may be stored anew", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1 } });
    play.later(2000);
    play.whole(1);
    play.crash();
    expect(play.inspect(1)).toMatchObject({ state: "stored", downloads: 0 });
  });
});

describe("downloads", () => {
  const two = { store: { life: 1e5, downloads: 2 } };

  test("count once for each receiver", () => {
    const play = new BookPlay();
    play.whole(1);
    play.download(1, 20);
    expect(play.save()).toEqual(["1 counted 20"]);
    play.crash();
    play.download(1, 20);
    play.download(1, 21);
    expect(play.save()).toEqual(["1 counted 20", "1 counted 21"]);
    expect(play.inspect(1)).toMatchObject({ downloads: 2, state: "stored" });
    expect(play.inspect(1).receipts.map(({ at }) => at)).toHaveLength(2);
  });

  test("count once for a receiver that says so again when hundreds of others came after it", () => {
    const play = new BookPlay();
    play.whole(1);
    const say = (number: number): void => {
      const receiver = new Uint8Array(new Uint16Array(8).fill(number).buffer);
      const receipt = { receiver, records: 5, mac: sixteen(0) };
      play.book.downloads.download(hexOf(1), receipt, true, play.now);
    };
    for (let number = 0; number < 300; number++) say(number);
    play.save();
    play.crash();
    say(0);
    expect(play.save()).toHaveLength(1);
    expect(play.inspect(1).downloads).toBe(300);
  });

  test("end the share with the last one, in the save before its receiver hears of it", () => {
    const play = new BookPlay();
    play.whole(1, two);
    play.book.asked(2, CHANNEL, play.now);
    play.download(1, 20);
    expect(play.save()).toEqual(["1 counted 20", "1 has all, 1 left", "1 opened at 2"]);
    play.download(1, 21);
    const batch = play.book.take(play.now)!;
    expect(batch.change.removed).toHaveLength(1);
    expect(batch.change.tombstones).toMatchObject([
      { reason: "exhausted", downloads: 2, downloadsMost: 2, receipts: [{}, {}] },
    ]);
    expect(batch.effects.map(describeEffect)).toEqual([
      "1 counted 21",
      "report stored-share-over",
      "1 has all, 0 left",
      "1 ends: exhausted",
      "over at 2: 1 exhausted",
    ]);
  });

  test("that are used up are not given again to a sender that missed the end", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1e5, downloads: 1 } });
    play.download(1, 20);
    play.save();
    play.crash();
    play.book.claim(claimOf(1, { store: { life: 1e5, downloads: 1 } }), play.now);
    expect(play.save()).toEqual(["1 refused: exhausted"]);
    expect(play.inspect(1)).toMatchObject({ state: "exhausted", downloads: 1 });
  });

  test("that a crash came before are not counted, and may be told again", () => {
    const play = new BookPlay();
    play.whole(1, two);
    play.download(1, 20);
    play.save();
    play.download(1, 21);
    expect(play.book.take(play.now)).toBeDefined();
    play.crash();
    expect(play.inspect(1)).toMatchObject({ state: "stored", downloads: 1 });
    play.download(1, 21);
    expect(play.save()).toContain("1 ends: exhausted");
  });

  test("let receivers finish that had begun, and no others, also after a restart", () => {
    const play = new BookPlay();
    play.whole(1, two);
    for (const receiver of [20, 21, 22]) play.begun(1, receiver);
    play.download(1, 20);
    play.download(1, 21);
    expect(play.save()).toEqual([
      "1 counted 20",
      "1 counted 21",
      "1 has all, 0 left, 22 may finish",
    ]);
    play.begun(1, 23);
    play.crash();
    play.book.asked(1, CHANNEL, play.now);
    play.save();
    expect(play.effects).toMatchObject([
      { t: "open", opened: { state: { downloadsLeft: 0, begun: [hexOf(22)] } } },
    ]);
    expect(play.inspect(1)).toMatchObject({ state: "exhausted", downloads: 2, downloadsMost: 2 });
    for (let minutes = 0; minutes < 20; minutes++) {
      play.book.downloads.finishing(hexOf(1), play.now);
      play.later(60_000);
    }
    play.download(1, 22);
    expect(play.save()).toContain("1 ends: exhausted");
    expect(play.inspect(1)).toMatchObject({ state: "exhausted", downloads: 3, records: 5 });
  });

  test("wait for receivers that had begun while they are away for some minutes, and no longer", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1e5, downloads: 1 } });
    play.book.asked(1, CHANNEL, play.now);
    play.begun(1, 20);
    play.begun(1, 21);
    play.download(1, 20);
    play.later(0);
    play.later(BEGUN_ABSENT_MS / 2);
    play.book.downloads.finishing(hexOf(1), play.now);
    play.book.unasked(1, CHANNEL, play.now);
    expect(play.later(BEGUN_ABSENT_MS - 1000)).toEqual(["1 unloaded"]);
    expect(play.later(1000)).toContain("1 ends: exhausted");
  });

  test("before the share is whole end it when it is", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1, { store: { life: 1000, downloads: 1 } }), play.now);
    play.save();
    play.durable(1, 0, 4);
    play.download(1, 20);
    expect(play.save()).toEqual(["1 counted 20", "1 has 4, 0 left"]);
    play.durable(1, 4, 1);
    expect(play.save()).toContain("1 ends: exhausted");
  });

  test("may be more when the sender says so", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1000, downloads: 1 } });
    play.begun(1, 21);
    play.download(1, 20);
    play.save();
    play.book.claim(claimOf(1, { store: { life: 1000, downloads: 3 } }), play.now);
    expect(play.save()).toEqual(["1 has all, 2 left", "1 for socket 1"]);
  });

  test("of a share that is over count for nothing", () => {
    const play = new BookPlay();
    play.download(1, 20);
    play.begun(1, 20);
    play.durable(1, 0, 5);
    expect(play.save()).toEqual([]);
  });
});

describe("a sender with the proof", () => {
  test("revokes its share, and hears of it when that survives a crash", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.revoke(0, 8, hexOf(1), play.now);
    expect(play.ledger.shares.size).toBe(1);
    expect(play.save()).toEqual(["revoked to 0/8", "report stored-share-over", "1 ends: revoked"]);
    expect(play.effects[0]).toMatchObject({ message: { known: true } });
    play.crash();
    expect(play.ledger.shares.size).toBe(0);
    play.book.revoke(0, 8, hexOf(1), play.now);
    play.book.revoke(0, 8, hexOf(2), play.now);
    play.save();
    expect(play.effects).toMatchObject([
      { message: { known: true } },
      { message: { known: false } },
    ]);
    expect(play.inspect(1).state).toBe("revoked");
  });

  test("revokes what it has not finished, too", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1), play.now);
    play.durable(1, 0, 2);
    play.save();
    expect(play.inspect(1)).toMatchObject({ state: "unfinished", records: 2, downloads: 0 });
    play.book.revoke(0, 8, hexOf(1), play.now);
    expect(play.save()).toContain("1 ends: revoked");
    expect(play.ledger.shares.size).toBe(0);
  });
});

describe("a ledger that fails", () => {
  const full = new FaultError("store-full", "the index: SQLITE_FULL");

  test("refuses new shares, tells senders, and keeps the rest for the next try", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.claim(claimOf(2), play.now);
    play.save();
    play.book.claim(claimOf(3), play.now);
    play.durable(2, 0, 1);
    play.download(1, 20);
    play.book.inspect(0, 9, hexOf(1));
    expect(play.book.take(play.now)).toBeDefined();
    expect(play.book.saveFailed(full, play.now).map(describeEffect)).toEqual([
      "3 refused: store-full",
      "socket 0/9 fails: store-full",
      "sender of 2 fails: store-full",
    ]);
    expect(play.book.take(play.now + 500)).toBeUndefined();
    play.book.claim(claimOf(4), play.now);
    play.now += 1000;
    expect(play.save()).toEqual(["1 counted 20", "2 has 1", "4 refused: store-failed"]);
    play.crash();
    expect(play.inspect(1).downloads).toBe(1);
    expect(play.inspect(2).records).toBe(1);
    expect(play.inspect(3).state).toBe("unknown");
    play.book.claim(claimOf(4), play.now);
    expect(play.save()).toContain("4 for socket 4");
  });

  test("tells the sender of a share that is whole and was never saved so, and not once it was", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1), play.now);
    play.save();
    play.durable(1, 0, 3);
    const before = play.book.take(play.now + PROGRESS_MS)!;
    // The last records come while the save of the first ones runs.
    play.durable(1, 3, 2);
    play.ledger.save(before);
    play.book.saved();
    for (let again = 0; again < 2; again++) {
      play.now += 1000;
      expect(play.book.take(play.now)).toBeDefined();
      const said = play.book.saveFailed(full, play.now).map(describeEffect);
      expect(said).toEqual(["sender of 1 fails: store-full"]);
    }
    play.now += 1000;
    expect(play.save()).toEqual(["1 has all", "report share-stored"]);
    for (const restart of [() => undefined, () => play.crash()]) {
      restart();
      play.book.claim(claimOf(1, { store: { life: 2000 } }), play.now);
      expect(play.book.take(play.now)).toBeDefined();
      const said = play.book.saveFailed(full, play.now).map(describeEffect);
      expect(said).toEqual(["1 refused: store-full"]);
      play.now += 1000;
      play.save();
    }
  });

  test("refuses clients while a save takes long, and knows them when they come again", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1), play.now);
    const batch = play.book.take(play.now)!;
    play.book.claim(claimOf(2), play.now);
    play.book.inspect(0, 9, hexOf(1));
    const late = new FaultError("store-failed");
    expect(play.book.saveLate(late).map(describeEffect)).toEqual([
      "1 refused: store-failed",
      "2 refused: store-failed",
      "socket 0/9 fails: store-failed",
    ]);
    expect(play.book.saveLate(late)).toEqual([]);
    expect(batch.effects.every(({ t }) => REFUSABLE.has(t))).toBe(true);
    play.ledger.save(batch);
    play.book.saved();
    for (const share of [1, 2]) play.book.claim(claimOf(share), play.now);
    expect(play.save()).toEqual(["1 has 0", "1 for socket 1", "2 for socket 2"]);
  });

  test("leaves its sender to a share that another one claimed for something else meanwhile", () => {
    const play = new BookPlay();
    play.book.claim(claimOf(1), play.now);
    play.save();
    play.book.claim(claimOf(2), play.now);
    expect(play.book.take(play.now)).toBeDefined();
    play.book.claim(claimOf(1, { channel: hexOf(0xc1) }), play.now);
    play.book.saveLate(new FaultError("store-failed"));
    expect([...play.book.shares].map(({ sender }) => sender)).toEqual(["storing", "away"]);
  });

  test("still revokes and expires later", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.revoke(0, 9, hexOf(1), play.now);
    expect(play.book.take(play.now)).toBeDefined();
    expect(play.book.saveFailed(full, play.now).map(describeEffect)).toEqual([
      "socket 0/9 fails: store-full",
    ]);
    expect(play.ledger.shares.size).toBe(1);
    expect(play.later(1000)).toContain("1 ends: revoked");
    expect(play.ledger.shares.size).toBe(0);
  });
});

describe("receivers", () => {
  test("have their share opened at their worker, and unloaded a minute after the last", () => {
    const play = new BookPlay();
    play.whole(1);
    expect(play.book.channels(9)).toEqual([CHANNEL]);
    play.book.asked(1, CHANNEL, play.now);
    play.book.asked(2, CHANNEL, play.now);
    expect(play.save()).toEqual(["1 opened at 1", "1 opened at 2"]);
    expect(play.book.askerIn(CHANNEL)).toBe(1);
    play.book.workerLost(1, play.now);
    expect(play.book.askerIn(CHANNEL)).toBe(2);
    play.book.unasked(2, CHANNEL, play.now);
    expect(play.book.askerIn(CHANNEL)).toBeUndefined();
    expect(play.later(UNLOAD_MS - 1000)).toEqual([]);
    expect(play.later(2000)).toEqual(["1 unloaded"]);
    expect(play.later(UNLOAD_MS)).toEqual([]);
  });

  test("that ask by HTTP get an answer, after the share if there is one", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.lookUp(1, 5, hexOf(1), play.now);
    play.book.lookUp(1, 6, hexOf(2), play.now);
    expect(play.save()).toEqual(["1 opened at 1", "answer 5 to 1", "answer 6 to 1"]);
    expect(play.later(UNLOAD_MS)).toEqual(["1 unloaded"]);
  });

  test("of a worker that died are told nothing", () => {
    const play = new BookPlay();
    play.whole(1);
    play.book.asked(1, CHANNEL, play.now);
    play.book.inspect(1, 4, hexOf(1));
    play.book.claim(claimOf(2, { worker: 1 }), play.now);
    play.book.lookUp(2, 7, hexOf(3), play.now);
    play.book.workerLost(1, play.now);
    expect(play.save()).toEqual(["answer 7 to 2"]);
  });

  test("are let into a share by HTTP no longer than it lives", () => {
    const play = new BookPlay();
    play.whole(1, { store: { life: 1 } });
    play.book.tick(play.now);
    play.now += 1000;
    play.book.lookUp(1, 5, hexOf(1), play.now);
    const effects = play.save();
    expect(effects).toContain("1 ends: stored-expired");
    expect(effects).toContain("answer 5 to 1");
    expect(effects).not.toContain("1 opened at 1");
  });

  test("that come again and again while a save runs fill no memory, and senders get their answers", () => {
    const play = new BookPlay();
    play.whole(1);
    play.download(1, 7);
    expect(play.book.take(play.now)).toBeDefined();
    for (let count = 0; count < EFFECTS_MOST + 10; count++) {
      play.book.asked(1, CHANNEL, play.now);
      play.book.unasked(1, CHANNEL, play.now);
    }
    play.book.inspect(0, 9, hexOf(1));
    play.book.saved();
    const said = play.save();
    expect(said.length).toBe(EFFECTS_MOST + 1);
    expect(said.at(-1)).toBe("inspected to 0/9");
  });
});

test("an operator removes a share by its number, and leaves no trace of it", () => {
  const play = new BookPlay();
  play.whole(1);
  const [one] = [...play.book.shares];
  expect(play.book.remove(999)).toBeUndefined();
  expect(play.book.remove(one!.number)).toBe(hexOf(1));
  expect(play.save()).toEqual(["1 ends: removed"]);
  expect(play.ledger.shares.size + play.ledger.tombstones.size).toBe(0);
});
