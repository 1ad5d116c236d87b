import { describe, expect, test } from "bun:test";
import {
  ADMISSION_MS,
  BEGINNING_MS,
  CORRUPT_RETRIES,
  KEEPALIVE_MS,
  RECORD_INDEX,
  ReceiverSession,
  MISSING_MS,
  SENDER_GRACE_MS,
  STALL_MS,
  type FaultCode,
  type LeaveReason,
  type Message,
  type MessageOf,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
  PROTOCOL_VERSION,
  proveHello,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";

const signer = nodePrimitives.signer(new Uint8Array(32));
const CHALLENGE: MessageOf<"challenge"> = { t: "challenge", nonce: new Uint8Array(32) };
const receiver = new Uint8Array(16).fill(9);
const mac = new Uint8Array(16).fill(3);
const name = new Uint8Array(0);
const CONFIRM_MS = 10_000;
const WINDOW = 16;
const WELCOME: Message = {
  t: "welcome",
  v: PROTOCOL_VERSION,
  session: new Uint8Array(8),
  limits: { frame: 1 << 20, window: 16, credit: 16 },
};

function offer(number = 1, records = 20): OfferSeen {
  const share = new Uint8Array(16).fill(number);
  return { share, recordSize: 100, records, bytes: 100, seekable: true, senderHere: true };
}

function send(message: Message): ReceiverEffect {
  return { type: "send", message };
}

function join(from: number, window: number, { share } = offer()): ReceiverEffect {
  return send({ t: "join", share, receiver, name, from, window });
}

function ack(next: number, window = WINDOW, { share } = offer()): ReceiverEffect {
  return send({ t: "ack", share, next, window });
}

function leave(reason: LeaveReason, { share } = offer()): ReceiverEffect {
  return send({ t: "leave", share, reason });
}

function complete({ share, records } = offer()): ReceiverEffect {
  return send({ t: "complete", share, records, mac });
}

function over(fault?: FaultCode, confirmed = false, detail?: string): ReceiverEffect {
  return { type: "share-over", fault, detail, confirmed };
}

const HERE: ReceiverEffect = { type: "sender", here: true };
const TAKE: ReceiverEffect = { type: "take" };

/** A session with a clock and words for its events. */
class Play {
  now = 0;
  readonly session: ReceiverSession;

  constructor({ lobby = false } = {}) {
    const options = { signer, lobby, giveUpAfterMs: undefined, confirmMs: CONFIRM_MS };
    this.session = new ReceiverSession({ ...options, window: WINDOW, random: () => 0 }, 0);
  }

  do(event: ReceiverEvent): ReceiverEffect[] {
    return this.session.handle(event, this.now);
  }

  tick(after = 0): ReceiverEffect[] {
    this.now += after;
    return this.do({ type: "tick" });
  }

  hear(message: Message): ReceiverEffect[] {
    return this.do({ type: "message", message });
  }

  offers(...list: OfferSeen[]): ReceiverEffect[] {
    return this.hear({ t: "offers", list });
  }

  connect(): this {
    this.tick(1000);
    this.do({ type: "opened" });
    this.hear(CHALLENGE);
    this.hear(WELCOME);
    return this;
  }

  open(next = 0, agreed = false): ReceiverEffect[] {
    return this.do({ type: "share-opened", receiver, name, next, agreed });
  }

  frame(index: number): ReceiverEffect[] {
    return this.do({ type: "frame", index });
  }

  /** Takes these records, which must be the next ones; all that follows from it. */
  take(first: number, count = 1): ReceiverEffect[] {
    return Array.from({ length: count }, (_, at) => {
      expect(this.frame(first + at)).toEqual([TAKE]);
      return this.do({ type: "stored" });
    }).flat();
  }

  /** Attached to the first share, receiving from `next` on. */
  receiving(next = 0, records = 20): this {
    this.connect().offers(offer(1, records));
    expect(this.open(next, true)).toEqual([join(next, WINDOW)]);
    return this;
  }

  /** Everything is saved and the receipt sent. */
  confirming(): this {
    this.receiving(19).take(19);
    expect(this.do({ type: "saved", mac })).toEqual([complete()]);
    return this;
  }
}

describe("an open share", () => {
  const endless: OfferSeen = { ...offer(1, RECORD_INDEX), bytes: 0, seekable: false };
  const receipt = (records: number): ReceiverEffect => complete({ ...endless, records });

  test("ends with the record that says so, and the receipt counts what there was", () => {
    const play = new Play().connect();
    expect(play.offers(endless)).toEqual([{ type: "open-share", offer: endless }]);
    expect(play.open()).toEqual([join(0, 1)]);
    play.take(0);
    play.do({ type: "manifest-known" });
    play.do({ type: "accepted" });
    expect(play.take(1, 2)).toEqual([]);
    expect(play.frame(3)).toEqual([TAKE]);
    expect(play.do({ type: "stored", last: true })).toEqual([ack(4), { type: "save" }]);
    expect(play.frame(4)).toEqual([]);
    expect(play.do({ type: "saved", mac })).toEqual([receipt(4)]);
  });

  test("may end with the record that holds the manifest", () => {
    const play = new Play().connect();
    play.offers(endless);
    play.open();
    expect(play.frame(0)).toEqual([TAKE]);
    expect(play.do({ type: "stored", last: true })).toEqual([]);
    expect(play.do({ type: "manifest-known" })).toEqual([ack(1, 0), { type: "ask" }]);
    expect(play.do({ type: "accepted" })).toEqual([ack(1), { type: "save" }]);
    expect(play.do({ type: "saved", mac })).toEqual([receipt(1)]);
  });

  test("that is whole here already is saved", () => {
    const play = new Play().connect();
    play.offers(endless);
    const event = { type: "share-opened", receiver, name, next: 7, agreed: true } as const;
    expect(play.do({ ...event, records: 7 })).toEqual([join(7, WINDOW), { type: "save" }]);
    expect(play.do({ type: "saved", mac })).toEqual([receipt(7)]);
  });
});

test("a receiver looks at the beginning, asks, takes all, saves and shows its receipt", () => {
  const play = new Play();
  expect(play.tick()).toEqual([{ type: "connect" }]);
  // The relay speaks first.
  expect(play.do({ type: "opened" })).toEqual([]);
  const claim = { v: PROTOCOL_VERSION, role: "receiver" } as const;
  const hello = { ...claim, ...proveHello(claim, CHALLENGE, signer), quiet: true };
  expect(play.hear(CHALLENGE)).toEqual([send({ t: "hello", ...hello })]);
  expect(play.hear(WELCOME)).toEqual([{ type: "link", online: true, fault: undefined }]);
  expect(play.offers()).toEqual([{ type: "waiting" }]);
  expect(play.offers(offer())).toEqual([{ type: "open-share", offer: offer() }]);
  expect(play.open()).toEqual([join(0, 1)]);
  expect(play.take(0)).toEqual([]);
  expect(play.session.previewMore()).toEqual([ack(1, 1)]);
  expect(play.take(1)).toEqual([]);
  // Nothing more comes while the person thinks.
  expect(play.do({ type: "manifest-known" })).toEqual([ack(2, 0), { type: "ask" }]);
  expect(play.tick(KEEPALIVE_MS - 1)).toEqual([]);
  expect(play.do({ type: "accepted" })).toEqual([ack(2)]);
  expect(play.take(2, 4)).toEqual([ack(6)]);
  expect(play.take(6, 3)).toEqual([]);
  expect(play.tick()).toEqual([ack(9)]);
  expect(play.take(9, 10)).toEqual([ack(13), ack(17)]);
  expect(play.take(19)).toEqual([ack(20), { type: "save" }]);
  expect(play.do({ type: "saved", mac })).toEqual([complete()]);
  expect(play.hear({ t: "completed", share: offer().share })).toEqual([
    over(undefined, true),
    { type: "finish", fault: undefined },
  ]);
  expect(play.session.finished).toBe(true);
});

test("a share of one record is whole when the person agrees", () => {
  const play = new Play().connect();
  play.offers(offer(1, 1));
  play.open();
  play.take(0);
  expect(play.do({ type: "manifest-known" })).toEqual([ack(1, 0), { type: "ask" }]);
  expect(play.do({ type: "accepted" })).toEqual([ack(1), { type: "save" }]);
});

test("a receiver goes on with an earlier run's partial without asking", () => {
  const play = new Play().receiving(7);
  expect(play.take(7)).toEqual([]);
});

test("a partial that an earlier run left whole is only saved", () => {
  const play = new Play().connect();
  play.offers(offer());
  expect(play.open(20, true)).toEqual([join(20, WINDOW), { type: "save" }]);
  expect(play.do({ type: "saved", mac })).toEqual([complete()]);
});

describe("P6 frames", () => {
  test("that came before are not taken again", () => {
    const play = new Play().receiving();
    play.take(0, 3);
    expect([...play.frame(0), ...play.frame(2)]).toEqual([]);
    expect(play.session.next).toBe(3);
  });

  test("that follow a gap make it join again from the gap, once", () => {
    const play = new Play().receiving();
    play.take(0, 2);
    expect(play.frame(3)).toEqual([join(2, WINDOW)]);
    expect([...play.frame(4), ...play.frame(5)]).toEqual([]);
    expect(play.take(2, 2)).toEqual([]);
    // The next gap is another one.
    expect(play.frame(5)).toEqual([join(4, WINDOW)]);
  });

  test("beyond the end of the share are nothing", () => {
    const play = new Play().receiving(19);
    play.take(19);
    expect([...play.frame(20), ...play.frame(2 ** 28)]).toEqual([]);
  });

  test("are not taken while nobody has agreed, nor without a line", () => {
    const play = new Play().connect();
    play.offers(offer());
    expect(play.frame(0)).toEqual([]);
    play.open();
    play.take(0);
    play.do({ type: "manifest-known" });
    expect(play.frame(1)).toEqual([]);
    play.do({ type: "accepted" });
    play.do({ type: "lost", fault: "connection-lost" });
    expect(play.frame(1)).toEqual([]);
  });

  test(`that do not decrypt are asked for ${CORRUPT_RETRIES} times more, then it is over`, () => {
    const play = new Play().receiving(5);
    for (let times = 0; times < CORRUPT_RETRIES; times++) {
      expect(play.frame(5)).toEqual([TAKE]);
      expect(play.do({ type: "corrupt" })).toEqual([join(5, WINDOW)]);
    }
    expect(play.frame(5)).toEqual([TAKE]);
    expect(play.do({ type: "corrupt" })).toEqual([
      leave("failed"),
      over("corrupt-record", false, "record 5"),
      { type: "finish", fault: "corrupt-record", detail: "record 5" },
    ]);
  });

  test("that do not decrypt count from the beginning for each record", () => {
    const play = new Play().receiving();
    for (let index = 0; index < 10; index++) {
      play.frame(index);
      expect(play.do({ type: "corrupt" })).toEqual([join(index, WINDOW)]);
      play.take(index);
    }
  });
});

describe("a receiver that gets nothing", () => {
  test("joins again, more and more seldom, and soon again after a record", () => {
    const play = new Play().receiving();
    const joined = (after: number): boolean =>
      play.tick(after).some((effect) => effect.type === "send" && effect.message.t === "join");
    expect([joined(STALL_MS - 1), joined(1)]).toEqual([false, true]);
    expect([joined(2 * STALL_MS - 1), joined(1)]).toEqual([false, true]);
    play.take(0);
    expect([joined(STALL_MS - 1), joined(1)]).toEqual([false, true]);
  });

  test("is content while the person thinks, but shows that it lives", () => {
    const play = new Play().connect();
    play.offers(offer());
    play.open();
    play.take(0);
    play.do({ type: "manifest-known" });
    expect(play.tick(KEEPALIVE_MS)).toEqual([ack(1, 0)]);
    expect(play.tick(KEEPALIVE_MS)).toEqual([ack(1, 0)]);
  });
});

describe("a line that breaks", () => {
  test("is followed by a join from where it was", () => {
    const play = new Play().receiving();
    play.take(0, 2);
    expect(play.do({ type: "lost", fault: "connection-lost" })).toEqual([
      { type: "link", online: false, fault: "connection-lost" },
    ]);
    play.connect();
    expect(play.offers()).toEqual([]);
    expect(play.offers(offer())).toEqual([join(2, WINDOW), HERE]);
    // Told again, for example of the sender's return: it is there already.
    expect(play.offers(offer())).toEqual([]);
  });

  test("keeps a question open, and its answer counts", () => {
    const play = new Play().connect();
    play.offers(offer());
    play.open();
    play.take(0);
    play.do({ type: "manifest-known" });
    play.do({ type: "lost", fault: "connection-lost" });
    expect(play.do({ type: "accepted" })).toEqual([]);
    play.connect();
    expect(play.offers(offer())).toEqual([join(1, WINDOW), HERE]);
  });

  test("before the receipt was taken is followed by the receipt", () => {
    const play = new Play().confirming();
    play.do({ type: "lost", fault: "connection-lost" });
    play.connect();
    expect(play.offers(offer())).toEqual([join(20, WINDOW), HERE, complete()]);
  });

  test("while the disk is looked at delays the join, not the share", () => {
    const play = new Play().connect();
    play.offers(offer());
    play.do({ type: "lost", fault: "connection-lost" });
    expect(play.open()).toEqual([]);
    play.connect();
    expect(play.offers(offer())).toEqual([join(0, 1), HERE]);
  });

  test("to a relay that does not know the share any more is waited for as long as a sender", () => {
    const play = new Play().receiving();
    play.do({ type: "lost", fault: "connection-lost" });
    play.connect();
    play.offers();
    const waited = 1000;
    expect(play.tick(SENDER_GRACE_MS - waited - 1)).toEqual([]);
    expect(play.tick(1)).toEqual([over("sender-gone"), { type: "finish", fault: "sender-gone" }]);
  });
});

describe("a share that ends", () => {
  const END: Message = { t: "end", share: offer().share };
  const gone = (fault: FaultCode): ReceiverEffect[] => [over(fault), { type: "finish", fault }];

  test("too soon is a failure, and success is nobody's to claim", () => {
    expect(new Play().receiving(19).hear(END)).toEqual(gone("sender-stopped"));
    const cancelled: Message = { ...END, t: "cancel", reason: "source-changed" };
    expect(new Play().receiving().hear(cancelled)).toEqual(gone("source-changed"));
  });

  test("before the receipt was taken leaves a whole share", () => {
    expect(new Play().confirming().hear(END)).toEqual([
      over(undefined),
      { type: "finish", fault: undefined },
    ]);
  });

  test("is no other share's end", () => {
    const play = new Play().receiving();
    expect(play.hear({ t: "end", share: offer(2).share })).toEqual([]);
    expect(play.take(0)).toEqual([]);
  });

  test("without a word to who has it whole is over after a while", () => {
    const play = new Play().confirming();
    expect(play.tick(CONFIRM_MS - 1).some(({ type }) => type === "share-over")).toBe(false);
    expect(play.tick(1)).toEqual([over(undefined), { type: "finish", fault: undefined }]);
  });

  test("is not confirmed by the receipt of another", () => {
    const play = new Play().confirming();
    expect(play.hear({ t: "completed", share: offer(2).share })).toEqual([]);
    const early = new Play().receiving(19);
    expect(early.hear({ t: "completed", share: offer().share })).toEqual([]);
  });
});

describe("a share that is offered anew", () => {
  const MOVED: ReceiverEffect[] = [{ type: "passed-over", anew: "told" }, { type: "waiting" }];
  const cancel = (number: number, reason: "new-edition" | "source-changed"): Message => ({
    t: "cancel",
    share: offer(number).share,
    reason,
  });

  test("is followed to the share that takes its place, and never taken again", () => {
    const play = new Play().receiving().hear(cancel(1, "new-edition"));
    expect(play).toEqual(MOVED);
    const moved = new Play().receiving();
    moved.take(0, 3);
    expect(moved.hear(cancel(1, "new-edition"))).toEqual(MOVED);
    expect(moved.offers(offer(1), offer(2))).toEqual([{ type: "open-share", offer: offer(2) }]);
  });

  test("is left by a receiver that was asked about it, too", () => {
    const play = new Play().connect();
    play.offers(offer());
    play.open();
    play.take(0);
    play.do({ type: "manifest-known" });
    expect(play.hear(cancel(1, "new-edition"))).toEqual(MOVED);
    expect(play.do({ type: "accepted" })).toEqual([]);
  });

  test("is done for a receiver that has all of it", () => {
    expect(new Play().confirming().hear(cancel(1, "new-edition"))).toEqual([
      over(undefined),
      { type: "finish", fault: undefined },
    ]);
  });

  test("is not waited for longer than for a sender that went away", () => {
    const play = new Play().receiving();
    play.hear(cancel(1, "new-edition"));
    const later = play.tick(SENDER_GRACE_MS - 1);
    expect(later.some(({ type }) => type === "finish")).toBe(false);
    expect(play.tick(1).at(-1)).toEqual({ type: "finish", fault: "sender-gone" });
  });

  test("ends with the share in its place, also when that ends before anything of it came", () => {
    const play = new Play().receiving();
    play.hear(cancel(1, "new-edition"));
    play.offers(offer(2));
    play.open();
    expect(play.hear(cancel(2, "source-changed"))).toEqual([
      over("source-changed"),
      { type: "finish", fault: "source-changed" },
    ]);
  });

  /** Its line broke, and on the next one another share is offered. */
  function missed(): Play {
    const play = new Play().receiving();
    play.take(0, 3);
    play.do({ type: "lost", fault: "connection-lost" });
    play.connect();
    expect(play.offers(offer(2))).toEqual([]);
    return play;
  }

  test("is found by a receiver that had no line when that was said", () => {
    const play = missed();
    expect(play.tick(MISSING_MS)).toContainEqual({ type: "open-share", offer: offer(2) });
    play.open();
    play.take(0);
    const known = play.do({ type: "manifest-known", before: [offer(1).share] });
    expect(known.at(-1)).toEqual({ type: "ask" });
    expect(play.do({ type: "accepted" })).not.toEqual([]);
  });

  test("is not confused with a share beside it: that one is looked at once, and left", () => {
    const play = missed();
    play.tick(MISSING_MS);
    play.open();
    play.take(0);
    expect(play.do({ type: "manifest-known" }).slice(-2)).toEqual([
      { type: "passed-over", anew: "perhaps" },
      { type: "open-share", offer: offer() },
    ]);
    play.open(3, true);
    const later = play.tick(2 * MISSING_MS);
    expect(later.some(({ type }) => type === "open-share")).toBe(false);
    expect(play.offers(offer())).toContainEqual(join(3, WINDOW));
  });

  test("is waited for again when the share beside it ends before anything of it came", () => {
    const play = missed();
    play.tick(MISSING_MS);
    play.open();
    expect(play.hear(cancel(2, "source-changed")).at(-1)).toEqual({
      type: "open-share",
      offer: offer(),
    });
    play.open(3, true);
    expect(play.tick(SENDER_GRACE_MS).at(-1)).toEqual({ type: "finish", fault: "sender-gone" });
  });

  test("leaves a receiver in the lobby there, however long nothing is offered", () => {
    const play = new Play({ lobby: true }).connect();
    play.offers(offer(1, 20));
    play.open(1, true);
    expect(play.hear(cancel(1, "new-edition"))).toEqual(MOVED);
    const later = play.tick(SENDER_GRACE_MS + 1);
    expect(later.some(({ type }) => type === "finish")).toBe(false);
  });
});

describe("a choice", () => {
  test("with a code is for what was sent last, in the lobby for what came first", () => {
    const list = [offer(1), offer(2), offer(3)];
    const withCode = new Play().connect();
    expect(withCode.offers(...list)).toEqual([{ type: "open-share", offer: offer(3) }]);
    const lobby = new Play({ lobby: true }).connect();
    expect(lobby.offers(...list)).toEqual([{ type: "open-share", offer: offer(1) }]);
  });

  test("in the lobby goes on with the next, and takes nothing twice", () => {
    const play = new Play({ lobby: true }).connect();
    play.offers(offer(1, 1), offer(2, 1));
    play.open(1, true);
    play.do({ type: "saved", mac });
    expect(play.hear({ t: "completed", share: offer(1).share })).toEqual([
      over(undefined, true),
      { type: "open-share", offer: offer(2, 1) },
    ]);
    play.open(1, true);
    play.do({ type: "saved", mac });
    expect(play.hear({ t: "completed", share: offer(2).share })).toEqual([
      over(undefined, true),
      { type: "waiting" },
    ]);
    expect(play.offers(offer(1, 1), offer(2, 1))).toEqual([{ type: "waiting" }]);
  });

  const passedOver: ReceiverEffect = { type: "passed-over" };

  test("in the lobby passes over one whose beginning does not come, and comes back to it", () => {
    const play = new Play({ lobby: true }).connect();
    play.offers(offer(1), offer(2));
    play.open();
    expect(play.tick(BEGINNING_MS - 1)).not.toContainEqual(passedOver);
    expect(play.tick(1).slice(-3)).toEqual([
      leave("interrupted"),
      passedOver,
      { type: "open-share", offer: offer(2) },
    ]);
    play.open();
    play.hear({ t: "end", share: offer(2).share });
    expect(play.open()).toEqual([join(0, 1)]);
    // It is the only one left.
    expect(play.tick(BEGINNING_MS)).not.toContainEqual(passedOver);
    expect(play.frame(0)).toEqual([TAKE]);
  });

  test("stays with the share whose beginning came, and with a code", () => {
    const lobby = new Play({ lobby: true }).connect();
    lobby.offers(offer(1), offer(2));
    lobby.open();
    lobby.tick(STALL_MS - 1);
    lobby.take(0);
    expect(lobby.tick(BEGINNING_MS - 1)).not.toContainEqual(passedOver);
    lobby.do({ type: "manifest-known" });
    expect(lobby.tick(BEGINNING_MS)).not.toContainEqual(passedOver);
    const withCode = new Play().connect();
    withCode.offers(offer(1), offer(2));
    withCode.open();
    withCode.tick(STALL_MS - 1);
    withCode.do({ type: "frame", index: 0 });
    withCode.do({ type: "stored" });
    expect(withCode.tick(BEGINNING_MS - 1)).not.toContainEqual(passedOver);
  });

  test("with a code passes over one whose beginning does not come, and comes back to it", () => {
    const play = new Play().connect();
    play.offers(offer(1), offer(2), offer(3));
    const order: (number | undefined)[] = [];
    for (let turn = 0; turn < 5; turn++) {
      play.open();
      const opened = play.tick(BEGINNING_MS).find(({ type }) => type === "open-share");
      order.push(opened?.type === "open-share" ? opened.offer.share[0] : undefined);
    }
    expect(order).toEqual([2, 1, 3, 2, 1]);
  });

  test("waits longer for a sender that lets receivers in one by one", () => {
    const play = new Play().connect();
    play.offers(offer(1), { ...offer(2), admit: true });
    play.open();
    expect(play.tick(ADMISSION_MS - 1)).not.toContainEqual(passedOver);
    expect(play.tick(1)).toContainEqual(passedOver);
  });

  test("a share whose sender is away comes after those whose sender is here", () => {
    for (const lobby of [false, true]) {
      const play = new Play({ lobby }).connect();
      const away = { senderHere: false };
      const list = [{ ...offer(1), ...away }, offer(2), { ...offer(3), ...away }];
      expect(play.offers(...list)).toEqual([{ type: "open-share", offer: offer(2) }]);
    }
    const only = new Play().connect();
    const away = { ...offer(1), senderHere: false };
    expect(only.offers(away)).toEqual([{ type: "open-share", offer: away }]);
  });

  test("one whose sender was away gets its turn: nobody tells when it comes back", () => {
    const play = new Play().connect();
    const opened = (effects: readonly ReceiverEffect[]): number[] =>
      effects.flatMap((effect) => (effect.type === "open-share" ? effect.offer.share[0]! : []));
    const order = opened(play.offers({ ...offer(1), senderHere: false }, offer(2)));
    for (let turn = 0; turn < 3; turn++) {
      play.open();
      order.push(...opened(play.tick(BEGINNING_MS)));
    }
    expect(order).toEqual([2, 1, 2, 1]);
  });

  const unreadable = (fault: FaultCode, count: number, told: boolean, detail?: string) =>
    ({ type: "passed-over", unreadable: { fault, detail, count, told } }) as const;

  /** All that follows when the first record never opens. */
  function garbled(play: Play): ReceiverEffect[] {
    play.open();
    for (let times = 0; times < CORRUPT_RETRIES; times++) {
      play.frame(0);
      expect(play.do({ type: "corrupt" })).toMatchObject([{ message: { t: "join", from: 0 } }]);
    }
    play.frame(0);
    return play.do({ type: "corrupt" });
  }

  test("with a code one that does not open is passed over, and others are tried, then waited for", () => {
    const play = new Play().connect();
    play.offers(offer(1), offer(2));
    expect(garbled(play)).toEqual([
      leave("failed", offer(2)),
      unreadable("corrupt-record", 1, true, "record 0"),
      { type: "open-share", offer: offer(1) },
    ]);
    expect(garbled(play)).toEqual([
      leave("failed", offer(1)),
      unreadable("corrupt-record", 2, true, "record 0"),
      { type: "waiting" },
    ]);
    // Neither is tried again, and whatever comes next is.
    expect(play.offers(offer(1), offer(2))).toEqual([{ type: "waiting" }]);
    expect(play.offers(offer(3))).toEqual([{ type: "open-share", offer: offer(3) }]);
  });

  test("with a code one whose manifest is not valid is passed over too, and what the disk says is not", () => {
    for (const fault of ["bad-manifest", "unsafe-name"] as const) {
      const play = new Play().connect();
      play.offers(offer(1), offer(2));
      play.open();
      play.frame(0);
      expect(play.do({ type: "failed", fault, detail: "why" })).toEqual([
        leave("failed", offer(2)),
        unreadable(fault, 1, true, "why"),
        { type: "open-share", offer: offer(1) },
      ]);
      play.open();
      play.frame(0);
      const effects = play.do({ type: "failed", fault, detail: "the last" });
      expect(effects.at(-1)).toEqual({ type: "finish", fault, detail: "the last" });
    }
    const play = new Play().connect();
    play.offers(offer(1), offer(2));
    play.open();
    play.frame(0);
    const effects = play.do({ type: "failed", fault: "several-files" });
    expect(effects.at(-1)).toEqual({ type: "finish", fault: "several-files" });
  });

  test("with a code one that ends before anything of it was read is not the end", () => {
    for (const message of [
      { t: "end", share: offer(2).share },
      { t: "cancel", share: offer(2).share, reason: "sender-gone" },
      { t: "cancel", share: offer(2).share, reason: "too-late" },
    ] as const) {
      const play = new Play().connect();
      play.offers(offer(1), offer(2));
      play.open();
      const next = { type: "open-share", offer: offer(1) } as const;
      expect(play.hear(message)).toEqual([passedOver, next]);
      play.open();
      const gone = { t: "end", share: offer(1).share } as const;
      expect(play.hear(gone)).toEqual([passedOver, { type: "waiting" }]);
    }
    const alone = new Play().connect();
    alone.offers(offer(1));
    alone.open();
    const late = { t: "cancel", share: offer(1).share, reason: "too-late" } as const;
    expect(alone.hear(late).at(-1)).toEqual({ type: "finish", fault: "too-late" });
    const read = new Play().connect();
    read.offers(offer(1), offer(2));
    read.open();
    read.take(0);
    const ended = { t: "end", share: offer(2).share } as const;
    expect(read.hear(ended).at(-1)).toEqual({ type: "finish", fault: "sender-stopped" });
  });

  test("damage behind a record that opened is told as before", () => {
    const play = new Play().connect();
    play.offers(offer(1), offer(2));
    play.open();
    play.take(0);
    play.session.previewMore();
    for (let times = 0; times < CORRUPT_RETRIES; times++) {
      play.frame(1);
      play.do({ type: "corrupt" });
    }
    play.frame(1);
    const effects = play.do({ type: "corrupt" });
    expect(effects.at(-1)).toEqual({ type: "finish", fault: "corrupt-record", detail: "record 1" });
  });

  test("of very many that do not open few are told, and the first that does is taken", () => {
    const play = new Play().connect();
    play.offers(offer(1));
    const told: number[] = [];
    let waits = 0;
    for (let number = 1; number <= 200; number++) {
      for (const effect of garbled(play)) {
        if (effect.type === "waiting") waits++;
        if (effect.type === "passed-over" && effect.unreadable?.told === true) {
          told.push(effect.unreadable.count);
        }
      }
      play.hear({ t: "cancel", share: offer(number).share, reason: "sender-gone" });
      play.offers(offer(number + 1));
    }
    expect(told).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
    expect(waits).toBe(told.length);
    play.open();
    play.take(0);
    expect(play.do({ type: "manifest-known" })).toContainEqual({ type: "ask" });
  });

  test("in the lobby one that does not open is over as others are", () => {
    const play = new Play({ lobby: true }).connect();
    play.offers(offer(1), offer(2));
    expect(garbled(play)).toEqual([
      leave("failed", offer(1)),
      over("corrupt-record", false, "record 0"),
      { type: "open-share", offer: offer(2) },
    ]);
  });

  test("declined is told, and ends the run", () => {
    const play = new Play().connect();
    play.offers(offer());
    play.open();
    play.take(0);
    play.do({ type: "manifest-known" });
    expect(play.do({ type: "declined" })).toEqual([
      leave("declined"),
      over("declined"),
      { type: "finish", fault: "declined" },
    ]);
  });

  test("made too late, about an offer that is over, is none about the next", () => {
    const play = new Play({ lobby: true }).connect();
    play.offers(offer(1), offer(2));
    play.open();
    play.take(0);
    play.do({ type: "manifest-known" });
    expect(play.hear({ t: "end", share: offer(1).share })).toEqual([
      over("sender-stopped"),
      { type: "open-share", offer: offer(2) },
    ]);
    play.open();
    expect(play.do({ type: "declined" })).toEqual([]);
    expect(play.do({ type: "accepted" })).toEqual([]);
    expect(play.take(0)).toEqual([]);
  });
});

test("a receiver that is interrupted, or whose disk fails, says so before it goes", () => {
  expect(new Play().receiving().do({ type: "interrupted" })).toEqual([
    leave("interrupted"),
    { type: "finish", fault: "interrupted" },
  ]);
  expect(new Play().receiving().do({ type: "failed", fault: "disk-full", detail: "/x" })).toEqual([
    leave("failed"),
    over("disk-full", false, "/x"),
    { type: "finish", fault: "disk-full", detail: "/x" },
  ]);
});

test.each(["want", "receipted", "join"] as const)(
  "P3 a receiver that is told %s takes its relay for broken",
  (t) => {
    const { share } = offer();
    const messages: { [T in typeof t]: Message } = {
      want: { t: "want", share, first: 0, count: 1 },
      receipted: { t: "receipted", share, receiver },
      join: { t: "join", share, receiver, name, from: 0, window: 1 },
    };
    const last = new Play().receiving().hear(messages[t]).at(-1);
    expect(last).toMatchObject({ type: "finish", fault: "bad-message" });
  },
);

test("a receiver jumps over files that are here already, and joins behind them", () => {
  const play = new Play().connect();
  play.offers(offer());
  play.open();
  play.take(0);
  play.do({ type: "manifest-known" });
  expect(play.do({ type: "accepted", next: 5 })).toEqual([join(5, WINDOW)]);
  // What was on its way is too early by now.
  expect(play.do({ type: "frame", index: 1 })).toEqual([]);
  expect(play.do({ type: "frame", index: 5 })).toEqual([TAKE]);
  expect(play.do({ type: "stored", next: 12 })).toEqual([join(12, WINDOW)]);
  expect(play.do({ type: "frame", index: 6 })).toEqual([]);
  expect(play.do({ type: "frame", index: 12 })).toEqual([TAKE]);
  expect(play.do({ type: "stored", next: 20 })).toEqual([join(20, WINDOW), { type: "save" }]);
  expect(play.do({ type: "saved", mac })).toEqual([complete()]);
});
