/** The parts of resources that shares leave to each other: room in the log, and the credit of their senders. */
import { expect, test } from "bun:test";
import { CREDIT_RECORDS } from "../../../protocol/mod.ts";
import { PlayShare, RelayPlay, STALL_MS, range } from "../../support/relay/relay-play.ts";

const SENDER = 1;
const RECEIVER = 2;
const OTHER_SENDER = 3;
const OTHER_RECEIVER = 4;

/** All that a share can hold of a log: receivers everywhere in it. */
function greedy(play: RelayPlay, share: PlayShare, worker: number): void {
  play.send(worker, SENDER, share);
  for (let at = 0; at < 12; at++) {
    play.join(worker, 100 + at, share, { receiver: 100 + at, from: 8 * at });
  }
  play.run(worker, SENDER, share);
  for (let at = 0; at < 12; at++) play.ack(worker, 100 + at, share, 8 * at + 1);
  play.run(worker, SENDER, share);
}

test("a share with receivers everywhere in it leaves another its part of the log", () => {
  const [big, small] = [new PlayShare(1, { seekable: true }), new PlayShare(2, { seekable: true })];
  const play = new RelayPlay({ blocks: 8 });
  greedy(play, big, 0);
  expect(play.blocksHeld).toBe(8);
  play.send(1, OTHER_SENDER, small).join(1, OTHER_RECEIVER, small).tick();
  // It has half of the log, and half of that for what is on its way.
  expect(play.answer(1, OTHER_SENDER, small)).toEqual([0]);
  play.ack(1, OTHER_RECEIVER, small, 1);
  expect(play.answer(1, OTHER_SENDER, small)).toEqual([1]);
  play.run(1, OTHER_SENDER, small);
  for (let next = 1; next < 40; next++) {
    play.ack(1, OTHER_RECEIVER, small, next);
    play.tick(1000);
    play.run(0, SENDER, big);
    play.run(1, OTHER_SENDER, small);
  }
  expect(play.got(1, OTHER_RECEIVER).slice(0, 40)).toEqual(range(0, 40));
});

test("the credit of one sender is nobody else's", () => {
  const [big, small] = [new PlayShare(1, { seekable: true }), new PlayShare(2, { seekable: true })];
  const play = new RelayPlay({ blocks: 160, workers: 1 });
  const wantsAll = (sender: number, receiver: number, share: PlayShare): void => {
    play.send(0, sender, share).join(0, receiver, share);
    play.answer(0, sender, share);
    play.ack(0, receiver, share, 1).run(0, sender, share);
    play.ack(0, receiver, share, 5);
  };
  wantsAll(SENDER, RECEIVER, big);
  expect(play.sockets[0]!.wants.splice(0)).toEqual(range(6, 6 + CREDIT_RECORDS));
  // The first never answers.
  wantsAll(OTHER_SENDER, OTHER_RECEIVER, small);
  expect(play.answer(0, OTHER_SENDER, small)).toEqual(range(6, 6 + CREDIT_RECORDS));
});

test("shares whose records must be kept leave room for others, even if nobody goes on", () => {
  const play = new RelayPlay({ blocks: 32, workers: 1 });
  const held: number[] = [];
  for (let number = 1; number <= 4; number++) {
    const share = new PlayShare(number);
    play
      .send(0, number, share)
      .join(0, 10 + number, share)
      .join(0, 20 + number, share);
    for (let times = 0; times < 40; times++) {
      play.run(0, number, share);
      play.ack(0, 10 + number, share, play.got(0, 10 + number).length);
    }
    held.push(play.blocksHeld);
  }
  // Each takes half of what is left at most.
  expect(held).toEqual([16, 24, 28, 30]);
  const last = new PlayShare(5, { seekable: true });
  play.send(0, 5, last).join(0, 15, last);
  expect(play.run(0, 5, last).length).toBeGreaterThan(0);
  play.tick(STALL_MS - 1);
  expect(play.blocksHeld).toBeLessThanOrEqual(32);
});

test("a channel of many shares has one part of the log", () => {
  const play = new RelayPlay({ blocks: 40, workers: 2 });
  const crowd = range(1, 11).map((number) => {
    return new PlayShare(number, { channel: 99, seekable: true });
  });
  for (const [at, share] of crowd.entries()) {
    play.send(0, 10 + at, share).join(0, 30 + at, share);
    play.run(0, 10 + at, share);
  }
  const alone = new PlayShare(50, { seekable: true });
  play.send(1, OTHER_SENDER, alone).join(1, OTHER_RECEIVER, alone).tick();
  const capacities = [...play.hubs[1]!.shares].map(({ record, home }) => {
    return home.origin === undefined ? undefined : [record.key, home.origin.log.capacity];
  });
  expect(capacities.filter((one) => one !== undefined)).toEqual([[alone.key, 20]]);
  for (const { home } of play.hubs[0]!.shares) {
    if (home.origin !== undefined) expect(home.origin.log.capacity).toBe(2);
  }
  // Those who are left have the part of those who end.
  for (const [at, share] of crowd.entries()) {
    if (at > 0) play.say(0, 10 + at, { t: "end", share: share.offer.share });
  }
  play.settle();
  for (const { home } of play.hubs[0]!.shares) {
    if (home.origin !== undefined) expect(home.origin.log.capacity).toBe(20);
  }
});

test("shares whose receivers take nothing leave their room to one that has none", () => {
  const play = new RelayPlay({ blocks: 4, workers: 1 });
  for (let number = 1; number <= 4; number++) {
    const share = new PlayShare(number, { seekable: true });
    // As at the question whether to take it.
    play.send(0, number, share).join(0, 10 + number, share, { window: 1 });
    play.run(0, number, share);
  }
  expect(play.blocksHeld).toBe(4);
  const late = new PlayShare(5, { seekable: true });
  play.send(0, 5, late).join(0, 15, late);
  expect(play.answer(0, 5, late)).toEqual([]);
  for (let ticks = 0; ticks < 30; ticks++) play.tick(250);
  play.run(0, 5, late);
  expect(play.got(0, 15).length).toBeGreaterThan(0);
});
