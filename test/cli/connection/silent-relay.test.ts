/** A relay that falls silent in the middle of a session, at a link of its own and in a list. */
import { afterEach, beforeEach, expect, test } from "bun:test";

import { SILENCE_MS, encodeFrame } from "../../../protocol/mod.ts";
import type { LinkFault } from "../../../cli/connection/connect-errors.ts";
import { ANSWER_MS, ASK_AFTER_MS, RelayLink } from "../../../cli/connection/relay-link.ts";
import {
  NO_ERROR,
  openSocket,
  probe,
  useNetwork,
  type PlainAnswer,
  type SocketEvents,
} from "../../../cli/connection/relay-socket.ts";
import { SessionLink } from "../../../cli/connection/session-link.ts";
import { until } from "../../support/until.ts";

const ANSWER: PlainAnswer = { status: 503, location: undefined, upgrade: "", text: "draining" };
const before = { open: openSocket, probe };

let events: SocketEvents;
let isPaused: boolean;
/** Requests, and how they are answered. */
let asked: { readonly url: string; readonly answer: (is: boolean) => void }[];

beforeEach(() => {
  isPaused = false;
  asked = [];
  useNetwork({
    open: (_url, _way, given) => {
      events = given;
      const nothing = (): void => undefined;
      return {
        isOpen: true,
        get isPaused() {
          return isPaused;
        },
        buffered: 0,
        send: nothing,
        pause: nothing,
        resume: nothing,
        pong: nothing,
        close: () => given.closed(NO_ERROR),
        terminate: nothing,
      };
    },
    probe: (url) => {
      const { promise, resolve, reject } = Promise.withResolvers<PlainAnswer>();
      const answer = (is: boolean): void => (is ? resolve(ANSWER) : reject(new Error("no")));
      asked.push({ url, answer });
      return promise;
    },
  });
});
afterEach(() => useNetwork(before));

function opened(mayLeave: boolean): { link: RelayLink; lost: LinkFault[]; from: number } {
  const lost: LinkFault[] = [];
  const told = {
    opened: () => undefined,
    message: () => undefined,
    lost: (why: LinkFault) => void lost.push(why),
  };
  const way = { mayLeave: () => mayLeave };
  const link = new RelayLink("ws://relay.example:8000/ws", told, performance.now(), way);
  events.opened();
  return { link, lost, from: performance.now() };
}

/** A turn for what an answer leads to. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("is asked for a sign of life after two pings, and left if it does not answer", async () => {
  const { link, lost, from } = opened(true);
  link.watch(from + ASK_AFTER_MS - 1000);
  expect(asked).toEqual([]);
  link.watch(from + ASK_AFTER_MS);
  link.watch(from + ASK_AFTER_MS + 1000);
  expect(asked.map(({ url }) => url)).toEqual(["http://relay.example:8000/healthz"]);
  asked[0]?.answer(false);
  await until(() => lost.length > 0);
  const why = "nothing came from it for 30 s, and it does not answer";
  expect(lost).toEqual([{ fault: "relay-unreachable", why, isSilent: true }]);
  expect(ASK_AFTER_MS + ANSWER_MS).toBe(30_000);
});

test("stays if it answers, for as long as any other, and is asked again", async () => {
  const { link, lost, from } = opened(true);
  link.watch(from + ASK_AFTER_MS);
  asked[0]?.answer(true);
  await settled();
  expect(lost).toEqual([]);
  link.watch(from + 2 * ASK_AFTER_MS + ANSWER_MS);
  expect(asked).toHaveLength(2);
  link.watch(from + SILENCE_MS);
  expect(lost).toMatchObject([{ fault: "connection-lost" }]);
});

test("stays if it sends something before the request is over", async () => {
  const { link, lost, from } = opened(true);
  link.watch(from + ASK_AFTER_MS);
  events.pinged();
  asked[0]?.answer(false);
  await settled();
  expect(lost).toEqual([]);
});

test("is not asked where no other relay can serve, nor by a client that reads nothing", () => {
  const alone = opened(false);
  alone.link.watch(alone.from + SILENCE_MS - 1000);
  const reads = opened(true);
  isPaused = true;
  reads.link.watch(reads.from + SILENCE_MS);
  expect([asked, alone.lost, reads.lost]).toEqual([[], [], []]);
});

test("of a list is left by such a request once, until a record came: a slow line looks the same", async () => {
  const lost: string[] = [];
  const session = new SessionLink(
    { relay: "ws://a.example/ws", further: ["ws://b.example/ws"] },
    {
      opened: () => undefined,
      message: () => undefined,
      lost: (fault) => void lost.push(fault),
    },
  );
  const silent = async (): Promise<void> => {
    const count = asked.length;
    session.watch(performance.now() + ASK_AFTER_MS);
    if (asked.length === count) return;
    asked[count]?.answer(false);
    await settled();
  };
  session.connect(0);
  events.opened();
  await silent();
  expect(lost).toEqual(["relay-unreachable"]);
  session.connect(1);
  events.opened();
  await silent();
  expect(lost).toHaveLength(1);
  events.message(encodeFrame(new Uint8Array(16), 0, false, new Uint8Array(20)));
  await silent();
  expect(lost).toHaveLength(2);
});
