/** Stored shares at relays of two workers in virtual time, over a disk that writes when it is told to. */
import { describe, expect, test } from "bun:test";

import { CREDIT_RECORDS, RECORD_INDEX } from "../../../protocol/mod.ts";
import { BEGUN_MOST } from "../../../relay/store/begun-receivers.ts";
import { BEGUN_ABSENT_MS, CRASH_MS } from "../../../relay/store/downloads.ts";
import { PlayShare, RelayPlay, range } from "../../support/relay/relay-play.ts";

const RECORDS = 60;
const ALL = range(0, RECORDS);
const STORE = { life: 100_000 };
const SENDER = 1;
const RECEIVER = 2;
const LATE = 3;
const THIRD = 4;
const OTHER_SENDER = 5;
/** Sockets of clients in the relay's own process. */
const READER = -1;
const OTHER_READER = -2;
const TICK_MS = 250;

const share = new PlayShare(7, { records: RECORDS, seekable: true });
/** Its sender alone knows where it ends. */
const open = new PlayShare(8, { records: RECORD_INDEX }, RECORDS);

function newPlay(blocks = 100): RelayPlay {
  return new RelayPlay({ workers: 2, blocks, hasStore: true });
}

function isWithout(repeated: readonly number[]): boolean {
  return new Set(repeated).size === repeated.length;
}

/** Its sender gives what it is asked for, until nothing more is. @returns the records, in order */
async function give(
  play: RelayPlay,
  worker: number,
  socket: number,
  of: PlayShare,
): Promise<number[]> {
  const given: number[] = [];
  for (let had = -1; had < given.length;) {
    had = given.length;
    given.push(...play.run(worker, socket, of));
    await play.settled();
  }
  return given;
}

/** A share whose sender stored all of it and went. */
async function stored(of = share, play = newPlay()): Promise<RelayPlay> {
  await play.send(0, SENDER, of, 0, STORE).settled();
  await give(play, 0, SENDER, of);
  play.say(0, SENDER, { t: "end", share: of.offer.share });
  await play.close(0, SENDER).settled();
  return play;
}

/** A receiver that takes all it is given, until nothing more comes. */
async function take(
  play: RelayPlay,
  worker: number,
  socket: number,
  of = share,
): Promise<number[]> {
  for (let had = -1; had < play.got(worker, socket).length;) {
    had = play.got(worker, socket).length;
    await play.ack(worker, socket, of, had).settled();
  }
  return play.got(worker, socket);
}

describe("a share that is stored without receivers", () => {
  test("is asked of its sender once, and leaves the log empty", async () => {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, STORE).settled();
    const asked = play.run(0, SENDER, share);
    expect(asked).toEqual(ALL);
    expect(play.blocksHeld).toBe(0);
    await play.settled();
    expect(play.told(0, SENDER)).toEqual(["accepted", "stored"]);
    expect([...play.disk.files.values()].map(({ size }) => size)).toEqual([RECORDS]);
  });

  test("goes to receivers at any worker when its sender is gone", async () => {
    const play = await stored();
    play.join(0, RECEIVER, share);
    play.join(1, LATE, share);
    await play.settled();
    expect(await take(play, 0, RECEIVER)).toEqual(ALL);
    expect(await take(play, 1, LATE)).toEqual(ALL);
    expect(play.sockets.flatMap(({ wants }) => wants)).toEqual([]);
  });

  test("goes on at another worker when the one that served it crashed", async () => {
    const play = await stored();
    await play.join(0, RECEIVER, share).join(1, LATE, share).settled();
    await take(play, 0, RECEIVER);
    await play.crash(0).settled();
    play.disk.reads = [];
    await play.tick(TICK_MS).settled();
    expect(await take(play, 1, LATE)).toEqual(ALL);
  });

  test("is offered again by its sender, which hears at once that it is stored", async () => {
    const play = await stored();
    play.told(0, SENDER);
    await play.send(1, SENDER, share, 0, STORE).settled();
    expect(play.told(1, SENDER)).toEqual(["accepted", "stored"]);
    expect(play.sockets[1]!.wants).toEqual([]);
    await play.join(0, RECEIVER, share).settled();
    expect(await take(play, 0, RECEIVER)).toEqual(ALL);
    expect(play.disk.stores).toBe(1);
  });
});

describe("a share that is stored while it is received", () => {
  test("is asked of its sender once, for the receiver and the store together", async () => {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, STORE).settled();
    play.join(0, RECEIVER, share);
    const asked: number[] = [];
    while (asked.length < RECORDS) {
      asked.push(...play.answer(0, SENDER, share, 4));
      await take(play, 0, RECEIVER);
    }
    expect(isWithout(asked)).toBe(true);
    expect(play.got(0, RECEIVER)).toEqual(ALL);
    await play.settled();
    expect(play.told(0, SENDER)).toContain("stored");
  });

  test("gives its receiver from the log what the store asked for ahead", async () => {
    const play = newPlay(200);
    await play.send(0, SENDER, share, 0, STORE).settled();
    await play.join(0, RECEIVER, share).settled();
    for (let turns = 0; turns < 4; turns++) {
      play.answer(0, SENDER, share, 4);
      await take(play, 0, RECEIVER);
    }
    play.disk.reads = [];
    play.run(0, SENDER, share);
    expect(await take(play, 0, RECEIVER)).toEqual(ALL);
    expect(play.disk.reads).toEqual([]);
  });

  test("gives a late receiver from the store what the log lacks", async () => {
    const play = newPlay(4);
    await play.send(0, SENDER, share, 0, STORE).settled();
    const half = range(0, 4).flatMap(() => play.answer(0, SENDER, share, 8));
    await play.settled();
    await play.join(1, LATE, share).settled();
    const first = half.length;
    await play.ack(1, LATE, share, 4).settled();
    expect(play.got(1, LATE).slice(0, 4)).toEqual(range(0, 4));
    const rest = play.run(0, SENDER, share);
    expect(rest.every((index) => index >= first)).toBe(true);
  });

  test("is as fast as its receiver while the disk stands still, and is copied from the log after", async () => {
    const play = newPlay();
    play.disk.most = 4;
    play.disk.stick();
    await play.send(0, SENDER, share, 0, STORE).settled();
    play.join(0, RECEIVER, share);
    const asked: number[] = [];
    while (play.got(0, RECEIVER).length < RECORDS) {
      asked.push(...play.run(0, SENDER, share));
      await take(play, 0, RECEIVER);
    }
    expect([...play.disk.files.values()].map(({ size }) => size)).toEqual([0]);
    play.disk.go();
    for (let ticks = 0; ticks < 20; ticks++) {
      asked.push(...play.run(0, SENDER, share));
      await play.tick(TICK_MS).settled();
    }
    expect([...play.disk.files.values()].map(({ size }) => size)).toEqual([RECORDS]);
    expect(isWithout(asked)).toBe(true);
  });

  test("is copied from the log when its sender wants it stored later", async () => {
    const play = newPlay(200);
    await play.send(0, SENDER, share).settled();
    await play.join(0, RECEIVER, share).settled();
    const asked: number[] = [];
    while (play.got(0, RECEIVER).length < RECORDS) {
      asked.push(...play.run(0, SENDER, share));
      await take(play, 0, RECEIVER);
    }
    await play.close(0, SENDER).settled();
    await play.send(0, OTHER_SENDER, share, 0, STORE).settled();
    for (let ticks = 0; ticks < 4; ticks++) {
      asked.push(...play.run(0, OTHER_SENDER, share));
      await play.tick(TICK_MS).settled();
    }
    expect(play.told(0, OTHER_SENDER)).toContain("stored");
    expect(isWithout(asked)).toBe(true);
  });

  test("asks again for what neither the log nor the store has", async () => {
    const play = newPlay(4);
    play.disk.most = 4;
    play.disk.stick();
    await play.send(0, SENDER, share, 0, STORE).settled();
    play.join(0, RECEIVER, share);
    while (play.got(0, RECEIVER).length < RECORDS) {
      play.run(0, SENDER, share);
      await take(play, 0, RECEIVER);
    }
    play.disk.go();
    for (let ticks = 0; ticks < 40; ticks++) {
      play.run(0, SENDER, share);
      await play.tick(TICK_MS).settled();
    }
    expect([...play.disk.files.values()].map(({ size }) => size)).toEqual([RECORDS]);
  });
});

describe("a sender that comes back", () => {
  test("gives what is not stored, to whatever worker", async () => {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, STORE).settled();
    const before = [...play.answer(0, SENDER, share), ...play.answer(0, SENDER, share, 5)];
    await play.settled();
    await play.close(0, SENDER).settled();
    play.sockets[0]!.wants.length = 0;
    await play.send(1, LATE, share, 0, STORE).settled();
    const after = play.run(1, LATE, share);
    expect([...before, ...after].toSorted((one, other) => one - other)).toEqual(ALL);
    await play.settled();
    expect(play.told(1, LATE)).toContain("stored");
    expect(play.disk.stores).toBe(1);
  });

  test("gives what was not durable when its worker crashed", async () => {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, STORE).settled();
    const durable = play.answer(0, SENDER, share);
    await play.settled();
    play.disk.stick();
    const lost = play.answer(0, SENDER, share, 5);
    play.disk.crash();
    await play.crash(0).settled();
    play.disk.go();
    await play.send(1, LATE, share, 0, STORE).settled();
    const after = play.run(1, LATE, share);
    expect([...durable, ...after].toSorted((one, other) => one - other)).toEqual(ALL);
    expect(lost.every((index) => after.includes(index))).toBe(true);
  });

  test("may want it live this time, and confirms its receivers itself", async () => {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, STORE).settled();
    play.answer(0, SENDER, share, 5);
    await play.close(0, SENDER).settled();
    play.sockets[0]!.wants.length = 0;
    await play.send(0, OTHER_SENDER, share).settled();
    expect(play.disk.stores).toBe(0);
    await play.join(0, RECEIVER, share).settled();
    while (play.got(0, RECEIVER).length < RECORDS) {
      play.run(0, OTHER_SENDER, share);
      await take(play, 0, RECEIVER);
    }
    await play.complete(0, RECEIVER, share).settled();
    const receiver = new Uint8Array(16).fill(RECEIVER);
    play.say(0, OTHER_SENDER, { t: "receipted", share: share.offer.share, receiver });
    expect(play.told(0, RECEIVER)).toContain("completed");
  });

  test("at another worker is asked for nothing that it gave before, even if the disk is slow", async () => {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, STORE).settled();
    play.disk.stick();
    const given = play.answer(0, SENDER, share, 5);
    await play.close(0, SENDER).settled();
    await play.send(1, OTHER_SENDER, share, 0, STORE).settled();
    play.disk.go();
    await play.settled();
    expect(await give(play, 1, OTHER_SENDER, share)).toEqual(
      ALL.filter((index) => !given.includes(index)),
    );
    expect(play.told(1, OTHER_SENDER)).toContain("stored");
  });

  test("need not come back when it went before the last records were durable", async () => {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, STORE).settled();
    play.disk.stick();
    play.run(0, SENDER, share);
    await play.close(0, SENDER).settled();
    play.disk.go();
    await play.settled();
    await play.join(1, RECEIVER, share).settled();
    expect(await take(play, 1, RECEIVER)).toEqual(ALL);
    await play.tick(10 * 60_000).settled();
    await play.join(1, LATE, share).settled();
    expect(await take(play, 1, LATE)).toEqual(ALL);
  });
});

describe("a stored stream", () => {
  test("comes in order, no further ahead of the disk than its sender keeps", async () => {
    const play = newPlay();
    play.disk.stick();
    await play.send(0, SENDER, open, 0, STORE).settled();
    expect(play.run(0, SENDER, open)).toEqual(range(0, CREDIT_RECORDS));
    await play.join(0, RECEIVER, open).settled();
    expect(await take(play, 0, RECEIVER, open)).toEqual(range(0, CREDIT_RECORDS));
    expect(play.run(0, SENDER, open)).toEqual([]);
    play.disk.go();
    await play.settled();
    expect(await give(play, 0, SENDER, open)).toEqual(range(CREDIT_RECORDS, RECORDS));
    expect(play.told(0, SENDER)).toContain("stored");
    expect(await take(play, 0, RECEIVER, open)).toEqual(ALL);
  });

  test("goes to receivers that come when its sender is gone, from the first record on", async () => {
    const play = await stored(open);
    await play.join(0, RECEIVER, open).join(1, LATE, open).settled();
    expect(await take(play, 0, RECEIVER, open)).toEqual(ALL);
    expect(await take(play, 1, LATE, open)).toEqual(ALL);
  });

  test("is not held up by a receiver that takes nothing", async () => {
    const play = newPlay(4);
    await play.send(0, SENDER, open, 0, STORE).settled();
    await play.join(0, RECEIVER, open).settled();
    expect(await give(play, 0, SENDER, open)).toEqual(ALL);
    expect(await take(play, 0, RECEIVER, open)).toEqual(ALL);
  });

  test("goes on in order where its sender was cut off", async () => {
    const play = newPlay();
    await play.send(0, SENDER, open, 0, STORE).settled();
    const before = play.answer(0, SENDER, open, 5);
    await play.settled();
    await play.close(0, SENDER).settled();
    play.sockets[0]!.wants.length = 0;
    await play.send(1, LATE, open, 0, STORE).settled();
    expect([...before, ...(await give(play, 1, LATE, open))]).toEqual(ALL);
  });
});

describe("a store that fails", () => {
  test("gives no receiver another record than it wants", async () => {
    const play = await stored();
    const [file] = play.disk.files.values();
    play.disk.lie = file!.get(9)!;
    await play.join(0, RECEIVER, share).settled();
    await take(play, 0, RECEIVER);
    expect(play.got(0, RECEIVER)).toEqual([]);
    expect(play.told(0, RECEIVER)).toEqual(["cancel store-failed"]);
  });

  test("and is full ends its sender, and no receiver of another share", async () => {
    const play = newPlay();
    const other = new PlayShare(9, { records: RECORDS, seekable: true });
    play.disk.isFull = true;
    await play.send(0, SENDER, share, 0, STORE).settled();
    await play.join(0, RECEIVER, share).settled();
    play.answer(0, SENDER, share, 3);
    await play.settled();
    expect(play.told(0, SENDER)).toContain("fault store-full");
    expect(play.disk.stores).toBe(0);
    play.sockets[0]!.wants.length = 0;
    await play.send(0, OTHER_SENDER, other).settled();
    await play.join(0, LATE, other).settled();
    while (play.run(0, OTHER_SENDER, other).length > 0) await take(play, 0, LATE, other);
    expect(play.got(0, LATE)).toEqual(ALL);
    expect(play.told(0, RECEIVER)).toEqual([]);
  });
});

describe("a share with few downloads", () => {
  const ONE = { life: 100_000, downloads: 1 };

  async function few(): Promise<RelayPlay> {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, ONE).settled();
    play.run(0, SENDER, share);
    return play.settled();
  }

  test("goes to a receiver that began, and to no other once all have been had", async () => {
    const play = await few();
    await play.join(0, RECEIVER, share).join(1, LATE, share).settled();
    await play.ack(1, LATE, share, 4).tick(TICK_MS).settled();
    await take(play, 0, RECEIVER);
    await play.complete(0, RECEIVER, share).settled();
    expect(play.told(0, RECEIVER)).toEqual(["completed"]);
    await play.join(0, THIRD, share).settled();
    expect(play.told(0, THIRD)).toEqual(["cancel exhausted"]);
    await play.close(1, LATE).settled();
    await play.join(0, LATE, share, { from: 4 }).settled();
    expect(await take(play, 0, LATE)).toEqual(range(4, RECORDS));
    await play.complete(0, LATE, share).settled();
    expect(play.told(0, LATE)).toEqual(["completed", "cancel exhausted"]);
    expect(play.disk.files.size).toBe(0);
  });

  test("ends for receivers that had not begun when the last one has it", async () => {
    const play = await few();
    await play.join(0, RECEIVER, share).join(1, LATE, share, { window: 0 }).settled();
    await take(play, 0, RECEIVER);
    await play.complete(0, RECEIVER, share).settled();
    // Once for itself, and once because the share is over for all.
    expect(play.told(1, LATE)).toEqual(["cancel exhausted", "cancel exhausted"]);
  });

  test("lets a reader by HTTP finish that had begun, and waits for none that went", async () => {
    const play = await few();
    await play.read(0, READER, share).read(1, OTHER_READER, share).settled();
    for (const [worker, reader] of [
      [0, READER],
      [1, OTHER_READER],
    ] as const) {
      await play.ack(worker, reader, share, 1, 1).settled();
    }
    await play.tick(TICK_MS).settled();
    await play.join(0, RECEIVER, share).settled();
    await take(play, 0, RECEIVER);
    await play.complete(0, RECEIVER, share).settled();
    expect(play.told(0, RECEIVER)).toEqual(["completed"]);
    for (let had = 1; had < RECORDS; had++) await play.ack(0, READER, share, had, 1).settled();
    expect(play.got(0, READER)).toEqual(ALL);
    await play.complete(0, READER, share).settled();
    expect(play.told(0, READER)).toEqual(["completed"]);
    expect(play.disk.files.size).toBe(1);
    await play.close(1, OTHER_READER).settled();
    await play.tick(TICK_MS).settled();
    expect(play.disk.files.size).toBe(0);
  });

  test("goes when those that had begun stay away, although others stay in its channel", async () => {
    const play = await few();
    await play.join(0, RECEIVER, share).join(1, LATE, share).settled();
    await play.ack(1, LATE, share, 4).settled();
    await take(play, 0, RECEIVER);
    await play.complete(0, RECEIVER, share).settled();
    const tick = async (from: number, to: number): Promise<void> => {
      for (let at = from; at < to; at += 60_000) await play.tick(60_000).settled();
    };
    await tick(0, 2 * BEGUN_ABSENT_MS);
    expect(play.disk.files.size).toBe(1);
    await play.close(1, LATE).join(1, THIRD, share).settled();
    expect(play.told(1, THIRD)).toEqual(["cancel exhausted"]);
    await tick(0, BEGUN_ABSENT_MS / 2);
    expect(play.disk.files.size).toBe(1);
    await tick(0, BEGUN_ABSENT_MS);
    expect(play.disk.files.size).toBe(0);
  });

  test("lets each address have its part of the places of those that had begun", async () => {
    const play = await few();
    for (let socket = 100; socket < 100 + BEGUN_MOST; socket++) {
      play.hubs[0]?.opened(socket, play.now, "hostile");
      play.hello(0, socket, "receiver", share.channel);
      const message = { t: "join", share: share.offer.share, name: new Uint8Array(1) } as const;
      const receiver = new Uint8Array(16).fill(9);
      new DataView(receiver.buffer).setUint32(0, socket);
      play.say(0, socket, { ...message, receiver, from: RECORDS - 1, window: 16 });
      await play.settled();
      play.ack(0, socket, share, RECORDS).close(0, socket);
    }
    await play.join(1, LATE, share).settled();
    await play.ack(1, LATE, share, 4).settled();
    await play.join(0, RECEIVER, share).settled();
    await take(play, 0, RECEIVER);
    await play.complete(0, RECEIVER, share).settled();
    await play.close(1, LATE).settled();
    await play.join(0, LATE, share, { from: 4 }).settled();
    expect(await take(play, 0, LATE)).toEqual(range(4, RECORDS));
  });

  test("answers a receipt of a receiver that it gave no record, and counts it not", async () => {
    const play = await few();
    await play.tick(CRASH_MS).settled();
    await play.join(0, RECEIVER, share, { from: RECORDS }).settled();
    await play.complete(0, RECEIVER, share).settled();
    expect(play.told(0, RECEIVER)).toEqual(["completed"]);
    await play.join(1, LATE, share).settled();
    expect(await take(play, 1, LATE)).toEqual(ALL);
    await play.complete(1, LATE, share).settled();
    expect(play.told(1, LATE)).toEqual(["completed", "cancel exhausted"]);
  });

  test("counts a receiver whose line broke after its last record, and that says so at another worker", async () => {
    const play = await few();
    await play.tick(CRASH_MS).settled();
    await play.join(0, RECEIVER, share).settled();
    await take(play, 0, RECEIVER);
    await play.close(0, RECEIVER).tick(TICK_MS).settled();
    await play.join(1, RECEIVER, share, { from: RECORDS }).settled();
    await play.complete(1, RECEIVER, share).settled();
    expect(play.told(1, RECEIVER)).toEqual(["completed", "cancel exhausted"]);
  });

  test("counts a receiver that has most of the share from elsewhere", async () => {
    const play = await few();
    await play.tick(CRASH_MS).settled();
    await play.join(0, RECEIVER, share, { from: RECORDS - 1 }).settled();
    await play.complete(0, RECEIVER, share).settled();
    expect(play.told(0, RECEIVER)).toEqual(["completed", "cancel exhausted"]);
  });

  test("counts a receiver that asks for one record at a time, as one that has not agreed", async () => {
    const play = await few();
    await play.tick(CRASH_MS).settled();
    const name = new Uint8Array(1);
    await play.join(0, RECEIVER, share, { from: RECORDS - 1, window: 1, name }).settled();
    await play.complete(0, RECEIVER, share).settled();
    expect(play.told(0, RECEIVER)).toEqual(["completed", "cancel exhausted"]);
  });

  test("knows receivers that had begun before its downloads were limited", async () => {
    const play = newPlay();
    await play.send(0, SENDER, share, 0, STORE).settled();
    play.run(0, SENDER, share);
    await play.settled();
    await play.join(0, RECEIVER, share).join(1, LATE, share).settled();
    await play.ack(1, LATE, share, 4).settled();
    await play.send(0, SENDER, share, 0, ONE).settled();
    await take(play, 0, RECEIVER);
    await play.complete(0, RECEIVER, share).settled();
    expect(play.told(1, LATE)).not.toContain("cancel exhausted");
    expect(await take(play, 1, LATE)).toEqual(ALL);
  });

  test("counts no receipt of a receiver that was not given all", async () => {
    const play = await few();
    await play.join(0, RECEIVER, share).settled();
    await play.complete(0, RECEIVER, share).settled();
    expect(play.told(0, RECEIVER)).toEqual([]);
    await play.join(0, LATE, share).settled();
    expect(await take(play, 0, LATE)).toEqual(ALL);
  });

  test("counts a receipt that came early, of a receiver with records from before, when the rest is given", async () => {
    const play = await few();
    await play.join(0, RECEIVER, share).settled();
    await play.complete(0, RECEIVER, share).settled();
    expect(await take(play, 0, RECEIVER)).toEqual(ALL);
    await play.tick(TICK_MS).settled();
    expect(play.told(0, RECEIVER)).toEqual(["completed", "cancel exhausted"]);
  });
});
