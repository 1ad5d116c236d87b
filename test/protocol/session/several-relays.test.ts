import { describe, expect, test } from "bun:test";
import {
  PROTOCOL_VERSION,
  ReceiverSession,
  SenderSession,
  type Message,
  type OfferSeen,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";

const share = new Uint8Array(16).fill(1);
const offer = { share, recordSize: 100, records: 4, bytes: 10, seekable: true };
const SEEN: OfferSeen = { ...offer, senderHere: true };
const CHALLENGE = { t: "challenge", nonce: new Uint8Array(32) } as const;
const WELCOME: Message = {
  t: "welcome",
  v: PROTOCOL_VERSION,
  session: new Uint8Array(8),
  limits: { frame: 1000, window: 16, credit: 16 },
};

const common = {
  signer: nodePrimitives.signer(new Uint8Array(32)),
  host: "a.example",
  further: ["b.example"],
  giveUpAfterMs: undefined,
  random: () => 0,
};

function newReceiver(): ReceiverSession {
  return new ReceiverSession({ ...common, lobby: false, confirmMs: 10_000, window: 16 }, 0);
}

function newSender(): SenderSession {
  const goal = { receivers: 1, stay: false };
  return new SenderSession({ ...common, offer, proof: new Uint8Array(32), goal }, 0);
}

describe.each([
  { side: "sender", start: newSender },
  { side: "receiver", start: newReceiver },
])("a $side with two relays", ({ start }) => {
  test("compares the name of each with its own address", () => {
    const session = start();
    const hear = (message: Message) => session.handle({ type: "message", message }, 0);
    expect(session.handle({ type: "tick" }, 0)).toEqual([{ type: "connect" }]);
    session.handle({ type: "opened" }, 0);
    expect(hear({ ...CHALLENGE, name: "b.example" })).toEqual([
      { type: "disconnect" },
      { type: "link", online: false, fault: "wrong-relay" },
    ]);
    expect(session.finished).toBe(false);
    expect(session.handle({ type: "tick" }, 0)).toContainEqual({ type: "connect", relay: 1 });
    session.handle({ type: "opened" }, 0);
    expect(hear({ ...CHALLENGE, name: "b.example" })).toMatchObject([
      { type: "send", message: { t: "hello" } },
    ]);
  });

  test("ends with a relay's refusal, and does not try the next one", () => {
    const session = start();
    session.handle({ type: "tick" }, 0);
    session.handle({ type: "opened" }, 0);
    const message = { t: "fault", code: "not-allowed", message: "", retry: false } as const;
    session.handle({ type: "message", message }, 0);
    expect(session.finished).toBe(true);
  });
});

describe("a receiver's relay", () => {
  function online(): { session: ReceiverSession; hear: (message: Message) => void } {
    const session = newReceiver();
    const hear = (message: Message): void => void session.handle({ type: "message", message }, 0);
    session.handle({ type: "tick" }, 0);
    expect(session.lacksSender).toBeUndefined();
    session.handle({ type: "opened" }, 0);
    hear(CHALLENGE);
    hear(WELCOME);
    return { session, hear };
  }

  function receiving(seen: OfferSeen): ReturnType<typeof online> {
    const at = online();
    at.hear({ t: "offers", list: [seen] });
    const receiver = new Uint8Array(16).fill(2);
    const opened = { receiver, name: new Uint8Array(0), next: 0, agreed: true };
    at.session.handle({ type: "share-opened", ...opened }, 0);
    return at;
  }

  test("lacks the sender as long as it offers nothing", () => {
    const { session, hear } = online();
    expect(session.lacksSender).toBe(true);
    hear({ t: "offers", list: [] });
    expect(session.lacksSender).toBe(true);
  });

  test("lacks the sender while that is away", () => {
    const { session, hear } = receiving(SEEN);
    expect(session.lacksSender).toBe(false);
    hear({ t: "presence", share, senderHere: false });
    expect(session.lacksSender).toBe(true);
    hear({ t: "presence", share, senderHere: true });
    expect(session.lacksSender).toBe(false);
  });

  test("lacks no sender of a share that it stores", () => {
    const stored = { ...SEEN, senderHere: false, stored: { until: 1_800_000_000 } };
    expect(receiving(stored).session.lacksSender).toBe(false);
  });

  test("is left for one that has the sender, and the share goes on there", () => {
    const { session, hear } = receiving(SEEN);
    hear({ t: "presence", share, senderHere: false });
    const left = session.handle({ type: "moves", relay: 1 }, 0);
    expect(left).toEqual([{ type: "disconnect" }]);
    expect(session.handle({ type: "tick" }, 0)).toContainEqual({ type: "connect", relay: 1 });
    session.handle({ type: "opened" }, 0);
    hear(CHALLENGE);
    hear(WELCOME);
    const message: Message = { t: "offers", list: [SEEN] };
    expect(session.handle({ type: "message", message }, 0)).toMatchObject([
      { type: "send", message: { t: "join", from: 0 } },
      { type: "sender", here: true },
    ]);
  });
});
