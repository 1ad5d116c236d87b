import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import {
  EVENTS_AT_ONCE,
  EVENTS_EVERY_MS,
  EventPace,
  RECEIVER_EVENTS_AT_ONCE,
  RECEIVER_EVENTS_EVERY_MS,
} from "../../../cli/job/event-pace.ts";
import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import { RECEIVERS_PER_SHARE, TokenBucket, u32, toHex } from "../../../protocol/mod.ts";

type State = Extract<ClientEvent, { event: "receiver" }>["state"];

class Play {
  now = 0;
  readonly told: ClientEvent[] = [];
  readonly pace = new EventPace(
    (event) => this.told.push(event),
    () => this.now,
  );

  /** Time passes as a client's timer sees it. */
  wait(ms: number): ClientEvent[] {
    const before = this.told.length;
    for (const until = this.now + ms; this.now < until;) {
      this.now = Math.min(until, this.now + 50);
      this.pace.tick();
    }
    return this.told.slice(before);
  }
}

function receiver(number: number, state: State, done = false): ClientEvent {
  const id = toHex(u32(number)).repeat(4);
  return { event: "receiver", id, name: "a", state, records: 1, done };
}

const refused: ClientEvent = { event: "error", code: "receipt-refused", message: "one" };
const relay = (online: boolean): ClientEvent => ({ event: "relay", url: "ws://relay", online });

/** How many events there were, with those that were left out. */
function sum(events: readonly ClientEvent[]): number {
  return events.reduce((all, event) => {
    return all + 1 + ("untold" in event ? (event.untold ?? 0) : 0);
  }, 0);
}

test("a token bucket lets so many through at once, and then one each so often", () => {
  const bucket = new TokenBucket();
  const at = (now: number): boolean => bucket.take({ atOnce: 3, everyMs: 100 }, now);
  expect([at(0), at(0), at(0), at(0)]).toEqual([true, true, true, false]);
  expect([at(99), at(100), at(100), at(200)]).toEqual([false, true, false, true]);
  expect([bucket.isFull(499), bucket.isFull(500)]).toEqual([false, true]);
  expect([at(10_000), at(10_000), at(10_000), at(10_000)]).toEqual([true, true, true, false]);
});

test("refused receipts are told of at once, and then once a second with their number", () => {
  const play = new Play();
  for (let i = 0; i < 13; i++) play.pace.tell(refused);
  expect(play.told).toEqual([refused]);
  expect(play.wait(EVENTS_EVERY_MS)).toEqual([
    {
      event: "error",
      code: "receipt-refused",
      message: "12 receipts that do not verify were refused. Their receivers do not count as done.",
      untold: 11,
    },
  ]);
  expect(play.wait(10 * EVENTS_EVERY_MS)).toEqual([]);
  for (let second = 0; second < 10; second++) {
    for (let i = 0; i < 228; i++) play.pace.tell(refused);
    expect(play.wait(EVENTS_EVERY_MS).length).toBeLessThanOrEqual(1);
  }
  play.pace.flush();
  expect(sum(play.told)).toBe(13 + 2280);
});

test.each<[string, (flip: boolean) => ClientEvent]>([
  ["the line to the relay", relay],
  ["the sender", (here) => ({ event: "sender", here })],
  ["the gate", (more) => ({ event: "gate", agreed: more ? 1 : 0, wanted: 2, open: false })],
  ["one receiver", (here) => receiver(1, here ? "live" : "lost")],
  ["a question about it", () => ({ event: "asks", id: "00", name: "a" })],
  ["having nothing to do", () => ({ event: "waiting" })],
  ["kept bytes", (more) => ({ event: "kept", path: "/a", bytes: more ? 1 : 0, size: 2 })],
  ["a share that fails", () => ({ event: "error", code: "bad-manifest", message: "one" })],
])("%s that flips a thousand times is told a few times, rightly at last", (_what, make) => {
  const play = new Play();
  for (let flip = 0; flip < 1000; flip++) play.pace.tell(make(flip % 2 === 0));
  expect(play.told).toHaveLength(EVENTS_AT_ONCE);
  play.wait(EVENTS_EVERY_MS);
  expect(play.told).toHaveLength(EVENTS_AT_ONCE + 1);
  expect(play.told.at(-1)).toMatchObject(
    Object.fromEntries(Object.entries(make(false)).filter(([key]) => key !== "message")),
  );
  expect(sum(play.told)).toBe(1000);
});

describe("receivers", () => {
  test("that come and go under new ids are told of so often, and counted", () => {
    const play = new Play();
    const ids = 3 * RECEIVERS_PER_SHARE;
    for (let id = 0; id < ids; id++) {
      play.pace.tell(receiver(id, "waiting"));
      play.pace.tell(receiver(id, "lost"));
    }
    expect(play.told).toHaveLength(RECEIVER_EVENTS_AT_ONCE);
    const later = play.wait(1000);
    expect(later).toHaveLength(1000 / RECEIVER_EVENTS_EVERY_MS);
    play.pace.flush();
    expect(sum(play.told)).toBe(2 * ids);
    // At most as many wait as there may be receivers.
    expect(play.told.length).toBeLessThanOrEqual(
      RECEIVER_EVENTS_AT_ONCE + later.length + RECEIVERS_PER_SHARE,
    );
  });

  test("that prove to have everything are told of at once, each of them", () => {
    const play = new Play();
    for (let i = 0; i < 2000; i++) play.pace.tell(receiver(i, "live"));
    const before = play.told.length;
    for (let i = 0; i < 2000; i++) play.pace.tell(receiver(i, "done", true));
    expect(play.told).toHaveLength(before + 2000);
    // Nothing older comes after it.
    expect(play.wait(60_000)).toEqual([]);
  });

  test("that went are not asked about any more", () => {
    const play = new Play();
    for (let i = 0; i < 2000; i++) play.pace.tell({ event: "asks", id: `${i}`, name: "a" });
    const { id } = { id: "1999" };
    play.pace.tell({ event: "receiver", id, name: "a", state: "left", records: 0, done: false });
    const told = play.wait(60_000);
    expect(told.filter((event) => event.event === "asks" && event.id === id)).toEqual([]);
    expect(told.filter((event) => event.event === "asks")).toHaveLength(999);
  });
});

test("the last event about each receiver is its state, in every order", () => {
  const event = fc.oneof(
    fc.boolean().map(relay),
    fc
      .tuple(fc.nat(3), fc.constantFrom<State>("waiting", "live", "lost"))
      .map(([number, state]) => receiver(number, state)),
    fc.constant(refused),
    fc.nat(400),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 300 }), (steps) => {
      const play = new Play();
      const last = new Map<string, ClientEvent>();
      let all = 0;
      for (const step of steps) {
        if (typeof step === "number") {
          play.wait(step);
          continue;
        }
        all++;
        last.set("id" in step ? step.id : step.event, step);
        play.pace.tell(step);
      }
      play.pace.flush();
      expect(sum(play.told)).toBe(all);
      for (const [key, due] of last) {
        const told = play.told.findLast((each) => ("id" in each ? each.id : each.event) === key);
        if (due.event === "relay") expect(told).toMatchObject({ online: due.online });
        if (due.event === "receiver") expect(told).toMatchObject({ state: due.state });
      }
    }),
  );
});

test("no event says that nothing was offered after an offer", () => {
  const play = new Play();
  for (let i = 0; i < 100; i++) play.pace.tell({ event: "waiting" });
  const offer = { event: "offer", share: "00", files: 1, bytes: 1, names: ["a"] } as const;
  play.pace.tell({ ...offer, exists: false, question: true });
  expect(play.wait(60_000)).toEqual([]);
});
