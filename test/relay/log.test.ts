import { describe, expect, test } from "bun:test";
import { MemoryLog, ReplicaLog, type RecordLog } from "../../relay/log.ts";
import { BlockPool, createPool } from "../../relay/pool.ts";

const FRAME = 10;

function frame(index: number, length = FRAME): Uint8Array {
  return new Uint8Array(length).fill(index + 1);
}

/** Reserves a place for a record and puts it there. */
function keep(log: RecordLog, index: number, length = FRAME): boolean {
  return log.reserve(index) && log.put(index, frame(index, length));
}

function read(log: RecordLog | ReplicaLog, index: number): Uint8Array | undefined {
  const bytes = log.open(index)?.slice();
  log.close(index);
  return bytes;
}

/** What a log of any kind must do. `blocks` is what it may hold, one block holds `perBlock` records. */
function contract(name: string, make: (blocks: number, perBlock: number) => RecordLog): void {
  describe(`a ${name} keeps the contract of a log`, () => {
    test("what is put is there, byte for byte, and nothing else is", () => {
      const log = make(4, 1);
      expect(log.has(0)).toBe(false);
      expect(read(log, 0)).toBeUndefined();
      expect(keep(log, 0)).toBe(true);
      expect(keep(log, 2, 3)).toBe(true);
      expect([0, 1, 2].map((index) => log.has(index))).toEqual([true, false, true]);
      expect(read(log, 0)).toEqual(frame(0));
      expect(read(log, 2)).toEqual(frame(2, 3));
    });

    test("what is put is a copy", () => {
      const log = make(4, 1);
      const lent = frame(0);
      log.reserve(0);
      log.put(0, lent);
      lent.fill(0);
      expect(read(log, 0)).toEqual(frame(0));
    });

    test("records that share a block keep out of each other's bytes", () => {
      const log = make(2, 3);
      for (const index of [4, 0, 2, 1, 5, 3]) expect(keep(log, index)).toBe(true);
      for (let index = 0; index < 6; index++) expect(read(log, index)).toEqual(frame(index));
    });

    test("without a place nothing is put", () => {
      const log = make(4, 1);
      expect(log.put(0, frame(0))).toBe(false);
      expect(log.has(0)).toBe(false);
    });

    test("the least recently used makes room", () => {
      const log = make(3, 1);
      for (const index of [0, 1, 2]) keep(log, index);
      read(log, 0);
      keep(log, 3);
      expect([0, 1, 2, 3].map((index) => log.has(index))).toEqual([true, false, true, true]);
      keep(log, 4);
      expect([0, 2, 3, 4].map((index) => log.has(index))).toEqual([true, false, true, true]);
    });

    test("a reserved place is kept, whatever else wants room", () => {
      const log = make(2, 1);
      expect(log.reserve(7)).toBe(true);
      for (const index of [0, 1, 2]) expect(keep(log, index)).toBe(true);
      expect(log.reserve(8)).toBe(true);
      // Both places are for what is to come.
      expect(log.reserve(9)).toBe(false);
      expect([log.put(7, frame(7)), log.put(8, frame(8))]).toEqual([true, true]);
      expect(log.reserve(9)).toBe(true);
    });

    test("a place given up is free again", () => {
      const log = make(1, 1);
      log.reserve(0);
      expect(log.reserve(1)).toBe(false);
      log.release(0);
      expect(keep(log, 1)).toBe(true);
    });

    test("shrinking gives back the least recently used, but nothing reserved", () => {
      const log = make(4, 1);
      for (const index of [0, 1, 2]) keep(log, index);
      log.reserve(3);
      log.shrinkTo(2);
      expect([0, 1, 2].map((index) => log.has(index))).toEqual([false, false, true]);
      log.shrinkTo(0);
      expect(log.has(2)).toBe(false);
      expect(log.put(3, frame(3))).toBe(true);
    });

    test("its capacity is what it can hold", () => {
      expect(make(4, 3).capacity).toBe(12);
    });
  });
}

function poolOf(blocks: number, perBlock = 1, workers = 1): ReturnType<typeof createPool> {
  const blockBytes = perBlock * FRAME + FRAME - 1;
  return createPool(blocks * blockBytes, workers, blockBytes);
}

contract(
  "memory log",
  (blocks, perBlock) => new MemoryLog(new BlockPool(poolOf(blocks, perBlock), 0), FRAME),
);

test("a frame larger than a block is refused at once", () => {
  const pool = new BlockPool(createPool(100, 1, FRAME - 1), 0);
  expect(() => new MemoryLog(pool, FRAME)).toThrow(RangeError);
});

describe("logs in one pool", () => {
  test("share it alike, and who has too much gives it back at its next tick", () => {
    const pool = new BlockPool(poolOf(8), 0);
    const [first, second] = [new MemoryLog(pool, FRAME), new MemoryLog(pool, FRAME)];
    for (let index = 0; index < 8; index++) expect(keep(first, index)).toBe(true);
    expect(first.capacity).toBe(8);
    expect(second.reserve(0)).toBe(false);
    expect([first.capacity, second.capacity]).toEqual([4, 4]);
    first.shrinkTo(pool.fairShare);
    // Having had nothing yet, the second counts all the same.
    second.shrinkTo(pool.fairShare);
    expect(first.capacity).toBe(4);
    for (let index = 0; index < 6; index++) expect(keep(second, index)).toBe(true);
    expect([first.size, second.size]).toEqual([4, 4]);
  });

  test("count no more when they are destroyed or nobody reads there", () => {
    const pool = new BlockPool(poolOf(8), 0);
    const logs = Array.from({ length: 4 }, () => new MemoryLog(pool, FRAME));
    for (const log of logs) keep(log, 0);
    expect(pool.fairShare).toBe(2);
    logs[0]?.destroy();
    logs[1]?.shrinkTo(0);
    expect(pool.fairShare).toBe(4);
    expect(logs[1]?.size).toBe(0);
  });
});

describe("a replica", () => {
  function pair(blocks = 2): { home: MemoryLog; replica: ReplicaLog } {
    const buffers = poolOf(blocks, 1, 2);
    const home = new MemoryLog(new BlockPool(buffers, 0), FRAME);
    return { home, replica: new ReplicaLog(new BlockPool(buffers, 1), FRAME) };
  }

  function tell(home: MemoryLog, replica: ReplicaLog, index: number): void {
    const place = home.place(index);
    if (place === undefined) throw new Error(`record ${index} has no place`);
    replica.learn(index, place);
  }

  test("reads what it was told of, where it lies", () => {
    const { home, replica } = pair();
    keep(home, 0, 4);
    expect(replica.has(0)).toBe(false);
    tell(home, replica, 0);
    expect(replica.has(0)).toBe(true);
    expect(read(replica, 0)).toEqual(frame(0, 4));
  });

  test("has nothing of a block that holds something else by now", () => {
    const { home, replica } = pair(1);
    keep(home, 0);
    tell(home, replica, 0);
    keep(home, 1);
    expect(replica.has(0)).toBe(false);
    expect(read(replica, 0)).toBeUndefined();
    expect(replica.open(1)).toBeUndefined();
  });

  test("keeps a block from being reused while it reads", () => {
    const { home, replica } = pair(2);
    keep(home, 0);
    keep(home, 1);
    tell(home, replica, 0);
    const bytes = replica.open(0);
    // The home lets go of both and takes the other one only.
    home.shrinkTo(0);
    expect(home.reserve(2)).toBe(true);
    expect(home.reserve(3)).toBe(false);
    expect(bytes).toEqual(frame(0));
    replica.close(0);
    expect(home.reserve(3)).toBe(true);
  });

  test("forgets the oldest places rather than grow without end", () => {
    const { home, replica } = pair(2);
    keep(home, 0);
    const place = home.place(0)!;
    for (let index = 0; index <= 100; index++) replica.learn(index, place);
    const known = Array.from({ length: 101 }, (_, index) => replica.has(index)).filter(Boolean);
    expect(known.length).toBeLessThanOrEqual(32);
    expect(replica.has(100)).toBe(true);
  });
});
