/** Until when a relay may change the facts of its shares in a bucket of the cluster. */
import { expect, test } from "bun:test";

import { RELAY_GONE_MS } from "../../../relay/cluster/directory-kv.ts";
import { WRITE_MS, WriteFence } from "../../../relay/cluster/write-fence.ts";

class Play {
  steady = 5000;
  wall = 1_000_000;
  isProven = true;
  readonly fence = new WriteFence({
    clock: () => this.steady,
    wallTime: () => this.wall,
    isProven: () => this.isProven,
  });

  later(ms: number): void {
    this.steady += ms;
    this.wall += ms;
  }

  /** A heartbeat that the directory takes after so long. */
  beat(ms = 0): void {
    const sent = this.fence.now;
    this.later(ms);
    this.fence.held(sent);
  }
}

test("a relay may write for a time from when it sent a heartbeat, not from when it was taken", () => {
  const play = new Play();
  expect(play.fence.left).toBe(0);
  play.beat(2000);
  expect(play.fence.left).toBe(WRITE_MS - 2000);
  play.later(WRITE_MS - 2001);
  expect(play.fence.left).toBe(1);
  play.later(1);
  expect(play.fence.left).toBe(0);
  expect(WRITE_MS).toBeLessThan(RELAY_GONE_MS);
});

test("heartbeats in time make no lapse, whatever the order of their answers", () => {
  const play = new Play();
  play.beat();
  const early = play.fence.now;
  play.later(5000);
  play.beat();
  play.fence.held(early);
  expect(play.fence.left).toBe(WRITE_MS);
  expect(play.fence.lapses).toBe(0);
});

test("a relay that stood still has lapsed, also if a heartbeat is taken before any question", () => {
  const play = new Play();
  play.beat();
  play.later(WRITE_MS);
  play.beat();
  expect(play.fence.lapses).toBe(1);
  expect(play.fence.left).toBe(WRITE_MS);
});

test("a heartbeat whose answer came after all that time opens nothing", () => {
  const play = new Play();
  play.beat();
  play.later(1000);
  play.beat(WRITE_MS);
  expect(play.fence.left).toBe(0);
  expect(play.fence.lapses).toBe(2);
});

test("a machine that slept finds its other clock ahead", () => {
  const play = new Play();
  play.beat();
  play.wall += WRITE_MS;
  expect(play.fence.left).toBe(0);
  play.beat();
  // A clock that is set back shortens nothing.
  play.wall -= 100_000;
  play.later(0);
  play.steady += 1000;
  expect(play.fence.left).toBe(WRITE_MS - 1000);
});

test("a relay whose shares the directory does not name as its own may not write", () => {
  const play = new Play();
  play.beat();
  play.isProven = false;
  expect(play.fence.left).toBe(0);
  expect(play.fence.lapses).toBe(0);
  play.isProven = true;
  expect(play.fence.left).toBe(WRITE_MS);
});
