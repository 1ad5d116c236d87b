/** The order in which a sender is asked for the records of its shares. */
import { expect, test } from "bun:test";
import { CREDIT_RECORDS } from "../../../protocol/mod.ts";
import {
  NEWCOMERS_ALONE_MS,
  NEWCOMER_BURST_RECORDS,
  NEWCOMER_CREDIT_RECORDS,
  NEWCOMER_RATE,
  NEWCOMER_TURN_RECORDS,
  RequestQueue,
} from "../../../relay/share/request-queue.ts";
import { READ_AHEAD_MOST_RECORDS } from "../../../relay/share/read-ahead.ts";
import { range } from "../../support/relay/relay-play.ts";

const FAR = 1000;

interface Said {
  readonly worker?: number;
  readonly group?: string;
  readonly proven?: boolean;
  readonly count?: number;
}

/** A queue whose records come as soon as they are asked for, unless told. */
class Play {
  now = 0;
  newcomers = 0;
  proven = 0;
  readonly queue = new RequestQueue();
  readonly asked = new Set<number>();

  /** A party needs `count` records from `from` on, and nothing else. */
  need(party: number, from: number, { worker = 0, group, proven = true, count = 1 }: Said = {}) {
    const runs = count === 0 ? [] : [{ first: from, count }];
    const end = from + count;
    const lacking = range(from, end);
    this.queue.need(worker, { party, group, proven, from, end, runs }, lacking);
    return this;
  }

  take(most: number): number[] {
    const taken: number[] = [];
    while (taken.length < most) {
      const onTheWay = { proven: this.proven, newcomers: this.newcomers, credit: CREDIT_RECORDS };
      const index = this.queue.next((each) => !this.asked.has(each), onTheWay, this.now);
      if (index === undefined) break;
      this.asked.add(index);
      this.queue.taken();
      taken.push(index);
    }
    return taken;
  }
}

test("parties have turns of one record, however many each needs", () => {
  const play = new Play();
  play.need(1, 0, { count: 4 }).need(2, 100, { count: 2 }).need(3, 200);
  expect(play.take(9)).toEqual([0, 100, 200, 1, 101, 2, 3]);
  expect(play.queue.size).toBe(0);
});

test("the parties of one address share its turns, at whatever worker they are", () => {
  const play = new Play();
  for (let party = 1; party <= 8; party++) {
    play.need(party, FAR + 100 * party, { group: "192.0.2.1", worker: party % 2, count: 4 });
  }
  play.need(0, 0, { count: 8 });
  const taken = play.take(16);
  expect(taken.filter((index) => index < FAR)).toEqual(range(0, 8));
});

test("one that moves needs what it needed before no more, and another still does", () => {
  const play = new Play();
  play.need(1, 5, { count: 3 }).need(2, 6);
  play.need(1, 50);
  expect(play.take(9)).toEqual([6, 50]);
  play.need(1, 60).need(1, 60, { count: 0 });
  expect(play.take(9)).toEqual([]);
});

test("one that goes on keeps what it needs and has not got", () => {
  const play = new Play();
  play.need(1, 0, { count: 4 });
  expect(play.take(1)).toEqual([0]);
  play.queue.need(
    0,
    { party: 1, group: undefined, proven: true, from: 1, end: 6, runs: [] },
    [4, 5],
  );
  expect(play.take(9)).toEqual([1, 2, 3, 4, 5]);
});

test("a record that several need is asked for once", () => {
  const play = new Play();
  for (let party = 1; party <= 1000; party++) play.need(party, 7, { count: 2 });
  expect(play.take(9)).toEqual([7, 8]);
  expect(play.queue.size).toBe(0);
});

test("a party queues no more than is read ahead of it", () => {
  const play = new Play();
  play.need(1, 0, { count: 10 * READ_AHEAD_MOST_RECORDS });
  expect(play.queue.size).toBe(READ_AHEAD_MOST_RECORDS);
});

test("a worker that is gone needs nothing", () => {
  const play = new Play();
  play.need(1, 0, { worker: 1, count: 4 }).need(1, 10, { worker: 11 });
  play.queue.forget(1);
  expect(play.take(9)).toEqual([10]);
});

test("newcomers have one turn of NEWCOMER_TURN_RECORDS, however many they are", () => {
  const play = new Play();
  for (let party = 1; party <= 100; party++) {
    play.need(party, FAR + party, { proven: false });
  }
  const healthy: number[] = [];
  for (let at = 0; at < 20; at++) {
    play.need(0, 10 * at, { count: 10 });
    healthy.push(...play.take(10).filter((index) => index < FAR));
  }
  expect(healthy.length).toBeGreaterThanOrEqual(200 - 200 / NEWCOMER_TURN_RECORDS - 1);
  expect(healthy.length).toBeLessThan(200);
});

test("a newcomer that comes alone waits for nobody", () => {
  const play = new Play();
  play.need(0, 0, { count: 16 });
  play.take(10);
  play.need(1, FAR, { proven: false });
  expect(play.take(1)).toEqual([FAR]);
});

test("newcomers have a rate of their own while nobody else needs anything", () => {
  const play = new Play();
  play.need(0, 0);
  play.take(1);
  for (let party = 1; party <= 100; party++) {
    play.need(party, FAR + party, { proven: false });
  }
  // The first has its turn.
  expect(play.take(100)).toHaveLength(1 + NEWCOMER_BURST_RECORDS);
  play.now += NEWCOMERS_ALONE_MS / 2;
  expect(play.take(100)).toHaveLength(NEWCOMER_RATE / 2);
  // Others wait for what is on its way to them.
  play.now += NEWCOMERS_ALONE_MS / 2 - 1;
  play.proven = 1;
  expect(play.take(100)).toEqual([]);
});

test("newcomers have no rate when nobody else was there for a while, and no more places", () => {
  const play = new Play();
  play.need(0, 0);
  play.take(1);
  for (let party = 1; party <= 100; party++) {
    play.need(party, FAR + party, { proven: false });
  }
  play.take(100);
  play.now += NEWCOMERS_ALONE_MS;
  play.newcomers = NEWCOMER_CREDIT_RECORDS;
  expect(play.take(100)).toEqual([]);
  play.newcomers = 0;
  expect(play.take(100)).toHaveLength(100 - 1 - NEWCOMER_BURST_RECORDS);
  // As soon as another comes they have their part again.
  for (let party = 1; party <= 20; party++) play.need(party, party, { proven: false });
  play.need(0, 2 * FAR, { count: 16 });
  expect(play.take(10).filter((index) => index < FAR)).toHaveLength(1);
});

test("newcomers take no more than their part of the credit", () => {
  const play = new Play();
  play.need(0, 0);
  play.take(1);
  play.need(1, FAR, { proven: false });
  play.newcomers = NEWCOMER_CREDIT_RECORDS;
  expect(play.take(1)).toEqual([]);
  play.newcomers--;
  expect(play.take(1)).toEqual([FAR]);
});

test("a newcomer that has acknowledged something waits with all others", () => {
  const play = new Play();
  play.need(0, 0);
  play.take(1);
  play.need(1, 100, { proven: false, count: 1 });
  play.newcomers = NEWCOMER_CREDIT_RECORDS;
  expect(play.take(1)).toEqual([]);
  play.queue.need(
    0,
    { party: 1, group: undefined, proven: true, from: 100, end: 105, runs: [] },
    [101],
  );
  expect(play.take(9)).toEqual([100, 101]);
});
