import { expect, test } from "bun:test";
import {
  PROTOCOL_VERSION,
  ReceiverSession,
  type Message,
  type OfferSeen,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";

const share = new Uint8Array(16).fill(1);
const offer: OfferSeen = {
  share,
  recordSize: 100,
  records: 1,
  bytes: 10,
  seekable: true,
  senderHere: true,
};

/** A session that agreed to a share, and has nothing of it. */
function receiving(seen = offer): ReceiverSession {
  const session = new ReceiverSession(
    {
      signer: nodePrimitives.signer(new Uint8Array(32)),
      lobby: false,
      giveUpAfterMs: undefined,
      confirmMs: 10_000,
      window: 16,
      random: () => 0,
    },
    0,
  );
  const limits = { frame: 1000, window: 16, credit: 16 };
  const receiver = new Uint8Array(16).fill(2);
  const name = new Uint8Array(0);
  session.handle({ type: "tick" }, 0);
  session.handle({ type: "opened" }, 0);
  const hear = (message: Message): void => void session.handle({ type: "message", message }, 0);
  hear({ t: "challenge", nonce: new Uint8Array(32) });
  hear({ t: "welcome", v: PROTOCOL_VERSION, session: new Uint8Array(8), limits });
  session.handle({ type: "message", message: { t: "offers", list: [seen] } }, 0);
  session.handle({ type: "share-opened", receiver, name, next: 0, agreed: true }, 0);
  return session;
}

/** A session in the step of saving its only record. */
function saving(): ReceiverSession {
  const session = receiving();
  session.handle({ type: "frame", index: 0 }, 0);
  expect(session.handle({ type: "stored" }, 0)).toContainEqual({ type: "save" });
  return session;
}

test.each(["end", "cancel"] as const)(
  "a share that is over (%s) while it is saved waits for no receipt to be taken",
  (t) => {
    const session = saving();
    const message =
      t === "end" ? ({ t, share } as const) : ({ t, share, reason: "sender-stopped" } as const);
    expect(session.handle({ type: "message", message }, 0)).toEqual([]);
    expect(session.handle({ type: "saved", mac: new Uint8Array(16) }, 0)).toEqual([
      { type: "share-over", fault: undefined, detail: undefined, confirmed: false },
      { type: "finish", fault: undefined },
    ]);
  },
);

test("a share whose line broke while it is saved shows its receipt on the next one", () => {
  const session = saving();
  session.handle({ type: "lost", fault: "connection-lost" }, 0);
  expect(session.handle({ type: "saved", mac: new Uint8Array(16) }, 0)).toEqual([]);
  expect(session.finished).toBe(false);
});

test("a sender that is away is told once, however often the relay says so", () => {
  const away: OfferSeen = { ...offer, senderHere: false };
  const said: boolean[] = [];
  const session = receiving(away);
  const hear = (message: Message): void => {
    for (const effect of session.handle({ type: "message", message }, 0)) {
      if (effect.type === "sender") said.push(effect.here);
    }
  };
  // At the join, and once more.
  for (const senderHere of [false, false]) hear({ t: "presence", share, senderHere });
  expect(said).toEqual([false]);
  session.handle({ type: "lost", fault: "connection-lost" }, 0);
  // The offer on the next line tells it, and the join after that does not.
  hear({ t: "offers", list: [away] });
  hear({ t: "presence", share, senderHere: false });
  expect(said).toEqual([false, false]);
  hear({ t: "presence", share, senderHere: true });
  expect(said).toEqual([false, false, true]);
});
