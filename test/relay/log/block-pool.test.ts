import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  BlockPool,
  WHOLE_WEIGHT,
  blocksOf,
  createPool,
  reclaim,
} from "../../../relay/log/block-pool.ts";
import { CheckedPool, Ledger } from "../../simulation/checked-pool.ts";

const BLOCK = 16;

function views(blocks: number, workers = 2): { pools: BlockPool[]; buffers: Buffers } {
  const buffers = createPool(blocks, workers, BLOCK);
  return {
    buffers,
    pools: Array.from({ length: workers }, (_, worker) => new BlockPool(buffers, worker)),
  };
}

type Buffers = ReturnType<typeof createPool>;

test("blocks are handed out once each, the lowest first, and again when they were given back", () => {
  const [a, b] = views(3).pools as [BlockPool, BlockPool];
  expect([a.take(), b.take(), a.take(), b.take()]).toEqual([0, 1, 2, undefined]);
  b.giveBack(1);
  expect([a.take(), a.take()]).toEqual([1, undefined]);
});

test("a block that the kernel still sends from is used again only when it could be renewed", () => {
  let works = false;
  const asked: number[] = [];
  const forget = (_file: number, offset: number): boolean => {
    asked.push(offset);
    return works;
  };
  // The file is never touched: only its blocks are handed out.
  const pool = new BlockPool(createPool(2, 1, BLOCK, -1), 0, { forget });
  const sent = pool.take()!;
  pool.expose(sent);
  pool.giveBack(sent);
  expect([pool.take(), pool.take()]).toEqual([1, undefined]);
  works = true;
  expect(pool.take()).toBe(sent);
  const looked = asked.length;
  expect(looked).toBeGreaterThan(1);
  // It was not sent from since.
  pool.giveBack(sent);
  expect(pool.take()).toBe(sent);
  expect(asked.length).toBe(looked);
});

test("a worker reads the bytes that another wrote", () => {
  const [a, b] = views(2).pools as [BlockPool, BlockPool];
  const block = a.take()!;
  a.view(block, 4, 3).set([1, 2, 3]);
  expect(b.pin(block, a.generation(block))).toBe(true);
  expect(b.view(block, 4, 3)).toEqual(new Uint8Array([1, 2, 3]));
});

test("a log of few bytes has one block still", () => {
  expect([0, BLOCK - 1, 2 * BLOCK].map((bytes) => blocksOf(bytes, BLOCK))).toEqual([1, 1, 2]);
});

describe("a pin", () => {
  test("keeps a block from being taken, until it is let go", () => {
    const [a, b] = views(1).pools as [BlockPool, BlockPool];
    const block = a.take()!;
    b.pin(block, a.generation(block));
    a.giveBack(block);
    expect([a.take(), b.take()]).toEqual([undefined, undefined]);
    b.unpin(block);
    expect(a.take()).toBe(block);
  });

  test("comes too late for a block that was given back, and holds nothing then", () => {
    const [a, b] = views(1).pools as [BlockPool, BlockPool];
    const block = a.take()!;
    const generation = a.generation(block);
    a.giveBack(block);
    expect(b.pin(block, generation)).toBe(false);
    expect(a.take()).toBe(block);
    expect(b.pin(block, generation)).toBe(false);
  });
});

test("a pool is held up by blocks that are nobody's and wait for their readers", () => {
  const [a, b] = views(8).pools as [BlockPool, BlockPool];
  const blocks = Array.from({ length: 8 }, () => a.take()!);
  // All are taken and some are read: that is as it should be.
  for (const block of blocks.slice(0, 3)) b.pin(block, a.generation(block));
  expect(a.isHeldUp).toBe(false);
  for (const block of blocks.slice(0, 2)) a.giveBack(block);
  expect(a.isHeldUp).toBe(false);
  a.giveBack(blocks[2]!);
  expect([a.isHeldUp, b.isHeldUp]).toEqual([true, true]);
  b.unpin(blocks[0]!);
  expect(a.isHeldUp).toBe(false);
});

describe("a block that is handed over", () => {
  test("stays what it is, and is the other's alone", () => {
    const { pools, buffers } = views(2);
    const [a, b] = pools as [BlockPool, BlockPool];
    const block = a.take()!;
    const generation = a.generation(block);
    a.view(block, 0, 2).set([1, 2]);
    expect(b.adopt(block, generation, 0)).toBe(true);
    expect([a.holds(block, generation), b.holds(block, generation)]).toEqual([false, true]);
    expect(b.view(block, 0, 2)).toEqual(new Uint8Array([1, 2]));
    // Told of it before, a reader may read it still.
    expect(a.pin(block, generation)).toBe(true);
    a.unpin(block);
    reclaim(buffers, 0);
    expect(b.holds(block, generation)).toBe(true);
  });

  test("is nobody's any more when it was given back before, or its worker died", () => {
    const { pools, buffers } = views(2);
    const [a, b] = pools as [BlockPool, BlockPool];
    const block = a.take()!;
    const generation = a.generation(block);
    a.giveBack(block);
    expect(b.adopt(block, generation, 0)).toBe(false);
    expect(a.take()).toBe(block);
    expect(b.adopt(block, generation, 0)).toBe(false);
    expect(a.holds(block, a.generation(block))).toBe(true);
    const now = a.generation(block);
    reclaim(buffers, 0);
    expect(b.adopt(block, now, 0)).toBe(false);
  });
});

describe("the fair share", () => {
  test("is divided by weight", () => {
    const [a, b] = views(12).pools as [BlockPool, BlockPool];
    for (let share = 0; share < 3; share++) a.countHolder(WHOLE_WEIGHT / 3);
    b.countHolder(WHOLE_WEIGHT);
    expect([a.fairShare(WHOLE_WEIGHT / 3), b.fairShare()]).toEqual([2, 6]);
    b.countHolder(-WHOLE_WEIGHT);
    expect(a.fairShare(WHOLE_WEIGHT / 3)).toBe(4);
    // One that has not been counted yet counts itself.
    expect(b.fairShare()).toBe(12);
  });

  test("is all for one, and at least a block for each of many", () => {
    const [a, b] = views(8).pools as [BlockPool, BlockPool];
    expect(a.fairShare()).toBe(8);
    a.countHolder(WHOLE_WEIGHT);
    b.countHolder(WHOLE_WEIGHT);
    b.countHolder(WHOLE_WEIGHT);
    expect([a.fairShare(), b.fairShare()]).toEqual([2, 2]);
    for (let holder = 0; holder < 20; holder++) a.countHolder(WHOLE_WEIGHT);
    expect(a.fairShare()).toBe(1);
  });
});

test("a worker that died leaves no block, no pin and no claim behind", () => {
  const { pools, buffers } = views(3);
  const [a, b] = pools as [BlockPool, BlockPool];
  const [own, theirs] = [a.take()!, b.take()!];
  a.countHolder(WHOLE_WEIGHT);
  b.countHolder(WHOLE_WEIGHT);
  const generation = b.generation(own);
  a.pin(theirs, a.generation(theirs));
  reclaim(buffers, 0);
  expect(b.fairShare()).toBe(3);
  expect(b.pin(own, generation)).toBe(false);
  b.giveBack(theirs);
  const all = [b.take(), b.take(), b.take(), b.take()];
  expect(new Set(all)).toEqual(new Set([0, 1, 2, undefined]));
});

test("no worker uses a block without right, in every order of three", () => {
  const step = fc.tuple(
    fc.constantFrom("take", "give", "pin", "unpin", "die"),
    fc.nat(2),
    fc.nat(3),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffers = createPool(4, 3, BLOCK);
      const ledger = new Ledger();
      const pools = [0, 1, 2].map((worker) => new CheckedPool(buffers, worker, ledger));
      const owners = new Map<number, number>();
      // The generation in which a block held a record, as each worker was told it.
      const told = new Map<number, number>();
      const pinned = new Set<string>();
      for (const [what, worker, block] of steps) {
        const pool = pools[worker]!;
        const pin = `${worker}:${block}`;
        if (what === "take") {
          const taken = pool.take();
          if (taken === undefined) continue;
          owners.set(taken, worker);
          told.set(taken, pool.generation(taken));
          pool.view(taken, 0, BLOCK).fill(worker + 1);
        } else if (what === "give" && owners.get(block) === worker) {
          pool.giveBack(block);
          owners.delete(block);
        } else if (what === "pin" && told.has(block) && !pinned.has(pin)) {
          if (!pool.pin(block, told.get(block)!)) continue;
          pinned.add(pin);
          pool.view(block, 0, BLOCK);
        } else if (what === "unpin" && pinned.delete(pin)) {
          pool.unpin(block);
        } else if (what === "die") {
          reclaim(buffers, worker);
          ledger.workerDied(worker);
          for (const [held, owner] of owners) if (owner === worker) owners.delete(held);
          for (const held of pinned) if (held.startsWith(`${worker}:`)) pinned.delete(held);
        }
        expect(ledger.held).toBe(owners.size);
      }
    }),
    { numRuns: 500 },
  );
});
