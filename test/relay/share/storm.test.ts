/** Many that ask for the same old records at once, and one that names more than anybody could want. */
import { describe, expect, test } from "bun:test";
import { TICK_MS } from "../../../relay/limits/limits.ts";
import { PlayShare, RelayPlay, range } from "../../support/relay/relay-play.ts";

const RECEIVERS = 1000;
const SENDER = 1;
const FIRST_RECEIVER = 10;

describe("P8 a storm of a thousand receivers", () => {
  /** Everything was read once, and the log holds the end alone. */
  function played(): { relay: RelayPlay; share: PlayShare } {
    const relay = new RelayPlay({ workers: 2, blocks: 40 });
    const share = new PlayShare(1, { records: 60, seekable: true });
    relay.send(0, SENDER, share).join(0, 2, share);
    for (let next = 0; next <= 60; next++) {
      relay.run(0, SENDER, share);
      relay.ack(0, 2, share, Math.min(next + 1, 60));
    }
    expect(relay.got(0, 2)).toEqual(range(0, 60));
    return { relay, share };
  }

  test("asks its sender once for each old record that the log lacks", () => {
    const { relay, share } = played();
    relay.now += 10_000;
    for (let at = 0; at < RECEIVERS; at++) {
      relay.join(at % 2, FIRST_RECEIVER + at, share, { window: 4 });
    }
    const asked = relay.run(0, SENDER, share);
    // The relay reads nothing ahead for receivers that have acknowledged nothing.
    expect(asked).toEqual([0]);
    for (let at = 0; at < RECEIVERS; at++) relay.ack(at % 2, FIRST_RECEIVER + at, share, 1, 3);
    asked.push(...relay.run(0, SENDER, share));
    // Four records for everybody, and what is read ahead of them.
    for (const index of range(0, 4)) expect(asked.filter((each) => each === index)).toHaveLength(1);
    expect(new Set(asked).size).toBe(asked.length);
    for (let at = 0; at < RECEIVERS; at++) {
      expect(relay.got(at % 2, FIRST_RECEIVER + at)).toEqual(range(0, 4));
    }
  });

  test("gets no more than each one's window, however often it asks", () => {
    const { relay, share } = played();
    for (let times = 0; times < 5; times++) {
      for (let at = 0; at < RECEIVERS / 10; at++) relay.ack(0, 2, share, 60);
      for (let at = 0; at < RECEIVERS / 10; at++) {
        if (times === 0) relay.join(0, FIRST_RECEIVER + at, share, { window: 2 });
        else relay.ack(0, FIRST_RECEIVER + at, share, 0, 2);
      }
      relay.run(0, SENDER, share);
      // A receiver that acknowledges several records at once gets the next one at a tick.
      relay.tick(TICK_MS);
      relay.run(0, SENDER, share);
    }
    for (let at = 0; at < RECEIVERS / 10; at++) {
      expect(relay.got(0, FIRST_RECEIVER + at)).toEqual([0, 1]);
    }
  });

  test("that acknowledges records it never got gets nothing for it, and frees nothing of others", () => {
    const { relay, share } = played();
    for (let at = 0; at < RECEIVERS / 10; at++) {
      relay.join(0, FIRST_RECEIVER + at, share, { window: 2 });
      relay.ack(0, FIRST_RECEIVER + at, share, 60, 16);
      relay.ack(0, FIRST_RECEIVER + at, share, 2 ** 28, 16);
    }
    relay.run(0, SENDER, share);
    for (let at = 0; at < RECEIVERS / 10; at++) {
      const got = relay.got(0, FIRST_RECEIVER + at);
      expect(got).toEqual(range(0, got.length));
      expect(got.length).toBeLessThanOrEqual(16);
    }
  });
});

describe("T16 a socket that names as much as it likes", () => {
  test("is in one share at a time, and none is kept that is not there", () => {
    const relay = new RelayPlay({ workers: 1, blocks: 40 });
    const shares = range(0, 30).map((at) => new PlayShare(at + 1, { channel: 7, records: 4 }));
    for (const [at, share] of shares.entries()) relay.send(0, 100 + at, share);
    const hub = relay.hubs[0]!;
    relay.join(0, 1, shares[0]!);
    const attached = (): number =>
      [...hub.shares].reduce((sum, { fanout }) => sum + fanout.attached, 0);
    for (let at = 0; at < 20_000; at++) {
      const { share } = at % 2 === 0 ? shares[at % 30]!.offer : new PlayShare(200).offer;
      const other = at % 2 === 0 ? share : share.with(0, at % 256).with(1, at >> 8);
      const receiver = new Uint8Array(16).fill(at % 2);
      const name = new Uint8Array(0);
      relay.say(0, 1, { t: "join", share: other, receiver, name, from: 0, window: 1 });
      if (at % 100 === 0) relay.settle();
    }
    relay.settle();
    expect(attached()).toBe(1);
    expect([...hub.shares]).toHaveLength(30);
    relay.close(0, 1);
    expect(attached()).toBe(0);
  });
});
