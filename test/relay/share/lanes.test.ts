import { describe, expect, test } from "bun:test";
import { encodeFrame } from "../../../protocol/mod.ts";
import { NEED_AGAIN_MS } from "../../../relay/share/read-ahead.ts";
import { FRAME, Play, share, upTo } from "../../support/relay/fanout-play.ts";

describe("the live lane", () => {
  test("gets a record in one turn, all who have everything before it", () => {
    const play = new Play();
    expect([...play.join(1), ...play.join(2)]).toEqual([]);
    expect(play.lanes).toEqual({ live: 2, liveIndex: 0, waiting: 0 });
    expect(play.come(0)).toEqual(["1 frame 0", "2 frame 0"]);
    expect(play.come(1, 2)).toEqual(["1 frame 1", "2 frame 1", "1 frame 2", "2 frame 2"]);
  });

  test("takes records that came out of order in order", () => {
    const play = new Play();
    play.join(1);
    expect(play.come(1, 3)).toEqual([]);
    expect(play.come(0)).toEqual(upTo(4).map((index) => `1 frame ${index}`));
  });

  test("is left by a receiver that has not acknowledged a window of records, and no frame passes the window", () => {
    const play = new Play();
    play.join(1, 0, 2);
    play.join(2);
    expect(play.come(0, 3)).toEqual([
      "1 frame 0",
      "2 frame 0",
      "1 frame 1",
      "2 frame 1",
      "2 frame 2",
    ]);
    expect(play.lanes).toEqual({ live: 1, liveIndex: 3, waiting: 0 });
    expect(play.ack(1, 1, 2)).toEqual(["1 frame 2"]);
    expect(play.lanes.live).toBe(1);
    expect(play.ack(1, 2, 2)).toEqual([]);
    expect(play.lanes.live).toBe(2);
    expect(play.come(3)).toEqual(["2 frame 3", "1 frame 3"]);
    expect(play.outlet.got.get(1)).toEqual(upTo(4));
    expect(play.outlet.got.get(2)).toEqual(upTo(4));
  });

  test("T11 is left by who still has something queued; it gets no second frame", () => {
    const play = new Play();
    play.outlet.stuck.add(1);
    play.join(1);
    play.join(2);
    expect(play.come(0, 3)).toEqual(["1 frame 0", "2 frame 0", "2 frame 1", "2 frame 2"]);
    expect(play.lanes).toEqual({ live: 1, liveIndex: 3, waiting: 0 });
    expect([...play.ack(1, 0), ...play.tick()]).toEqual([]);
    expect(play.outlet.buffered(1)).toBe(FRAME);
    expect(play.drain(1)).toEqual(["1 frame 1"]);
    expect(play.drain(1)).toEqual(["1 frame 2"]);
    expect(play.drain(1)).toEqual([]);
    expect(play.lanes.live).toBe(2);
    expect(play.outlet.got.get(1)).toEqual(upTo(3));
  });

  test("goes to later receivers once those in it have everything", () => {
    const play = new Play({ records: 3, blocks: 3 });
    play.join(1);
    play.come(0, 3);
    play.log.shrinkTo(0);
    expect([...play.join(2), ...play.join(3)]).toEqual([]);
    expect(play.lanes).toEqual({ live: 2, liveIndex: 0, waiting: 0 });
    expect(play.come(0)).toEqual(["2 frame 0", "3 frame 0"]);
  });
});

describe("the catch-up lane", () => {
  test("brings a late one from the log to the live lane without gap or repeat", () => {
    const play = new Play();
    play.join(1);
    play.come(0, 5);
    expect(play.join(2)).toEqual(upTo(5).map((index) => `2 frame ${index}`));
    expect(play.lanes).toEqual({ live: 2, liveIndex: 5, waiting: 0 });
    expect(play.come(5)).toEqual(["1 frame 5", "2 frame 5"]);
    expect(play.outlet.got.get(2)).toEqual(upTo(6));
  });

  test("has what the log forgot read again, for all who wait for it at once", () => {
    const play = new Play({ blocks: 8 });
    play.join(1);
    for (let index = 0; index < 16; index++) {
      play.come(index);
      play.ack(1, index + 1);
    }
    play.asked.length = 0;
    expect([...play.join(2), ...play.join(3)]).toEqual([]);
    // Each for itself: the origin asks once.
    expect(play.asked).toEqual(["0+1", "0+1"]);
    expect(play.come(0)).toEqual(["2 frame 0", "3 frame 0"]);
    expect(play.come(1)).toEqual(["2 frame 1", "3 frame 1"]);
  });

  test("asks again only for what did not come for a while, and only when somebody waits", () => {
    const play = new Play({ records: 2 });
    play.join(1);
    expect(play.asked.splice(0)).toEqual(["0+1"]);
    play.tick(NEED_AGAIN_MS - 1);
    expect(play.asked).toEqual([]);
    play.tick(1);
    expect(play.asked.splice(0)).toEqual(["0+1"]);
    play.fanout.closed(1);
    play.tick(NEED_AGAIN_MS);
    expect(play.asked).toEqual([]);
  });

  test("goes on at the next tick when a drain was never told", () => {
    const play = new Play();
    play.outlet.stuck.add(1);
    play.join(1);
    play.come(0, 2);
    play.outlet.drain(1);
    expect(play.tick()).toEqual(["1 frame 1"]);
  });

  test("sees at the next tick what came without a word", () => {
    const play = new Play();
    play.join(1);
    play.log.reserve(0);
    play.log.put(0, encodeFrame(share, 0, false, new Uint8Array(100)));
    expect(play.tick()).toEqual(["1 frame 0"]);
  });
});

describe("a window of 0", () => {
  test("gets nothing, until it opens", () => {
    const play = new Play();
    play.come(0, 3);
    expect(play.join(1, 1, 0)).toEqual([]);
    expect([...play.come(3), ...play.tick(5000)]).toEqual([]);
    expect(play.ack(1, 1)).toEqual(["1 frame 1", "1 frame 2", "1 frame 3"]);
  });

  test("that comes while it is live ends that before the next record", () => {
    const play = new Play();
    play.join(1);
    play.ack(1, 0, 0);
    expect(play.come(0)).toEqual([]);
    expect(play.lanes.live).toBe(0);
  });
});
