/** The windows that a receiver asks a relay for, by what the relay allows and how fast records are written. */
import { describe, expect, test } from "bun:test";

import {
  PROTOCOL_VERSION,
  ReceiverSession,
  WINDOW_MOST_RECORDS,
  WINDOW_RECORDS,
  type Message,
  type MessageOf,
  type OfferSeen,
} from "../../../protocol/mod.ts";
import { CHALLENGE, signer } from "../../support/session.ts";

const share = new Uint8Array(16).fill(1);
const RECORDS = 1000;
const ROUND_TRIP_MS = 300;
const offer: OfferSeen = {
  share,
  recordSize: 100,
  records: RECORDS,
  bytes: 10,
  seekable: true,
  senderHere: true,
};

/**
 * Writes a record every `everyMs` at most. Each record comes ROUND_TRIP_MS after the message that allowed it.
 * @returns the windows of its acknowledgements
 */
function windowsOf(
  limits: MessageOf<"welcome">["limits"],
  everyMs: number,
  windowMost?: number,
): number[] {
  const windows: number[] = [];
  /** When each record was allowed. ms */
  const allowedAt: number[] = [];
  let now = 0;
  const allow = (end: number): void => {
    while (allowedAt.length < Math.min(end, RECORDS)) allowedAt.push(now);
  };
  const options = { signer, lobby: false, giveUpAfterMs: undefined, confirmMs: 10_000 };
  const session = new ReceiverSession(
    { ...options, window: WINDOW_RECORDS, windowMost, random: () => 0 },
    now,
  );
  const handle = (event: Parameters<ReceiverSession["handle"]>[0]): void => {
    for (const effect of session.handle(event, now)) {
      if (effect.type !== "send") continue;
      const { message } = effect;
      if (message.t === "join") allow(message.from + message.window);
      if (message.t !== "ack") continue;
      allow(message.next + message.window);
      windows.push(message.window);
    }
  };
  const hear = (message: Message): void => handle({ type: "message", message });
  handle({ type: "tick" });
  handle({ type: "opened" });
  hear(CHALLENGE);
  now += ROUND_TRIP_MS;
  hear({ t: "welcome", v: PROTOCOL_VERSION, session: new Uint8Array(8), limits });
  hear({ t: "offers", list: [offer] });
  const [receiver, name] = [new Uint8Array(16), new Uint8Array(0)];
  handle({ type: "share-opened", receiver, name, next: 0, agreed: true });
  for (let index = 0; index < RECORDS / 2; index++) {
    if (allowedAt[index] === undefined) handle({ type: "tick" });
    now = Math.max(now + everyMs, allowedAt[index]! + ROUND_TRIP_MS);
    handle({ type: "frame", index });
    handle({ type: "stored" });
  }
  return windows;
}

const BEFORE = { frame: 1 << 20, window: WINDOW_RECORDS, credit: 16 };
const NOW = { ...BEFORE, windowMost: WINDOW_MOST_RECORDS, creditMost: 128 };

describe("A fast receiver on a far path", () => {
  test("asks a relay of before for the one window that it knows", () => {
    expect(new Set(windowsOf(BEFORE, 1, WINDOW_MOST_RECORDS))).toEqual(new Set([WINDOW_RECORDS]));
  });

  test("asks for no more than the relay allows, or than it wants itself", () => {
    expect(Math.max(...windowsOf({ ...NOW, windowMost: 40 }, 1, WINDOW_MOST_RECORDS))).toBe(40);
    expect(Math.max(...windowsOf(NOW, 1, 32))).toBe(32);
    expect(Math.max(...windowsOf(NOW, 1, WINDOW_MOST_RECORDS))).toBe(WINDOW_MOST_RECORDS);
  });

  test("asks for one window where it wants no more", () => {
    expect(new Set(windowsOf(NOW, 1))).toEqual(new Set([WINDOW_RECORDS]));
  });

  test("acknowledges an eighth of a large window at once", () => {
    const windows = windowsOf(NOW, 1, WINDOW_MOST_RECORDS);
    const large = windows.filter((window) => window === WINDOW_MOST_RECORDS);
    expect(large.length).toBeWithin(1, RECORDS / 2 / (WINDOW_MOST_RECORDS / 8) + 1);
  });
});

test("A receiver that writes slowly asks for the first window, however far it is", () => {
  expect(new Set(windowsOf(NOW, 50, WINDOW_MOST_RECORDS))).toEqual(new Set([WINDOW_RECORDS]));
});
