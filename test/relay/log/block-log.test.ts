import { afterEach, describe, expect, test } from "bun:test";
import { FRAME_BYTES } from "../../../protocol/mod.ts";
import { BlockLog } from "../../../relay/log/block-log.ts";
import { createPool, BlockPool } from "../../../relay/log/block-pool.ts";
import { ReplicaLog } from "../../../relay/log/replica.ts";
import {
  bytesFor,
  frameOf,
  freeBlocks,
  keep,
  read,
  rooms,
  type Room,
} from "../../support/relay/log-rooms.ts";

const FRAME = 10;

const opened: Room[] = [];

afterEach(() => {
  for (const room of opened.splice(0)) room[Symbol.dispose]();
});

function frame(index: number, length = FRAME): Uint8Array {
  return frameOf(index, length);
}

describe.each(rooms)("a log in %s", (_, makeRoom) => {
  function roomOf(blocks: number, perBlock = 1, frameBytes = FRAME, workers = 1): Room {
    const blockBytes = Math.min(FRAME_BYTES, bytesFor(perBlock, frameBytes));
    const room = makeRoom({ blocks, blockBytes, workers });
    opened.push(room);
    return room;
  }

  function make(blocks: number, perBlock = 1): { log: BlockLog; pool: BlockPool } {
    const { pool } = roomOf(blocks, perBlock);
    return { log: new BlockLog(pool, FRAME), pool };
  }

  test("has what is put, byte for byte, and nothing else", () => {
    const { log, pool } = make(4);
    expect(log.has(0)).toBe(false);
    expect(read(pool, log, 0)).toBeUndefined();
    expect(keep(log, 0, frame(0))).toBe(true);
    expect(keep(log, 2, frame(2, 3))).toBe(true);
    expect([0, 1, 2].map((index) => log.has(index))).toEqual([true, false, true]);
    expect(read(pool, log, 0)).toEqual(frame(0));
    expect(read(pool, log, 2)).toEqual(frame(2, 3));
  });

  test("keeps a copy of what is put", () => {
    const { log, pool } = make(4);
    const lent = frame(0);
    keep(log, 0, lent);
    lent.fill(0);
    expect(read(pool, log, 0)).toEqual(frame(0));
  });

  test("keeps records that share a block out of each other's bytes, whatever their order", () => {
    const { log, pool } = make(2, 3);
    for (const index of [4, 0, 2, 1, 5, 3]) expect(keep(log, index, frame(index))).toBe(true);
    for (let index = 0; index < 6; index++) expect(read(pool, log, index)).toEqual(frame(index));
  });

  test.each([
    { what: "of 34 bytes, the smallest", bytes: 34, perBlock: 64 },
    { what: "of 70,000 bytes", bytes: 70_000, perBlock: 14 },
    { what: "that fill a block", bytes: FRAME_BYTES, perBlock: 1 },
  ])("goes round with records $what, and every byte is right", ({ bytes, perBlock }) => {
    const { pool } = roomOf(3, perBlock, bytes);
    const log = new BlockLog(pool, bytes);
    expect(log.capacity).toBe(3 * perBlock);
    for (let index = 0; index < 8 * perBlock; index++) {
      expect(keep(log, index, frame(index, bytes))).toBe(true);
      for (let back = Math.max(0, index - perBlock); back <= index; back += perBlock) {
        expect(Buffer.compare(read(pool, log, back)!, frame(back, bytes))).toBe(0);
      }
    }
    for (let index = 5 * perBlock; index < 8 * perBlock; index++) {
      expect(Buffer.compare(read(pool, log, index)!, frame(index, bytes))).toBe(0);
    }
  });

  test("puts nothing without a place", () => {
    const { log } = make(4);
    expect(log.put(0, frame(0))).toBe("no-place");
    expect(log.has(0)).toBe(false);
  });

  test("puts nothing that is larger than its frames", () => {
    const { log } = make(2, 2);
    log.reserve(0);
    expect(log.put(0, frame(0, FRAME + 1))).toBe("no-place");
    expect(log.has(0)).toBe(false);
  });

  test("makes room by the least recently used", () => {
    const { log, pool } = make(3);
    for (const index of [0, 1, 2]) keep(log, index, frame(index));
    read(pool, log, 0);
    keep(log, 3, frame(3));
    expect([0, 1, 2, 3].map((index) => log.has(index))).toEqual([true, false, true, true]);
    keep(log, 4, frame(4));
    expect([0, 2, 3, 4].map((index) => log.has(index))).toEqual([true, false, true, true]);
  });

  test("keeps a reserved place, whatever else wants room", () => {
    const { log } = make(2);
    expect(log.reserve(7)).toBe(true);
    for (const index of [0, 1, 2]) expect(keep(log, index, frame(index))).toBe(true);
    expect(log.reserve(8)).toBe(true);
    // Both places are for what is to come.
    expect(log.reserve(9)).toBe(false);
    expect([log.put(7, frame(7)), log.put(8, frame(8))]).toEqual(["kept", "kept"]);
    expect(log.reserve(9)).toBe(true);
  });

  test("has a place free again that was given up", () => {
    const { log } = make(1);
    log.reserve(0);
    expect(log.reserve(1)).toBe(false);
    log.release(0);
    expect(keep(log, 1, frame(1))).toBe(true);
  });

  test("drops all records of a range, and gives back the blocks of which nothing is left", () => {
    const { log, pool } = make(4, 2);
    for (const index of [0, 1, 2, 3, 4, 5, 6]) keep(log, index, frame(index));
    log.reserve(7);
    log.dropAll(1, 5);
    const here = (): number[] => [0, 1, 2, 3, 4, 5, 6].filter((index) => log.has(index));
    expect(here()).toEqual([0, 5, 6]);
    expect(freeBlocks(pool)).toBe(1);
    // A receiver may name any record as its next one.
    log.dropAll(6, 2 ** 32);
    expect(here()).toEqual([0, 5]);
    expect(freeBlocks(pool)).toBe(1);
    expect(log.put(7, frame(7))).toBe("kept");
    log.dropAll(5, 5);
    expect(here()).toEqual([0, 5]);
  });

  test("shrinks by the least recently used, but by nothing reserved", () => {
    const { log } = make(4);
    for (const index of [0, 1, 2]) keep(log, index, frame(index));
    log.reserve(3);
    log.shrinkTo(2);
    expect([0, 1, 2].map((index) => log.has(index))).toEqual([false, false, true]);
    log.shrinkTo(0);
    expect(log.has(2)).toBe(false);
    expect(log.put(3, frame(3))).toBe("kept");
  });

  test("says as its capacity what it can hold, and leaves nothing behind", () => {
    const { log, pool } = make(4, 3);
    expect(log.capacity).toBe(12);
    for (let index = 0; index < 12; index++) keep(log, index, frame(index));
    expect(freeBlocks(pool)).toBe(0);
    log.destroy();
    expect(freeBlocks(pool)).toBe(4);
  });

  describe("that keeps what can't be had again", () => {
    function makeKeeping(blocks: number, perBlock = 1): { log: BlockLog; pool: BlockPool } {
      const { pool } = roomOf(blocks, perBlock);
      return { log: new BlockLog(pool, FRAME, true), pool };
    }

    test("lets go of nothing that is needed, and of the rest in order", () => {
      const { log } = makeKeeping(8);
      for (let index = 0; index < 4; index++) expect(keep(log, index, frame(index))).toBe(true);
      // Half of what is left at most: the rest is for others that may come.
      expect(log.reserve(4)).toBe(false);
      log.shrinkTo(0);
      expect([log.size, log.firstKept]).toEqual([4, 0]);
      log.keepFrom(2);
      log.open(0);
      expect([4, 5, 6].map((index) => keep(log, index, frame(index)))).toEqual([true, true, false]);
      expect([0, 1, 2].map((index) => log.has(index))).toEqual([false, false, true]);
      expect(log.firstKept).toBe(2);
      log.keepFrom(Infinity);
      log.shrinkTo(1);
      expect([log.size, log.firstKept]).toEqual([1, 5]);
    });

    test("keeps a block of several records until the last of them is not needed", () => {
      const { log } = makeKeeping(4, 3);
      for (let index = 0; index < 3; index++) expect(keep(log, index, frame(index))).toBe(true);
      log.keepFrom(2);
      expect(log.reserve(3)).toBe(true);
      expect(log.has(0)).toBe(true);
      log.release(3);
      log.keepFrom(3);
      log.shrinkTo(0);
      // The second block had no record yet.
      expect([log.has(0), log.firstKept]).toEqual([false, 3]);
    });

    test("goes over to another worker as it is", () => {
      const { pools, pool } = roomOf(8, 1, FRAME, 2);
      const [own, other] = pools as [BlockPool, BlockPool];
      const from = new BlockLog(own, FRAME, true);
      for (let index = 0; index < 3; index++) keep(from, index, frame(index));
      const handed = from.handOver();
      expect(from.size).toBe(0);
      // One of the blocks was freed on the way.
      own.giveBack(handed[0]!.slot);
      const to = new BlockLog(other, FRAME, true);
      to.adopt(handed, 0, 0);
      expect([0, 1, 2].map((index) => to.has(index))).toEqual([false, true, true]);
      expect(read(other, to, 2)).toEqual(frame(2));
      expect(to.firstKept).toBe(1);
      to.destroy();
      expect(freeBlocks(pool)).toBe(8);
      expect(pool.fairShare()).toBe(8);
    });
  });

  describe("beside others in one pool", () => {
    test("shares it alike, and a share with too much gives it back at its next tick", () => {
      const { pool } = roomOf(8);
      const [first, second] = [new BlockLog(pool, FRAME), new BlockLog(pool, FRAME)];
      for (let index = 0; index < 8; index++) expect(keep(first, index, frame(index))).toBe(true);
      expect(first.capacity).toBe(8);
      expect(second.reserve(0)).toBe(false);
      expect([first.capacity, second.capacity]).toEqual([4, 4]);
      first.shrinkTo(pool.fairShare());
      // Having had nothing yet, the second counts all the same.
      second.shrinkTo(pool.fairShare());
      expect(first.capacity).toBe(4);
      for (let index = 0; index < 6; index++) expect(keep(second, index, frame(index))).toBe(true);
      expect([first.size, second.size]).toEqual([4, 4]);
    });

    test("counts no more when it is destroyed or nobody reads there", () => {
      const { pool } = roomOf(8);
      const logs = Array.from({ length: 4 }, () => new BlockLog(pool, FRAME));
      for (const log of logs) keep(log, 0, frame(0));
      expect(pool.fairShare()).toBe(2);
      logs[0]?.destroy();
      logs[1]?.shrinkTo(0);
      expect(pool.fairShare()).toBe(4);
      expect(logs[1]?.size).toBe(0);
    });
  });

  describe("and its replica at another worker", () => {
    function pair(blocks = 2): { home: BlockLog; replica: ReplicaLog; other: BlockPool } {
      const { pools } = roomOf(blocks, 1, FRAME, 2);
      const [own, other] = pools as [BlockPool, BlockPool];
      return { home: new BlockLog(own, FRAME), replica: new ReplicaLog(other, FRAME), other };
    }

    function tell(home: BlockLog, replica: ReplicaLog, index: number): void {
      const place = home.open(index);
      if (place === undefined) throw new Error(`record ${index} has no place`);
      replica.learn(index, place);
      home.close(place);
    }

    test("read the same, where it lies", () => {
      const { home, replica, other } = pair();
      keep(home, 0, frame(0, 4));
      expect(replica.has(0)).toBe(false);
      tell(home, replica, 0);
      expect(replica.has(0)).toBe(true);
      expect(read(other, replica, 0)).toEqual(frame(0, 4));
    });

    test("have nothing of a block that holds something else by now", () => {
      const { home, replica } = pair(1);
      keep(home, 0, frame(0));
      tell(home, replica, 0);
      keep(home, 1, frame(1));
      expect(replica.has(0)).toBe(false);
      expect(replica.open(0)).toBeUndefined();
      expect(replica.open(1)).toBeUndefined();
    });

    test("keep a block from being reused while each of two reads it", () => {
      const { home, replica, other } = pair(2);
      for (const index of [0, 1]) keep(home, index, frame(index));
      tell(home, replica, 0);
      const [place] = [replica.open(0)!, replica.open(0)!];
      // The home lets go of both and takes the other one only.
      home.shrinkTo(0);
      expect(home.reserve(2)).toBe(true);
      expect(home.reserve(3)).toBe(false);
      expect(other.view(place.block, place.offset, place.length)).toEqual(frame(0));
      replica.close(place);
      expect(home.reserve(3)).toBe(false);
      replica.close(place);
      expect(home.reserve(3)).toBe(true);
    });

    test("forget the oldest places rather than grow without end", () => {
      const { home, replica } = pair(2);
      keep(home, 0, frame(0));
      const place = home.open(0)!;
      for (let index = 0; index <= 100; index++) replica.learn(index, place);
      const known = Array.from({ length: 101 }, (_, index) => replica.has(index)).filter(Boolean);
      expect(known.length).toBeLessThanOrEqual(32);
      expect(replica.has(100)).toBe(true);
    });
  });
});

test("a frame larger than a block is refused at once", () => {
  const pool = new BlockPool(createPool(10, 1, FRAME - 1), 0);
  expect(() => new BlockLog(pool, FRAME)).toThrow(RangeError);
});
