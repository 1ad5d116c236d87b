import { expect, test } from "bun:test";

import { BlockLog } from "../../../relay/log/block-log.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import { LOG_IDLE_MS, LogTrimmer } from "../../../relay/share/log-trimming.ts";
import { rawShare } from "../../support/relay/raw-client.ts";

const BLOCKS = 8;
const FRAME = new Uint8Array(1000).fill(1);

/** A log that has taken so many of the pool's blocks, each with one frame. */
function logOf(pool: BlockPool, blocks: number): BlockLog {
  const log = new BlockLog(pool, FRAME.length);
  for (let index = 0; index < blocks; index++) {
    log.reserve(index);
    log.put(index, FRAME);
  }
  expect(log.size).toBe(blocks);
  return log;
}

test("records that wait for receivers to come stay, until another share is short of room", () => {
  const { offer } = rawShare(20);
  const origin = { keeps: false, offer };
  const pool = new BlockPool(createPool(BLOCKS, 1, FRAME.length), 0);
  const log = logOf(pool, 3);
  const trimming = new LogTrimmer(pool);
  const ahead = { attached: false, abandoned: false, isAhead: true };
  for (const now of [0, LOG_IDLE_MS, 2 * LOG_IDLE_MS]) trimming.tick(log, origin, ahead, now);
  expect(log.size).toBe(3);
  const other = logOf(pool, 4);
  trimming.tick(log, origin, ahead, 3 * LOG_IDLE_MS);
  expect(log.size).toBe(0);
  expect(other.size).toBe(4);
});

test("a share that its sender left before anybody accepted it gives up its blocks first", () => {
  const { offer } = rawShare(20);
  const origin = { keeps: false, offer };
  const pool = new BlockPool(createPool(BLOCKS, 1, FRAME.length), 0);
  const log = logOf(pool, 3);
  const trimming = new LogTrimmer(pool);
  // No share lacks room yet.
  trimming.tick(log, origin, { attached: true, abandoned: true }, 0);
  expect(log.size).toBe(3);
  const other = logOf(pool, 4);
  // It is short now, and whoever looks at the share has not agreed to it.
  trimming.tick(log, origin, { attached: true, abandoned: false }, 0);
  expect(log.size).toBe(3);
  trimming.tick(log, origin, { attached: true, abandoned: true }, 0);
  expect(log.size).toBe(0);
  expect(other.size).toBe(4);
  expect(pool.fairShare()).toBe(BLOCKS);
});
