/** Shares that can't be read again, over workers that share one log. */
import { describe, expect, test } from "bun:test";
import { LOST_GRACE_MS, PAUSE_GRACE_MS } from "../../../protocol/mod.ts";
import { PlayShare, RelayPlay, STALL_MS, range } from "../../support/relay/relay-play.ts";

const SENDER = 1;
const FAST = 2;
const SLOW = 3;
const LATE = 4;

/** A sender at worker 0, one receiver there and one at worker 1. */
function two(blocks = 8): { play: RelayPlay; share: PlayShare } {
  const share = new PlayShare(1);
  const play = new RelayPlay({ blocks }).send(0, SENDER, share);
  return { play: play.join(0, FAST, share).join(1, SLOW, share), share };
}

/** Receives all there is with the first and acknowledges `slow` with the second. */
function goOn(play: RelayPlay, share: PlayShare, slow: number): number[] {
  const asked: number[] = [];
  for (let more = true; more;) {
    const some = play.run(0, SENDER, share);
    asked.push(...some);
    play.ack(0, FAST, share, (play.got(0, FAST).at(-1) ?? -1) + 1).ack(1, SLOW, share, slow);
    more = some.length > 0;
  }
  return asked;
}

test("the slowest receiver paces the sender, and every record is asked for once, in order", () => {
  const { play, share } = two();
  // Half of the log is left to others that may come.
  expect(goOn(play, share, 0)).toEqual(range(0, 4));
  expect(play.got(0, FAST)).toEqual(range(0, 4));
  const asked: number[] = [];
  for (let slow = 1; slow <= 100; slow++) asked.push(...goOn(play, share, slow));
  expect(asked).toEqual(range(4, 100));
  expect(play.got(1, SLOW)).toEqual(range(0, 100));
});

test("nothing is asked before a receiver is there", () => {
  const share = new PlayShare(1);
  const play = new RelayPlay().send(0, SENDER, share).tick(1000);
  expect(play.answer(0, SENDER, share)).toEqual([]);
  expect(play.join(1, SLOW, share).answer(0, SENDER, share)).toEqual([0]);
  expect(play.ack(1, SLOW, share, 1).answer(0, SENDER, share)).toEqual([1, 2]);
});

test("a receiver that comes for records that are gone is told so at once, on any worker", () => {
  const { play, share } = two();
  for (let slow = 0; slow <= 10; slow++) goOn(play, share, slow);
  for (const worker of [0, 1]) {
    play.join(worker, LATE, share, { window: 1 });
    expect(play.told(worker, LATE)).toEqual(["cancel too-late"]);
  }
  play.join(1, 5, share, { from: 10 });
  expect(play.told(1, 5)).toEqual([]);
  expect(play.got(1, 5)[0]).toBe(10);
});

test("a receiver that has not agreed and waits paces nobody, and is told when it agrees", () => {
  const { play, share } = two();
  play.join(1, LATE, share, { window: 1 });
  play.run(0, SENDER, share);
  expect(play.got(1, LATE)).toEqual([0]);
  play.ack(1, LATE, share, 1, 0);
  // It keeps its place for a moment, for who agrees without being asked.
  goOn(play, share, 10);
  play.ack(1, LATE, share, 1, 16);
  expect(play.told(1, LATE)).toEqual([]);
  play.ack(1, LATE, share, 1, 0).tick(PAUSE_GRACE_MS).tick();
  for (let slow = 1; slow <= 10; slow++) goOn(play, share, slow);
  expect(play.told(1, LATE)).toEqual([]);
  play.ack(1, LATE, share, 1, 16);
  expect(play.told(1, LATE)).toEqual(["cancel too-late"]);
});

describe("a receiver that loses its line", () => {
  test("finds its records when it comes back, on whichever worker, and holds nobody up twice", () => {
    const { play, share } = two();
    goOn(play, share, 2);
    play.close(1, SLOW).tick(LOST_GRACE_MS - 1000);
    expect(goOn(play, share, 0)).toEqual([]);
    play.join(0, 5, share, { receiver: SLOW, from: 2 });
    expect(play.told(0, 5)).toEqual([]);
    expect(play.got(0, 5)).toEqual(range(2, 6));
    play.ack(0, 5, share, 4);
    // Not the place of its old line.
    expect(play.run(0, SENDER, share)).toEqual(range(6, 8));
  });

  test("finds them also when its old line looks whole", () => {
    const { play, share } = two();
    goOn(play, share, 2);
    play.join(0, 5, share, { receiver: SLOW, from: 2 });
    play.ack(0, 5, share, 4).ack(0, FAST, share, 6);
    expect(play.run(0, SENDER, share)).toEqual(range(6, 8));
  });

  test("and its worker finds them", () => {
    const { play, share } = two();
    goOn(play, share, 2);
    play.crash(1).tick(LOST_GRACE_MS - 1000);
    expect(play.run(0, SENDER, share)).toEqual([]);
    play.join(0, 5, share, { receiver: SLOW, from: 2 });
    expect(play.got(0, 5)).toEqual(range(2, 6));
  });

  test("is waited for no longer than its grace", () => {
    const { play, share } = two();
    goOn(play, share, 2);
    play.close(1, SLOW).tick(LOST_GRACE_MS).tick();
    for (let times = 0; times < 5; times++) goOn(play, share, 0);
    play.join(1, 5, share, { receiver: SLOW, from: 2 });
    expect(play.told(1, 5)).toEqual(["cancel too-late"]);
  });

  test("and is alone finds them however long it takes, if nobody else is short of room", () => {
    const share = new PlayShare(1);
    const play = new RelayPlay().send(0, SENDER, share).join(0, FAST, share);
    play.run(0, SENDER, share);
    play.ack(0, FAST, share, 2).run(0, SENDER, share);
    play.close(0, FAST);
    for (let times = 0; times < 10; times++) play.tick(LOST_GRACE_MS);
    play.join(0, 5, share, { receiver: FAST, from: 2 });
    expect(play.got(0, 5).slice(0, 2)).toEqual([2, 3]);
  });
});

describe("a receiver that stalls", () => {
  test("is sent away, and the others go on", () => {
    const { play, share } = two();
    goOn(play, share, 2);
    play.tick(STALL_MS - 1);
    expect(play.told(1, SLOW)).toEqual([]);
    play.tick(1);
    expect(play.told(1, SLOW)).toEqual(["fault stalled"]);
    // A receiver that only waits for the others stays.
    expect(play.told(0, FAST)).toEqual([]);
    expect(goOn(play, share, 0).slice(0, 2)).toEqual([6, 7]);
  });

  test("may come back, and is kept nothing for before it takes something", () => {
    const { play, share } = two();
    play.run(0, SENDER, share);
    play.ack(0, FAST, share, 1).ack(1, SLOW, share, 1).run(0, SENDER, share);
    play.ack(0, FAST, share, 4);
    play
      .tick(STALL_MS - 1)
      .ack(0, FAST, share, 5)
      .tick(1)
      .close(1, SLOW);
    play.tick().join(1, 5, share, { receiver: SLOW, from: 1 });
    expect(play.told(1, 5)).toEqual(["cancel too-late"]);
  });

  test("by asking again and again is sent away as well", () => {
    const { play, share } = two();
    goOn(play, share, 2);
    for (let times = 0; times < 4; times++) {
      play.tick(STALL_MS / 4);
      play.join(1, SLOW, share, { from: 2 });
    }
    expect(play.told(1, SLOW)).toContain("fault stalled");
  });

  test("is left alone where records can be had again, or while it asks its person", () => {
    const share = new PlayShare(1, { seekable: true });
    const play = new RelayPlay().send(0, SENDER, share).join(1, SLOW, share);
    play.run(0, SENDER, share);
    play.tick(2 * STALL_MS);
    expect(play.told(1, SLOW)).toEqual([]);
    const other = two();
    other.play.run(0, SENDER, other.share);
    other.play
      .ack(1, SLOW, other.share, 1, 0)
      .ack(0, FAST, other.share, 4)
      .tick(2 * STALL_MS);
    expect(other.play.told(1, SLOW)).toEqual([]);
  });
});

describe("a sender that comes to another worker", () => {
  test("takes the log along", () => {
    const { play, share } = two();
    goOn(play, share, 2);
    const held = play.blocksHeld;
    play.close(0, SENDER).send(1, 7, share, 0);
    expect(play.blocksHeld).toBe(held);
    expect(play.answer(1, 7, share)).toEqual([]);
    play.join(0, LATE, share, { from: 2 }).ack(0, LATE, share, 3);
    expect(play.got(0, LATE)).toEqual(range(2, 6));
    play.ack(0, FAST, share, 6).ack(0, LATE, share, 6).ack(1, SLOW, share, 4);
    expect(play.run(1, 7, share)).toEqual([6, 7]);
  });

  test("before its old line is seen to break is asked for what did not come", () => {
    const { play, share } = two();
    play.send(1, 7, share, 0);
    expect(play.told(0, SENDER)).toEqual(["accepted", "fault replaced"]);
    expect(play.run(1, 7, share)).toEqual([0]);
  });

  test("and back and on again, before the workers could tell each other, loses nothing", () => {
    const { play, share } = two();
    goOn(play, share, 2);
    const { channel, offer, proof } = share;
    for (const [worker, socket] of [
      [1, 7],
      [0, 8],
      [1, 9],
      [0, 10],
    ] as const) {
      play.hubs[worker]!.opened(socket, 0);
      play.hello(worker, socket, "sender", channel);
      play.say(worker, socket, { t: "offer", ...offer, proof, first: 0 });
    }
    play.settle();
    play.ack(0, FAST, share, 6).ack(1, SLOW, share, 4);
    expect(play.run(1, 9, share)).toEqual([]);
    expect(play.run(0, 10, share)).toEqual([6, 7]);
    expect(play.got(1, SLOW)).toEqual(range(0, 8));
  });

  test("when either worker dies on the way leaves no block behind", () => {
    for (const dies of [0, 1]) {
      for (let steps = 0; steps < 12; steps++) {
        const { play, share } = two();
        goOn(play, share, 2);
        const { channel, offer, proof } = share;
        play.hubs[1]!.opened(7, 0);
        play.hello(1, 7, "sender", channel);
        play.say(1, 7, { t: "offer", ...offer, proof, first: 0 });
        for (let step = 0; step < steps; step++) play.step();
        play.crash(dies).settle();
        const left = 1 - dies;
        if (dies === 0) play.say(1, 7, { t: "end", share: offer.share });
        else play.send(left, 8, share, 0).say(left, 8, { t: "end", share: offer.share });
        play.settle().tick();
        expect(play.blocksHeld).toBe(0);
        expect([...new Int32Array(play.buffers.holders)]).toEqual([0, 0]);
      }
    }
  });

  test("after its worker died goes on from what it still has", () => {
    const { play, share } = two();
    for (let slow = 0; slow <= 20; slow++) goOn(play, share, slow);
    play.crash(0).send(1, 7, share, 8);
    expect(play.told(1, SLOW)).toEqual(["presence", "presence"]);
    // A receiver that lost its line with that worker may come back for records that the sender still has.
    expect(play.tick().run(1, 7, share)).toEqual(range(8, 12));
    play.join(1, 5, share, { receiver: FAST, from: 7 });
    expect(play.told(1, 5)).toEqual(["cancel too-late"]);
    play.tick(LOST_GRACE_MS).tick();
    play.run(1, 7, share);
    expect(play.got(1, SLOW).slice(20)).toEqual(range(20, 24));
  });

  test("from another relay of its cluster is asked for nothing that it has no more", () => {
    const { play, share } = two();
    for (let slow = 0; slow <= 10; slow++) goOn(play, share, slow);
    // The relay where it was had records further on, of which receivers from there have taken some.
    play.close(0, SENDER).send(0, 7, share, 40);
    play.join(0, 5, share, { receiver: LATE, from: 45 });
    expect(play.told(0, 5)).toEqual([]);
    expect(play.told(0, FAST)).toContain("cancel too-late");
    expect(play.told(1, SLOW)).toContain("cancel too-late");
    expect(play.run(0, 7, share)).toEqual(range(40, 46));
    expect(play.got(0, 5)).toEqual([45]);
  });
});
