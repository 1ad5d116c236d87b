import { describe, expect, test } from "bun:test";

import { UnfinishedMessage } from "../../../relay/net/unfinished-message.ts";

const KiB = 1024;
const REQUEST = 500;

/** A line, what was said by it, and what Bun was told. */
class Play {
  bytes = REQUEST;
  readonly unfinished: UnfinishedMessage;

  constructor({ isDirect = true, isTls = false } = {}) {
    this.unfinished = new UnfinishedMessage({ bytes: REQUEST, unread: 0 }, isDirect, isTls);
  }

  /** A whole message, with what it takes besides. */
  says(length: number, besides = length < 126 ? 6 : length < 65_536 ? 8 : 14): void {
    this.bytes += length + besides;
    this.unfinished.message(length);
  }

  look(unread = 0): number {
    return this.unfinished.check({ bytes: this.bytes, unread });
  }
}

describe("the bytes that Bun has of a message that is not whole", () => {
  test("is what came after the last whole one, to the byte", () => {
    const play = new Play();
    play.says(200);
    play.look();
    play.bytes += 5000;
    expect(play.look()).toBe(5000);
    play.bytes += 1000;
    // The kernel has some that Bun has not.
    expect(play.look(600)).toBe(5400);
    play.bytes += 94;
    play.unfinished.message(6086);
    expect(play.look()).toBe(0);
  });

  test("is not counted later, when bytes came between the kernel's two counts", () => {
    const play = new Play();
    play.says(1024 * KiB);
    // These came after the one count and before the other: as if Bun had read less than it has.
    expect(play.look(2048 * KiB)).toBe(0);
    play.says(1024 * KiB);
    expect(play.look()).toBe(0);
    play.bytes += 5000;
    expect(play.look()).toBe(5000);
  });

  test("is not hidden by pings between its parts, nor by thousands of small messages before it", () => {
    const play = new Play();
    for (let at = 0; at < 10_000; at++) {
      play.says(60);
      if (play.unfinished.isDue) play.look();
    }
    for (let part = 0; part < 1000; part++) {
      play.bytes += 100 + 6 + 10;
      play.unfinished.control(10);
      if (play.unfinished.isDue) play.look();
    }
    expect(play.look()).toBeGreaterThan(90 * KiB);
  });

  test("is seen at once behind the request, or behind the first message", () => {
    const early = new UnfinishedMessage({ bytes: 60 * KiB, unread: 0 }, true, false);
    expect(early.check({ bytes: 60 * KiB, unread: 0 })).toBe(44 * KiB);
    const play = new Play();
    play.says(100);
    play.bytes += 3_000_000;
    expect(play.look()).toBe(3_000_000);
  });

  test.each([
    ["in fragments of 1 KiB", false, 1040 * 8],
    ["in records of TLS", true, 29 * 65],
  ])("is nothing for who only says whole messages, %s", (_, isTls, besides) => {
    const play = new Play({ isTls });
    for (let frame = 0; frame < 1000; frame++) {
      play.says(1024 * KiB, besides);
      expect(play.look()).toBe(0);
    }
    for (let pong = 0; pong < 1000; pong++) {
      play.bytes += 6 + (isTls ? 29 : 0);
      play.unfinished.control(0);
      expect(play.look()).toBe(0);
    }
  });

  test("is not looked for while whole messages come", () => {
    const play = new Play();
    expect(play.unfinished.isDue).toBe(true);
    play.says(60);
    expect(play.unfinished.isDue).toBe(false);
    expect(play.unfinished.isDue).toBe(true);
  });
});
