import { expect, test } from "bun:test";
import { FRAME_BYTES } from "../../../protocol/mod.ts";
import { FrameTurns } from "../../../relay/net/frame-turns.ts";
import type { SocketId } from "../../../relay/share/outlet.ts";

const MANY = 1000;

/** Sockets that all want frames at any time, at a clock of their own. */
class Play {
  now = 0;
  used = 1;
  bytes = FRAME_BYTES;
  readonly given: SocketId[] = [];
  readonly turns = new FrameTurns({
    clock: () => this.now,
    tcpUsed: () => this.used,
    turn: (id) => this.ask(id),
  });

  ask(id: SocketId): void {
    if (!this.turns.take(id, this.bytes, MANY)) return;
    this.given.push(id);
  }

  /** Each of these sockets wants its next frame as soon as it has one, for a second. @returns bytes that left */
  second(ids: readonly SocketId[]): number {
    const before = this.given.length;
    for (let ms = 0; ms < 1000; ms += 2) {
      for (const id of ids) while (!this.turns.isWaiting(id)) this.ask(id);
      this.now += 2;
      this.turns.wake(MANY);
    }
    return (this.given.length - before) * this.bytes;
  }
}

test.each([
  ["of 1 MiB", FRAME_BYTES],
  ["of 64 KiB", 64 * 1024],
])("frames %s leave at 250 MiB/s however long others hold all memory", (_, bytes) => {
  const play = new Play();
  play.bytes = bytes;
  for (const used of [1.34, 1.5, 3]) {
    play.used = used;
    const left = play.second([1, 2, 3]) / 1024 ** 2;
    expect(left).toBeGreaterThanOrEqual(250);
    expect(left).toBeLessThan(260);
  }
});

test("frames leave the more slowly the less memory there is", () => {
  const play = new Play();
  const rates = [1, 1.05, 1.1, 1.2].map((used) => {
    play.used = used;
    return play.second([1, 2, 3]);
  });
  expect(rates).toEqual(rates.toSorted((one, other) => other - one));
  expect(new Set(rates).size).toBe(rates.length);
});

test("no socket that comes later goes ahead of those that wait", () => {
  const play = new Play();
  play.used = 2;
  for (let id = 1; id <= 6; id++) play.ask(id);
  expect(play.given).toEqual([1, 2, 3]);
  play.now += 20;
  play.ask(7);
  expect(play.given).toEqual([1, 2, 3]);
  play.turns.wake(MANY);
  play.now += 20;
  play.turns.wake(MANY);
  expect(play.given).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("a socket that has to wait again when its turn comes is told once", () => {
  let told = 0;
  const turns: FrameTurns = new FrameTurns({
    clock: () => 0,
    tcpUsed: () => 2,
    turn: (id) => {
      told++;
      // Its bundle gives the frame to another of its sockets.
      turns.take(id + 100, FRAME_BYTES, MANY);
    },
  });
  for (let id = 1; id <= 5; id++) turns.take(id, FRAME_BYTES, MANY);
  expect([turns.isWaiting(4), turns.isWaiting(5)]).toEqual([true, true]);
  turns.wake(10);
  expect(told).toBe(2);
});

test("sockets that wait get frames in turn as long as there is time for them", () => {
  let now = 0;
  const given: SocketId[] = [];
  const turns: FrameTurns = new FrameTurns({
    clock: () => now,
    tcpUsed: () => 2,
    turn: (id) => {
      if (turns.take(id, FRAME_BYTES / 4, MANY)) given.push(id);
      turns.take(id, FRAME_BYTES / 4, MANY);
    },
  });
  for (const id of [1, 2, 3]) while (turns.take(id, FRAME_BYTES, MANY));
  now = 8;
  turns.wake(MANY);
  expect(given).toEqual([1, 2, 3, 1, 2]);
});

test("few sockets do not wait", () => {
  const play = new Play();
  play.used = 3;
  const all = Array.from({ length: 100 }, (_, id) => play.turns.take(id, FRAME_BYTES, 100));
  expect(all).not.toContain(false);
});
