/** The records of a far sender that come before a receiver asks, at an origin over real memory. */
import { describe, expect, test } from "bun:test";

import {
  CREDIT_RECORDS,
  RECEIVERS_PER_SHARE,
  decodeFrame,
  encodeFrame,
  type Offer,
} from "../../../protocol/mod.ts";
import { BlockLog } from "../../../relay/log/block-log.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import {
  HEAD_START_BYTES,
  HEAD_START_SILENT_MS,
  HeadStart,
} from "../../../relay/share/head-start.ts";
import { Origin } from "../../../relay/share/origin.ts";
import { NEWCOMER_CREDIT_RECORDS } from "../../../relay/share/request-queue.ts";
import { CreditBudget } from "../../../relay/share/sender-credit.ts";

const share = new Uint8Array(16).fill(1);
/** A third of a head start: it has three records. */
const THIRD = Math.floor(HEAD_START_BYTES / 3);
const RECORD = 100;
const FRAME = 16 + RECORD;
/** Records asked for ahead of all receivers at once. */
const AT_ONCE = CREDIT_RECORDS - NEWCOMER_CREDIT_RECORDS;

/** An origin, and the records that its sender was asked for and did not send. */
class Play {
  now = 0;
  readonly asked: number[] = [];
  readonly pool: BlockPool;
  readonly log: BlockLog;
  readonly origin: Origin;

  constructor({ records = 100, blocks = 100, ...more }: Partial<Offer> & { blocks?: number } = {}) {
    this.pool = new BlockPool(createPool(blocks, 1, FRAME), 0);
    this.log = new BlockLog(this.pool, FRAME);
    const bytes = records * RECORD;
    const offer: Offer = { share, recordSize: RECORD, records, bytes, seekable: true, ...more };
    this.origin = new Origin(
      offer,
      this.log,
      {
        toSender: (message) => {
          if (message.t !== "want") return;
          for (let at = 0; at < message.count; at++) this.asked.push(message.first + at);
        },
        available: () => undefined,
        gone: () => undefined,
        full: () => undefined,
        ahead: () => undefined,
        mostReceivers: () => RECEIVERS_PER_SHARE,
        now: () => this.now,
      },
      new CreditBudget(),
    );
    this.origin.senderBack();
  }

  /** Sends so many of the records that were asked for. */
  answer(count = Infinity): void {
    for (; count > 0; count--) {
      const index = this.asked.shift();
      if (index === undefined) return;
      const last = index === this.origin.offer.records - 1;
      const frame = encodeFrame(share, index, last, new Uint8Array(RECORD));
      this.origin.frame(decodeFrame(frame), frame);
    }
  }

  /** A receiver that acknowledged nothing needs a record. */
  newcomer(party: number, index: number): void {
    const need = { group: undefined, proven: false, from: index, end: index + 1 };
    this.origin.need([{ ...need, party, runs: [{ first: index, count: 1 }] }], 0);
  }
}

const all = (): boolean => true;

function upTo(end: number, from = 0): number[] {
  return Array.from({ length: end - from }, (_, at) => from + at);
}

describe("a head start", () => {
  test("is for a far sender alone, and leaves a part of its credit", () => {
    const play = new Play();
    expect(play.asked).toEqual([]);
    play.origin.beginAhead();
    expect(play.asked).toEqual(upTo(AT_ONCE));
    play.answer(1);
    expect(play.asked).toEqual(upTo(AT_ONCE + 1, 1));
  });

  test("has a bounded size, and another one once a receiver agreed", () => {
    const start = new HeadStart({ records: 1000, recordSize: THIRD });
    const asked: number[] = [];
    const askAll = (): number[] => {
      for (
        let next = start.next(all, Infinity);
        next !== undefined;
        next = start.next(all, Infinity)
      ) {
        start.asked(next);
        asked.push(next);
      }
      return asked;
    };
    expect(askAll()).toEqual([0, 1, 2]);
    expect(start.isOver).toBe(true);
    for (const _ of upTo(10)) start.agreed();
    expect(askAll()).toEqual(upTo(6));
    expect(start.isOver).toBe(true);
  });

  test("is not asked for when the log has little room, and never more than the log holds", () => {
    const play = new Play({ blocks: 20 });
    const other = new BlockLog(play.pool, FRAME);
    for (const index of upTo(10)) expect(other.reserve(index)).toBe(true);
    play.origin.beginAhead();
    expect(play.asked).toEqual([]);
    other.destroy();
    play.origin.tick();
    expect(play.asked).toEqual([]);
    const roomy = new Play({ blocks: 20 });
    roomy.origin.beginAhead();
    roomy.answer();
    expect(roomy.log.size).toBeLessThanOrEqual(20 / 2);
    expect(roomy.log.has(0)).toBe(true);
  });

  test("is none for a sender that admits receivers, or that cannot read again", () => {
    for (const more of [{ admit: true }, { seekable: false }]) {
      const play = new Play(more);
      play.origin.beginAhead();
      expect(play.asked).toEqual([]);
      expect(play.origin.hasHeadStart).toBe(false);
    }
  });

  test("keeps no receiver waiting that comes for another record", () => {
    const play = new Play();
    play.origin.beginAhead();
    play.asked.length = 0;
    for (const party of upTo(NEWCOMER_CREDIT_RECORDS)) play.newcomer(party, 50 + party);
    expect(play.asked).toEqual(upTo(50 + NEWCOMER_CREDIT_RECORDS, 50));
  });

  test("asks for no record again that a receiver had asked for", () => {
    const start = new HeadStart({ records: 1000, recordSize: THIRD });
    start.skip(1);
    expect(start.next(all, Infinity)).toBe(2);
    // A receiver far behind the head start says nothing of it.
    start.skip(500);
    expect(start.next(all, Infinity)).toBe(2);
  });

  test("does not make a silent sender late before a receiver waits for it", () => {
    const play = new Play();
    play.origin.beginAhead();
    expect(play.origin.isAwaited).toBe(false);
    play.asked.length = 0;
    play.newcomer(0, 1);
    // It is on its way already.
    expect(play.asked).toEqual([]);
    expect(play.origin.isAwaited).toBe(true);
  });

  test("keeps no room that others lack for a sender that is silent, which may answer receivers later", () => {
    const play = new Play({ blocks: 40 });
    play.origin.beginAhead();
    const kept = play.log.size;
    expect(kept).toBe(AT_ONCE);
    play.now += HEAD_START_SILENT_MS.crowded;
    play.origin.tick();
    // Nobody lacks it.
    expect(play.log.size).toBe(kept);
    const other = new BlockLog(play.pool, FRAME);
    while (other.hasRoomToSpare) expect(other.reserve(other.size)).toBe(true);
    play.now -= 1;
    play.origin.tick();
    expect(play.log.size).toBe(kept);
    const before = other.fairShare;
    play.now += 1;
    play.origin.tick();
    expect(play.log.size).toBe(0);
    expect(other.fairShare).toBeGreaterThan(before);
    // The relay drops records that the sender gives now. A receiver gets them when it asks.
    play.answer();
    expect(play.log.size).toBe(0);
    play.newcomer(0, 0);
    expect(play.asked).toEqual([0]);
    expect(play.origin.isAwaited).toBe(true);
    play.answer();
    expect(play.log.has(0)).toBe(true);
  });

  test("keeps room that nobody lacks a while longer", () => {
    const play = new Play();
    play.origin.beginAhead();
    play.now += HEAD_START_SILENT_MS.roomy - 1;
    play.origin.tick();
    expect(play.log.size).toBe(AT_ONCE);
    play.now += 1;
    play.origin.tick();
    expect(play.log.size).toBe(0);
  });

  test("goes on where it was when the sender comes back, or loses one of its connections", () => {
    const play = new Play();
    play.origin.beginAhead();
    play.answer(3);
    play.asked.length = 0;
    play.origin.askAgain();
    expect(play.asked).toEqual(upTo(AT_ONCE + 3, 3));
    play.origin.senderLost();
    play.asked.length = 0;
    play.origin.senderBack();
    expect(play.asked).toEqual(upTo(AT_ONCE + 3, 3));
    play.answer();
    // It ends where the log has room to spare no more.
    expect(play.log.size).toBeWithin(50 - AT_ONCE, 50 + AT_ONCE);
  });
});
