import { describe, expect, test } from "bun:test";
import { WINDOW_RECORDS, decodeFrame, encodeFrame, type Offer } from "../../../protocol/mod.ts";
import type { OriginOutput } from "../../../relay/share/origin.ts";
import { Fanout } from "../../../relay/share/fanout.ts";
import { FROM_MEMORY_RECEIVERS } from "../../../relay/share/lanes.ts";
import { BlockLog } from "../../../relay/log/block-log.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import { Origin } from "../../../relay/share/origin.ts";
import { PASS_BYTES_PER_SECOND } from "../../../relay/share/read-again.ts";
import { CreditBudget } from "../../../relay/share/sender-credit.ts";
import { freeBlocks } from "../../support/relay/log-rooms.ts";
import { Recorder } from "../../support/relay/recorder.ts";
import { FRAME, id, share, upTo } from "../../support/relay/fanout-play.ts";

const RECORDS = 1000;
const BLOCKS = 100;
/** Between two records of a fast sender. ms */
const FAST_MS = (FRAME * 1000) / (2 * PASS_BYTES_PER_SECOND);

/** A share whose sender gives each record that it is asked for, and its receivers. */
class Play {
  now = 0;
  readonly outlet: Recorder;
  readonly log: BlockLog;
  readonly pool = new BlockPool(createPool(BLOCKS, 1, FRAME), 0);
  readonly fanout: Fanout;
  readonly #origin: Origin;
  readonly #wanted: number[] = [];
  /** Messages that asked for records. */
  wants = 0;

  constructor({ seekable = true, passBytesPerSecond = 0, isRemote = false } = {}) {
    this.outlet = new Recorder(this.pool);
    this.log = new BlockLog(this.pool, FRAME, !seekable);
    const bytes = RECORDS * 100;
    const offer: Offer = { share, recordSize: 100, records: RECORDS, bytes, seekable };
    this.fanout = new Fanout(offer, this.log, this.outlet, {
      need: (needs) => this.#origin.need(needs, 0),
      report: () => undefined,
      acknowledged: (before) => this.#origin.acknowledged(before),
      receipt: () => undefined,
      watermark: (next) => this.#origin.hold(0, next),
      came: () => undefined,
    });
    const output: OriginOutput = {
      toSender: (message) => {
        if (message.t !== "want") return;
        this.wants++;
        for (let at = 0; at < message.count; at++) this.#wanted.push(message.first + at);
      },
      pass: (index, frame, keep) => this.fanout.pass(index, frame, keep, this.now),
      available: (index, memory) => this.fanout.available(index, this.now, memory),
      gone: (_, before) => this.fanout.gone(before),
      full: () => undefined,
      ahead: () => undefined,
      mostReceivers: () => 10,
      now: () => this.now,
    };
    this.#origin = new Origin(offer, this.log, output, new CreditBudget(), passBytesPerSecond);
    this.#origin.begin(0, 0);
    this.#origin.senderBack(0, isRemote);
  }

  join(number: number, from = 0): void {
    const message = { share, receiver: id(number), name: id(0), from, window: WINDOW_RECORDS };
    this.fanout.join(number, { t: "join", ...message }, this.now);
  }

  /** A receiver at another worker needs a record. */
  needElsewhere(index: number): void {
    const runs = [{ first: index, count: 1 }];
    const party = { party: 0, group: undefined, proven: true, from: index, end: index + 1 };
    this.#origin.need([{ ...party, runs }], 1);
  }

  /** All receivers take and acknowledge what they got, and the sender gives `count` records. */
  come(count: number, everyMs = 0): string[] {
    for (let at = 0; at < count; at++) {
      const index = this.#wanted.shift();
      if (index === undefined) break;
      this.now += everyMs;
      const bytes = encodeFrame(
        share,
        index,
        index === RECORDS - 1,
        new Uint8Array(100).fill(index),
      );
      this.#origin.frame(decodeFrame(bytes), bytes);
      bytes.fill(0xaa);
      for (const [socket, got] of this.outlet.got) {
        if (this.outlet.stuck.has(socket)) continue;
        const next = (got.at(-1) ?? -1) + 1;
        this.fanout.ack(socket, { t: "ack", share, next, window: WINDOW_RECORDS }, this.now);
      }
    }
    return this.outlet.take();
  }
}

function passed(first: number, end: number, socket = 1): string[] {
  return upTo(end)
    .slice(first)
    .map((index) => `${socket} passed ${index}`);
}

describe("a record goes past the log", () => {
  test("to a receiver that is alone, and takes no block", () => {
    const play = new Play();
    play.join(1);
    expect(play.come(40)).toEqual(passed(0, 40));
    expect(upTo(40).some((index) => play.log.has(index))).toBe(false);
    // Those that the sender was asked for have a place.
    expect(freeBlocks(play.pool)).toBeGreaterThanOrEqual(BLOCKS - WINDOW_RECORDS);
  });

  test("not from a sender that is slow, or has just begun", () => {
    const play = new Play({ passBytesPerSecond: PASS_BYTES_PER_SECOND });
    play.join(1);
    expect(play.come(5, FAST_MS)).toEqual(upTo(5).map((index) => `1 frame ${index}`));
    expect(play.log.has(0)).toBe(true);
    play.come(20, 50);
    expect(play.outlet.got.get(1)).toEqual(upTo(25));
    expect(upTo(25).every((index) => play.log.has(index))).toBe(true);
  });

  test("not from a sender at another relay, which has to give each record but once", () => {
    const play = new Play({ isRemote: true });
    play.join(1);
    expect(play.come(3)).toEqual(["1 frame 0", "1 frame 1", "1 frame 2"]);
    expect(upTo(3).every((index) => play.log.has(index))).toBe(true);
  });

  test("not of a share that can't be read again", () => {
    const play = new Play({ seekable: false });
    play.join(1);
    expect(play.come(3)).toEqual(["1 frame 0", "1 frame 1", "1 frame 2"]);
  });

  test("no more once another receiver came, even when that is gone", () => {
    const play = new Play();
    play.join(1);
    play.come(5);
    play.join(2, 5);
    play.fanout.leave(2, "failed");
    play.fanout.tick(play.now);
    play.outlet.take();
    const lines = play.come(5);
    expect(lines).toContain("1 frame 5");
    expect(lines.filter((line) => line.includes("passed"))).toEqual([]);
  });

  test("P17 once, and not again to a receiver that asks for it again and again", () => {
    const play = new Play();
    play.join(1);
    play.come(10);
    play.outlet.take();
    play.join(1, 0);
    const lines = play.come(30);
    expect(lines).toContain("1 frame 0");
    expect(lines.filter((line) => line.includes("passed"))).toEqual([]);
    play.wants = 0;
    play.join(1, 0);
    expect(play.outlet.take()).toContain("1 frame 0");
    expect(play.log.has(0)).toBe(true);
    expect(play.wants).toBe(0);
  });

  test("and comes from the sender again for a receiver that joins late", () => {
    const play = new Play();
    play.join(1);
    play.come(10);
    play.join(2);
    play.come(400);
    const got = play.outlet.got;
    expect(got.get(2)).toEqual(upTo(got.get(2)?.length ?? 0));
    expect(got.get(2)?.length).toBeGreaterThan(10);
    expect(got.get(1)).toEqual(upTo(got.get(1)?.length ?? 0));
    expect(got.get(1)?.length).toBeGreaterThan(10);
  });

  test("unless its socket is full: then the log has it, and the receiver gets the next one when there is room", () => {
    const play = new Play();
    play.join(1);
    play.come(4);
    play.outlet.stuck.add(1);
    expect(play.come(1)).toEqual(passed(4, 5));
    expect(play.come(1)).toEqual([]);
    expect(play.log.has(5)).toBe(true);
    play.outlet.stuck.delete(1);
    play.outlet.drain(1);
    play.fanout.drained(1, play.now);
    expect(play.outlet.got.get(1)).toEqual(upTo(6));
    expect(play.log.has(4)).toBe(false);
    expect(play.come(2)).toContain("1 passed 7");
    expect(play.log.has(5)).toBe(false);
    expect(freeBlocks(play.pool)).toBeGreaterThanOrEqual(BLOCKS - WINDOW_RECORDS);
  });

  test("and the sender is asked for several at once", () => {
    const play = new Play();
    play.join(1);
    play.come(100);
    play.wants = 0;
    play.come(100);
    expect(play.wants).toBeLessThanOrEqual(100 / 3);
    expect(play.outlet.got.get(1)).toEqual(upTo(200));
  });
});

test("P17 no record goes past the log once a receiver at another worker needed one again", () => {
  const play = new Play();
  play.join(1);
  expect(play.come(40)).toEqual(passed(0, 40));
  play.needElsewhere(3);
  const lines = play.come(10);
  expect(lines.filter((line) => line.includes("passed"))).toEqual([]);
  expect(lines).toContain("1 frame 40");
});

describe("a record of several receivers", () => {
  /** Two receivers have records before this. */
  const HAD = 40;

  test("goes out from the memory in which it came, and stays in the log for one that comes late", () => {
    const play = new Play();
    play.join(1);
    play.join(2);
    play.come(HAD, FAST_MS);
    for (const socket of [1, 2]) {
      expect(play.outlet.got.get(socket)).toEqual(upTo(HAD));
      expect(play.outlet.fromMemory.filter((each) => each === socket).length).toBe(HAD);
    }
    expect(upTo(HAD).filter((index) => !play.log.has(index))).toEqual([]);
    play.wants = 0;
    play.join(3);
    expect(play.outlet.got.get(3)).toEqual(upTo(WINDOW_RECORDS));
    expect(play.wants).toBe(0);
  });

  test("goes out from the log when there are many", () => {
    const play = new Play();
    const many = Array.from({ length: FROM_MEMORY_RECEIVERS + 1 }, (_, at) => at + 1);
    for (const socket of many) play.join(socket);
    play.come(3);
    expect(play.outlet.fromMemory).toEqual([]);
    for (const socket of many) expect(play.outlet.got.get(socket)).toEqual(upTo(3));
  });
});
