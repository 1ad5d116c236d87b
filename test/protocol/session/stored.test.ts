/** Both sessions and a relay that stores shares: when the sender may go, and what receivers hear of a share that is over. */
import { describe, expect, test } from "bun:test";

import {
  ReceiverSession,
  SenderSession,
  type Message,
  type MessageOf,
  type Offer,
  type OfferSeen,
  type ReceiverEffect,
  type SenderEffect,
  type SenderGoal,
  type StoreWish,
} from "../../../protocol/mod.ts";
import { CHALLENGE, WELCOME, signer } from "../../support/session.ts";

const share = new Uint8Array(16).fill(1);
const proof = new Uint8Array(32).fill(2);
const offer: Offer = { share, recordSize: 100, records: 10, bytes: 500, seekable: true };
const WISH: StoreWish = { life: 3600, downloads: 2 };
const WITH_STORE: Message = { ...(WELCOME as MessageOf<"welcome">), store: { life: 60, bytes: 1 } };
const STORED = { t: "stored", share, until: 1_800_000_000, downloads: 2 } as const;
const NEWS = { type: "stored", stored: { until: 1_800_000_000, downloads: 2 } } as const;

describe("A sender that has its share stored", () => {
  function sender(goal: Partial<SenderGoal> = {}, store: StoreWish | undefined = WISH) {
    const all = { receivers: 1, stay: false, ...goal };
    const options = { signer, offer, proof, goal: all, store, giveUpAfterMs: undefined };
    const session = new SenderSession({ ...options, random: () => 0 }, 0);
    const hear = (message: Message): SenderEffect[] =>
      session.handle({ type: "message", message }, 0);
    const greet = (welcome: Message): SenderEffect[] => {
      session.handle({ type: "tick" }, 60_000);
      session.handle({ type: "opened" }, 60_000);
      hear(CHALLENGE);
      return hear(welcome);
    };
    return { session, hear, greet };
  }

  function finished(effects: readonly SenderEffect[]) {
    return effects.find((effect) => effect.type === "finish")?.outcome;
  }

  test("offers it with its life and its downloads", () => {
    const { greet } = sender();
    expect(greet(WITH_STORE)).toContainEqual({
      type: "send",
      message: { t: "offer", ...offer, proof, store: WISH },
    });
  });

  test("offers nothing to a relay that stores nothing of it", () => {
    const { greet, session } = sender();
    expect(greet(WELCOME)).toEqual([
      { type: "finish", outcome: { fault: "no-store", verified: 0, failed: 0 } },
    ]);
    expect(session.finished).toBe(true);
  });

  test("says how much of it is durable, and ends when all of it is", () => {
    const { greet, hear } = sender();
    greet(WITH_STORE);
    hear({ t: "accepted", share });
    expect(hear({ t: "storing", share, records: 4 })).toEqual([{ type: "storing", records: 4 }]);
    expect(hear(STORED)).toEqual([
      NEWS,
      { type: "send", message: { t: "end", share } },
      { type: "finish", outcome: { fault: undefined, verified: 0, failed: 0 } },
    ]);
  });

  test("leaves receivers that are not through to the store, and none of them failed", () => {
    const { greet, hear, session } = sender();
    greet(WITH_STORE);
    hear({ t: "accepted", share });
    const entry = {
      id: new Uint8Array(16),
      name: new Uint8Array(60),
      state: "live",
      next: 3,
    } as const;
    hear({ t: "receivers", share, list: [entry] });
    session.handle({ type: "name-opened", entry, name: "a receiver" }, 0);
    expect(finished(hear(STORED))).toEqual({ fault: undefined, verified: 0, failed: 0 });
  });

  test("is there until all of it is durable, however many receivers have it", () => {
    const { greet, hear, session } = sender();
    greet(WITH_STORE);
    hear({ t: "accepted", share });
    const receipt = { t: "receipt", share, receiver: proof.slice(16), records: 10 } as const;
    const full = { ...receipt, mac: new Uint8Array(16) };
    hear(full);
    session.handle({ type: "receipt-checked", receipt: full, valid: true }, 0);
    session.handle({ type: "tick" }, 1_000_000);
    expect(session.finished).toBe(false);
    expect(finished(hear(STORED))?.verified).toBe(1);
  });

  test("takes no offence at a download that nobody can prove, and at no other claim", () => {
    const { greet, hear, session } = sender();
    greet(WITH_STORE);
    hear({ t: "accepted", share });
    const mac = new Uint8Array(16);
    const receipt = { t: "receipt", share, receiver: proof.slice(16), records: 10, mac } as const;
    const check = (unconfirmed: boolean): SenderEffect[] => {
      const of = { ...receipt, unconfirmed };
      return session.handle({ type: "receipt-checked", receipt: of, valid: false }, 0);
    };
    expect(check(true)).toEqual([]);
    expect(check(false)).toEqual([{ type: "refused-receipt", receiver: receipt.receiver }]);
  });

  test("that stays goes on serving, tells each change once, and ends well on Ctrl-C", () => {
    const { greet, hear, session } = sender({ stay: true });
    greet(WITH_STORE);
    hear({ t: "accepted", share });
    expect(hear(STORED)).toEqual([NEWS]);
    expect(hear(STORED)).toEqual([]);
    expect(hear({ ...STORED, downloads: 1 })).toEqual([
      { type: "stored", stored: { until: STORED.until, downloads: 1 } },
    ]);
    expect(session.handle({ type: "interrupted" }, 0)).toEqual([
      { type: "send", message: { t: "end", share } },
      { type: "finish", outcome: { fault: undefined, verified: 0, failed: 0 } },
    ]);
  });

  test("that is stopped before tells receivers so", () => {
    const { greet, hear, session } = sender();
    greet(WITH_STORE);
    hear({ t: "accepted", share });
    hear({ t: "storing", share, records: 9 });
    const [last] = session.handle({ type: "interrupted" }, 0);
    expect(last).toEqual({
      type: "send",
      message: { t: "cancel", share, reason: "sender-stopped" },
    });
  });

  test("asks for nothing of a store unless it is told to", () => {
    const policy = { goal: { receivers: 1, stay: false }, giveUpAfterMs: undefined };
    const session = new SenderSession({ signer, offer, proof, ...policy, random: () => 0 }, 0);
    session.handle({ type: "tick" }, 0);
    session.handle({ type: "opened" }, 0);
    const messages = [CHALLENGE, WITH_STORE, { t: "accepted", share }] as const;
    const said = messages.flatMap((message) => session.handle({ type: "message", message }, 0));
    expect(said).toContainEqual({ type: "send", message: { t: "offer", ...offer, proof } });
    expect(session.handle({ type: "message", message: STORED }, 0)).toEqual([]);
    expect(session.finished).toBe(false);
  });
});

describe("A receiver", () => {
  const seen: OfferSeen = { ...offer, senderHere: true };
  const other = new Uint8Array(16).fill(5);
  const over = [
    { share, reason: "exhausted" },
    { share: other, reason: "revoked" },
  ] as const;

  function receiver(lobby = false) {
    const options = { signer, lobby, giveUpAfterMs: undefined, window: 16, confirmMs: 1000 };
    const session = new ReceiverSession({ ...options, random: () => 0 }, 0);
    const hear = (message: Message): ReceiverEffect[] =>
      session.handle({ type: "message", message }, 0);
    let now = 0;
    const greet = (): void => {
      now += 60_000;
      session.handle({ type: "tick" }, now);
      session.handle({ type: "opened" }, now);
      hear(CHALLENGE);
      hear(WELCOME);
    };
    greet();
    const begin = (): void => {
      hear({ t: "offers", list: [seen] });
      const opened = { receiver: proof.slice(16), name: new Uint8Array(0), next: 3, agreed: true };
      session.handle({ type: "share-opened", ...opened }, now);
    };
    return { session, hear, greet, begin };
  }

  const ends = (fault: "exhausted" | "revoked" | "stored-expired"): ReceiverEffect[] => [
    { type: "share-over", fault, detail: undefined, confirmed: false },
    { type: "finish", fault },
  ];

  test("hears why the stored share is over that it comes too late for", () => {
    expect(receiver().hear({ t: "offers", list: [], over: [...over] })).toEqual([
      { type: "finish", fault: "exhausted" },
    ]);
  });

  test("takes the share that is there, whatever is over", () => {
    const { hear } = receiver();
    expect(hear({ t: "offers", list: [seen], over: [...over] })).toEqual([
      { type: "open-share", offer: seen },
    ]);
  });

  test("waits on in the lobby", () => {
    const { hear, session } = receiver(true);
    expect(hear({ t: "offers", list: [], over: [...over] })).toEqual([{ type: "waiting" }]);
    expect(session.finished).toBe(false);
  });

  test.each(["exhausted", "revoked", "stored-expired"] as const)(
    "amid a share is told that it is over (%s)",
    (reason) => {
      const { hear, begin } = receiver();
      begin();
      expect(hear({ t: "cancel", share, reason })).toEqual(ends(reason));
    },
  );

  test("that has nothing of it yet is told so too", () => {
    const { hear } = receiver();
    hear({ t: "offers", list: [seen] });
    expect(hear({ t: "cancel", share, reason: "revoked" })).toEqual(ends("revoked"));
  });

  test("that was away while its share ended hears why", () => {
    const { session, hear, greet, begin } = receiver();
    begin();
    session.handle({ type: "lost", fault: "connection-lost" }, 0);
    greet();
    const [, latest] = over;
    expect(hear({ t: "offers", list: [], over: [latest] })).toEqual([]);
    expect(hear({ t: "offers", list: [], over: [...over] })).toEqual(ends("exhausted"));
  });
});
