import { expect, test } from "bun:test";

import { BlockLog } from "../../../relay/log/block-log.ts";
import { WHOLE_WEIGHT } from "../../../relay/log/block-pool.ts";
import { bytesFor, frameOf, memoryRoom } from "../../support/relay/log-rooms.ts";

const FRAME = 100;
const BLOCKS = 16;

function fill(log: BlockLog, from = 0): number {
  for (let index = from; ; index++) {
    if (!log.reserve(index)) return index;
    log.put(index, frameOf(index, FRAME));
    if (index - from > 10 * BLOCKS) return log.size;
  }
}

test("a channel keeps no more of the log than it may, though nobody else wants it", () => {
  using room = memoryRoom({ blocks: BLOCKS, blockBytes: bytesFor(1, FRAME) });
  const { pool } = room;
  let capped = 0;
  pool.capped = () => capped++;
  const log = new BlockLog(pool, FRAME);
  expect(fill(log)).toBe(BLOCKS);
  pool.channelBlocks = 4;
  expect(log.capacity).toBe(4);
  expect(fill(log, 1000)).toBe(4);
  // Records that the sender can read again make room for records that are wanted now.
  expect(capped).toBe(0);

  // Of one that keeps what somebody needs the sender has to wait.
  log.destroy();
  const keeping = new BlockLog(pool, FRAME, true);
  expect(fill(keeping)).toBe(4);
  expect(capped).toBe(1);
  expect(pool.free).toBe(BLOCKS - 4);
});

test("shares of a channel part what it may keep, and each has a block at least", () => {
  using room = memoryRoom({ blocks: BLOCKS, blockBytes: bytesFor(1, FRAME) });
  const { pool } = room;
  pool.channelBlocks = 4;
  const logs = [new BlockLog(pool, FRAME), new BlockLog(pool, FRAME)];
  for (const log of logs) log.weigh(WHOLE_WEIGHT / 2);
  for (const log of logs) expect(fill(log)).toBe(2);
  expect(pool.free).toBe(BLOCKS - 4);
  const many = new BlockLog(pool, FRAME);
  many.weigh(WHOLE_WEIGHT / 64);
  expect(many.fairShare).toBe(1);
});
