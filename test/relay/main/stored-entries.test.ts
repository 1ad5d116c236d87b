/** Stored shares in the directory: their homes, and what becomes of them when another relay has them. */
import { expect, test } from "bun:test";

import { FaultError, SENDER_GRACE_MS, type Offer } from "../../../protocol/mod.ts";
import { LiveLimits } from "../../../relay/limits/limits.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../relay/limits/operator-limits.ts";
import { Directory } from "../../../relay/main/directory.ts";
import type { FromDirectory } from "../../../relay/share/messages.ts";
import type { StoredState } from "../../../relay/store/stored-share.ts";
import { storedShare } from "../../support/relay/stored-shares.ts";

const RECORDS = 5;
const OFFER: Offer = {
  share: new Uint8Array(16),
  recordSize: 100,
  records: RECORDS,
  bytes: 500,
  seekable: true,
};
const WHOLE: StoredState = {
  place: "place",
  until: 1e12,
  isWhole: true,
  durableBefore: RECORDS,
  records: undefined,
  downloadsLeft: undefined,
  begun: [],
};
const PART: StoredState = { ...WHOLE, isWhole: false, durableBefore: 2 };

/** A directory with two workers. */
class Play {
  now = 0;
  readonly directory: Directory;
  #told: FromDirectory[] = [];

  constructor(limits: Partial<Limits> = {}) {
    const toWorker = (_: number, message: FromDirectory) => void this.#told.push(message);
    const all = new LiveLimits({ ...DEFAULT_LIMITS, ...limits });
    this.directory = new Directory({ toWorker, workers: () => [0, 1] }, all);
  }

  /** Of each message for both workers. */
  get told(): FromDirectory[] {
    return this.#told.splice(0);
  }

  get words(): string[] {
    return this.told.map(({ t }) => t);
  }

  open(worker: number, state = WHOLE, more: Partial<Offer> = {}): void {
    const facts = storedShare(1, { key: "s", channel: "c", offer: { ...OFFER, ...more } });
    this.directory.stored.open(worker, { number: 7, facts, state }, this.now);
  }

  /** The sender's, or that of a link to another relay. */
  claim(state: StoredState | undefined, more: Partial<Offer> = {}, key = "s"): void {
    const offer = { ...OFFER, ...more };
    const claim = { t: "claim", worker: 0, socket: 5, channel: "c", key, offer } as const;
    const facts = storedShare(1, { key, channel: "c", offer });
    if (state !== undefined) this.directory.claim(claim, this.now, { number: 7, facts, state });
    else this.directory.claim({ ...claim, uplink: { link: 1, relay: "b" } }, this.now);
  }

  tick(after: number): string[] {
    this.now += after;
    this.directory.tick(this.now);
    return this.words;
  }
}

test("all records of a stored share are at its home alone, as far as its end is known", () => {
  for (const [records, count] of [
    [undefined, RECORDS],
    [3, 3],
  ] as const) {
    const play = new Play();
    play.open(1, { ...WHOLE, records });
    expect(play.told).toMatchObject([
      { t: "opened", durable: undefined },
      { t: "opened", durable: [{ first: 0, count }] },
    ]);
  }
});

test("a stored share takes a place in its channel until it is unloaded", () => {
  const play = new Play({ "shares-per-channel": 1 });
  play.open(0);
  play.claim(PART, {}, "other");
  expect(play.words).toEqual(["opened", "opened", "refused"]);
  play.directory.stored.unload("s");
  play.claim(PART, {}, "other");
  expect(play.words).toEqual(["unloaded", "unloaded", "opened", "opened"]);
});

test("a share whose last records are saved after its sender was lost goes on at its home", () => {
  const play = new Play();
  play.claim(PART);
  play.directory.handle({ t: "orphan", worker: 0, key: "s", epoch: 1 }, play.now);
  expect(play.words).toEqual(["opened", "opened", "orphaned", "orphaned"]);
  play.directory.stored.state("s", WHOLE);
  expect(play.told).toMatchObject([
    { t: "opened", record: { owner: 0, epoch: 2 } },
    { t: "opened", record: { owner: 0, epoch: 2 } },
  ]);
  expect(play.tick(SENDER_GRACE_MS)).toEqual([]);
});

test("a share that its worker lost with its sender goes on at a worker with receivers once it is whole", () => {
  const play = new Play();
  play.claim(PART);
  play.directory.workerLost(0, play.now);
  play.directory.stored.state("s", WHOLE, () => 1);
  expect(play.told.at(-1)).toMatchObject({ t: "opened", record: { owner: 1 } });
  expect(play.directory.homeOf("s")).toBe(1);
});

test("a share that is not whole is not unloaded, and one that is not stored stays where it is", () => {
  const play = new Play();
  play.claim(PART);
  play.directory.handle({ t: "orphan", worker: 0, key: "s", epoch: 1 }, play.now);
  play.directory.stored.unload("s");
  const live = { t: "claim", worker: 0, socket: 6, channel: "c", key: "live", offer: OFFER };
  play.directory.claim({ ...live, t: "claim" }, play.now);
  play.directory.stored.quiet("live");
  play.directory.stored.give("live", play.now);
  expect(play.directory.shares).toBe(2);
});

test("receivers of a share that another relay stores now wait for a link to it, as for a sender", () => {
  const play = new Play();
  play.open(0);
  expect(play.words).toEqual(["opened", "opened"]);
  play.now = SENDER_GRACE_MS;
  play.directory.stored.give("s", play.now);
  const given = { t: "orphaned", isGiven: true };
  expect(play.told).toMatchObject([given, given]);
  expect([...play.directory.list]).toMatchObject([{ senderHere: false }]);
  // The book of this relay has nothing to say of it.
  expect(play.directory.stored.state("s", WHOLE)).toBe(false);
  expect(play.tick(SENDER_GRACE_MS - 1)).toEqual([]);
  expect(play.tick(1)).toEqual(["closed", "closed"]);
});

test("a share that another relay stores now ends when that relay says so, and opens when it comes back", () => {
  const play = new Play();
  for (const isOver of [true, false]) {
    play.open(0);
    play.directory.stored.give("s", play.now);
    play.told.splice(0);
    if (isOver) play.directory.givenOver("s", new FaultError("revoked"));
    else play.open(1);
    const words = play.words;
    expect(words).toEqual(isOver ? ["closed", "closed"] : ["opened", "opened"]);
  }
});

test("receivers of a stream come again when it goes to another relay or comes from one", () => {
  const play = new Play();
  const stream = { seekable: false };
  play.open(0, WHOLE, stream);
  play.directory.stored.give("s", play.now);
  expect(play.words).toEqual(["opened", "opened", "dismissed", "dismissed"]);
  play.claim(undefined, stream);
  play.directory.drop("s", play.now);
  expect(play.words).toEqual(["opened", "opened", "orphaned", "orphaned"]);
  play.open(0, WHOLE, stream);
  expect(play.words).toEqual(["dismissed", "dismissed", "opened", "opened"]);
});

test("a relay that drains waits for no link to a share that another one stores now", () => {
  const play = new Play();
  play.open(0);
  play.directory.drain();
  play.directory.stored.give("s", play.now);
  expect(play.words).toEqual(["opened", "opened", "dismissed", "dismissed"]);
});
