/** The needs of its parties that a fan-out reports. */
import { expect, test } from "bun:test";
import { NEED_AGAIN_MS, ReadAhead, type Party } from "../../../relay/share/read-ahead.ts";
import type { PartyNeed } from "../../../relay/share/messages.ts";

const RECORDS = 100;

/** Some parties, a log, and what was said of them. */
class Play {
  now = 0;
  readonly #here = new Set<number>();
  #said: PartyNeed[] = [];
  readonly #readAhead = new ReadAhead(RECORDS, (needs) => {
    this.#said = this.#said.concat(needs);
  });

  newParty(): Party {
    return this.#readAhead.newParty();
  }

  /** @returns what was said, as the number of a party and what it lacks */
  read(party: Party, from: number, end = from + 1): [party: number, ...lacking: number[]][] {
    const log = {
      capacity: RECORDS,
      has: (index: number) => this.#here.has(index),
      open: () => undefined,
      close: () => undefined,
    };
    this.#readAhead.need(party, { from, end, proven: true }, log, this.now);
    return this.#flush();
  }

  drop(party: Party) {
    this.#readAhead.drop(party);
    return this.#flush();
  }

  come(index: number): void {
    this.#here.add(index);
    this.#readAhead.came(index);
  }

  evict(index: number): void {
    this.#here.delete(index);
  }

  pass(ms: number): void {
    this.now += ms;
    this.#readAhead.expire(this.now);
  }

  clear(): void {
    this.#readAhead.clear();
  }

  #flush(): [party: number, ...lacking: number[]][] {
    this.#readAhead.flush();
    return this.#said.splice(0).map(({ party, runs }) => {
      const [run] = runs;
      return run === undefined ? [party] : [party, run.first, run.first + run.count - 1];
    });
  }
}

test("a need is said once, and again when nothing came for NEED_AGAIN_MS", () => {
  const play = new Play();
  const party = play.newParty();
  expect(play.read(party, 3, 5)).toEqual([[0, 3, 4]]);
  expect(play.read(party, 3, 5)).toEqual([]);
  expect(play.read(party, 4, 6)).toEqual([[0, 5, 5]]);
  play.pass(NEED_AGAIN_MS - 1);
  expect(play.read(party, 4, 6)).toEqual([]);
  play.pass(1);
  expect(play.read(party, 4, 6)).toEqual([[0, 4, 5]]);
});

test("a record that was here and is gone is needed, though another that goes elsewhere said so too", () => {
  const play = new Play();
  const [party, passing] = [play.newParty(), play.newParty()];
  play.come(7);
  expect(play.read(party, 5, 8)).toEqual([[0, 5, 6]]);
  play.evict(7);
  expect(play.read(passing, 7)).toEqual([[1, 7, 7]]);
  play.come(5);
  play.come(6);
  expect(play.read(party, 7)).toEqual([[0, 7, 7]]);
  expect(play.drop(passing)).toEqual([[1]]);
  expect(play.read(party, 7)).toEqual([]);
});

test("a record that came, is gone and was asked for by another since is needed anew", () => {
  const play = new Play();
  const [party, passing] = [play.newParty(), play.newParty()];
  expect(play.read(party, 7)).toEqual([[0, 7, 7]]);
  play.come(7);
  play.evict(7);
  expect(play.read(passing, 7)).toEqual([[1, 7, 7]]);
  expect(play.read(party, 7)).toEqual([[0, 7, 7]]);
});

test("one that goes elsewhere says so, unless all that it needed came", () => {
  const play = new Play();
  const party = play.newParty();
  play.read(party, 1, 3);
  play.come(1);
  expect(play.drop(party)).toEqual([[0]]);
  expect(play.drop(party)).toEqual([]);
  play.read(party, 10);
  play.come(10);
  expect(play.drop(party)).toEqual([]);
});

test("one that goes elsewhere says so long after it said what it needs, and to a new source", () => {
  const play = new Play();
  const party = play.newParty();
  play.read(party, 1);
  play.pass(NEED_AGAIN_MS);
  expect(play.drop(party)).toEqual([[0]]);
  play.read(party, 2);
  play.clear();
  expect(play.drop(party)).toEqual([[0]]);
});
