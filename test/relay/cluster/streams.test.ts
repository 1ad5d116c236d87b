import { expect, test } from "bun:test";
import { OVERTAKEN_MOST_RECORDS, STREAMS_MOST } from "../../../relay/cluster/streams.ts";
import { Random } from "../../simulation/random.ts";
import { StreamPlay } from "../../support/relay/stream-play.ts";

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}

test("a run that goes on moves the window of its stream, and joins nothing anew", () => {
  const play = new StreamPlay().want(0, 2);
  expect(play.take()).toEqual(["open 0"]);
  expect(play.open(0).take()).toEqual(["join 0 at 0 for 2"]);
  expect(play.want(2, 3).take()).toEqual(["ack 0 at 0 for 5"]);
  play.frame(0, 0);
  expect(play.take()).toEqual(["ack 0 at 1 for 4"]);
  for (const index of range(1, 4)) play.frame(0, index);
  play.take();
  expect(play.want(5, 1).take()).toEqual(["ack 0 at 5 for 1"]);
  play.frame(0, 5);
  expect(play.records).toEqual(range(0, 6));
});

test("runs that go on from each other need one line, though it is still being opened", () => {
  const play = new StreamPlay().want(0, 1).want(1, 15).want(16, 4);
  expect(play.open(0).take()).toEqual(["open 0", "join 0 at 0 for 20"]);
});

test("a stream that has nothing to do reads elsewhere, before another line is opened", () => {
  const play = new StreamPlay().want(40, 2).run();
  play.take();
  expect(play.want(3, 1).take()).toEqual(["join 0 at 3 for 1"]);
  expect(play.run().records).toEqual([40, 41, 3]);
});

test("runs at several places are read at once, and one more waits for a stream", () => {
  const play = new StreamPlay();
  for (let place = 0; place <= STREAMS_MOST; place++) play.want(place * 100, 3);
  expect(play.streams.size).toBe(STREAMS_MOST);
  play.run();
  expect(play.streams.size).toBe(STREAMS_MOST);
  expect(play.records.toSorted((a, b) => a - b)).toEqual(
    range(0, STREAMS_MOST + 1).flatMap((place) => range(place * 100, 3)),
  );
});

test("a run is not overtaken for ever by those that go on", () => {
  const play = new StreamPlay(1).want(0, 8).open(0).want(5000, 1);
  let index = 0;
  for (; !play.got.has(5000) && index < 4 * OVERTAKEN_MOST_RECORDS; index++) {
    play.want(index + 8, 1);
    const [line] = play.lines.values();
    play.hear(line!);
    play.give(line!);
    play.hear(line!);
  }
  expect(play.got.has(5000)).toBe(true);
  play.run();
  expect(play.records.filter((each) => each < 5000)).toEqual(range(0, index + 8));
});

test("what a broken line did not bring is wanted of another one, and comes once", () => {
  const play = new StreamPlay().want(0, 5).open(0);
  play.frame(0, 0);
  play.frame(0, 1);
  play.take();
  expect(play.break(0).take()).toEqual(["open 1"]);
  expect(play.open(1).take()).toEqual(["join 1 at 2 for 3"]);
  expect(play.frame(0, 2)).toBe(false);
  expect(play.run().records).toEqual(range(0, 5));
});

test("C3 a record that was not wanted is a fault of the owner, and one that came is passed over", () => {
  const play = new StreamPlay().want(0, 2).open(0);
  play.frame(0, 0);
  expect(play.frame(0, 0)).toBe(false);
  expect(() => play.frame(0, 2)).toThrow("record 2 was not wanted");
  play.frame(0, 1);
  expect(() => play.frame(0, 2)).toThrow("record 2 was not wanted");
  play.want(2, 3);
  // A line keeps its order: nothing is lost on it but with the line.
  expect(() => play.frame(0, 3)).toThrow("record 3 was not wanted");
});

test("after the origin forgot its wants, no line is open and nothing comes", () => {
  const play = new StreamPlay().want(0, 2).want(50, 1);
  play.open(0);
  play.take();
  play.streams.forget();
  expect(play.take()).toEqual(["close 0", "close 1"]);
  expect(play.frame(0, 0)).toBe(false);
  expect(play.want(0, 1).take()).toEqual(["open 2"]);
});

test("a share that can't be read again is read by one stream", () => {
  const play = new StreamPlay(1).want(0, 2).open(0).want(100, 1);
  expect(play.streams.size).toBe(1);
  expect(play.run().records).toEqual([0, 1, 100]);
});

/** Random runs, breaks and delays: each wanted record comes to the origin exactly once. */
function simulate(seed: string): { wanted: number; got: number[]; sent: number; lines: number } {
  const random = new Random(seed);
  const chance = (part: number): boolean => random.next() < part;
  const most = chance(0.2) ? 1 : STREAMS_MOST;
  const credit = chance(0.5) ? 16 : 128;
  const breaks = chance(0.5) ? 0 : random.real(0, 0.02);
  const play = new StreamPlay(most);
  const wanted = new Set<number>();
  const places = range(0, 1 + Math.floor(random.next() * 6)).map((place) => place * 1000);
  for (let step = 0; step < 3000; step++) {
    const isOut = wanted.size - play.got.size;
    const at = Math.floor(random.next() * places.length);
    if (isOut < credit && chance(0.4)) {
      const count = 1 + Math.floor(random.next() * Math.min(credit - isOut, 20));
      const first = places[at]!;
      for (const index of range(first, count)) wanted.add(index);
      places[at] = first + count;
      play.want(first, count);
    }
    const lines = [...play.lines.values()];
    const line = lines[Math.floor(random.next() * lines.length)];
    if (line === undefined) continue;
    if (!line.isOpen) {
      if (chance(0.3)) play.open(line.id);
    } else if (chance(breaks)) play.break(line.id);
    else if (chance(0.5)) play.hear(line);
    else play.give(line);
  }
  play.run();
  expect([...play.got.keys()].every((index) => wanted.has(index))).toBe(true);
  const { sent, mostLines } = play;
  return { wanted: wanted.size, got: play.records, sent, lines: mostLines };
}

test("under breaks and delays each wanted record comes exactly once", () => {
  for (let round = 0; round < 100; round++) {
    const { wanted, got, lines } = simulate(`streams ${round}`);
    const once = new Set(got).size;
    expect({ round, got: got.length, once }).toEqual({ round, got: wanted, once: wanted });
    expect(lines).toBeLessThanOrEqual(STREAMS_MOST);
  }
});
