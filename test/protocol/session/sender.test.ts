import { describe, expect, test } from "bun:test";
import {
  CREDIT_RECORDS,
  LOST_GRACE_MS,
  RECEIVERS_EVERY_MS,
  SenderSession,
  WANT_QUEUE_RECORDS,
  toHex,
  type CancelReason,
  type FaultCode,
  type Message,
  type Offer,
  type ReceiverEntry,
  type ReceiverView,
  type SenderEffect,
  type SenderGoal,
  type StartWhen,
} from "../../../protocol/mod.ts";
import { Laggards } from "../../../protocol/session/admission.ts";
import { CHALLENGE, WELCOME, helloOf, signer } from "../../support/session.ts";

const share = new Uint8Array(16).fill(1);
const proof = new Uint8Array(32).fill(2);
const mac = new Uint8Array(16).fill(3);
const offer: Offer = { share, recordSize: 100, records: 10, bytes: 500, seekable: true };
/** Opens, to `name`. */
const sealed = new Uint8Array(60).fill(7);
/** Of the right length, and of nobody who has the code. */
const junk = new Uint8Array(60).fill(8);
const name = "a receiver";

function id(number: number): Uint8Array {
  return new Uint8Array(16).fill(number);
}

function entry(number: number, state: ReceiverEntry["state"], next = 0): ReceiverEntry {
  return { id: id(number), name: sealed, state, next };
}

/** The same as the session tells of it. */
function view(number: number, state: ReceiverEntry["state"], next = 0): ReceiverView {
  return { id: id(number), name, state, next, verified: false };
}

/** A session with a clock and words for its events. */
class Play {
  now = 0;
  /** Names that had to be deciphered. */
  opened = 0;
  readonly session: SenderSession;

  constructor(
    goal: Partial<SenderGoal> = {},
    offered = offer,
    startWhen?: StartWhen,
    dropSlowMs?: number,
  ) {
    const all = { receivers: 1, stay: false, ...goal };
    const policy = { goal: all, startWhen, dropSlowMs, giveUpAfterMs: undefined };
    const options = { signer, offer: offered, proof, ...policy };
    this.session = new SenderSession({ ...options, random: () => 0 }, 0);
  }

  tick(after = 0): SenderEffect[] {
    this.now += after;
    return this.session.handle({ type: "tick" }, this.now);
  }

  /** Names are opened at once, as a driver does. */
  hear(message: Message): SenderEffect[] {
    return this.session
      .handle({ type: "message", message }, this.now)
      .flatMap((effect) => (effect.type === "open-name" ? this.#open(effect.entry) : [effect]));
  }

  #open(entry: ReceiverEntry): SenderEffect[] {
    this.opened++;
    const opened = entry.name.every((byte) => byte === sealed[0]) ? name : undefined;
    return this.session.handle({ type: "name-opened", entry, name: opened }, this.now);
  }

  lose(fault: FaultCode = "connection-lost"): SenderEffect[] {
    return this.session.handle({ type: "lost", fault }, this.now);
  }

  interrupt(): SenderEffect[] {
    return this.session.handle({ type: "interrupted" }, this.now);
  }

  /** From no line to an offer. @returns all that follows from the relay's welcome */
  offer(after = 1000): SenderEffect[] {
    this.tick(after);
    this.session.handle({ type: "opened" }, this.now);
    this.hear(CHALLENGE);
    return this.hear(WELCOME);
  }

  accepted(): SenderEffect[] {
    return this.hear({ t: "accepted", share });
  }

  serve(): this {
    this.offer();
    this.accepted();
    return this;
  }

  list(...list: ReceiverEntry[]): SenderEffect[] {
    return this.hear({ t: "receivers", share, list });
  }

  receipt(number: number, valid = true): SenderEffect[] {
    const receipt = { t: "receipt", share, receiver: id(number), records: 10, mac } as const;
    expect(this.hear(receipt)).toEqual([{ type: "check-receipt", receipt }]);
    return this.session.handle({ type: "receipt-checked", receipt, valid }, this.now);
  }

  want(first: number, count: number): SenderEffect[] {
    return this.hear({ t: "want", share, first, count });
  }

  /** Sends all that is wanted; the indexes in order. */
  send(): number[] {
    const sent: number[] = [];
    for (let index = this.session.wanted(); index !== undefined; index = this.session.wanted()) {
      sent.push(index);
      expect(this.session.handle({ type: "sent", index }, this.now)).toEqual([]);
    }
    return sent;
  }
}

function finish(
  fault: FaultCode | undefined,
  verified: number,
  failed: number,
  detail?: string,
): SenderEffect {
  const outcome = { fault, verified, failed, ...(detail !== undefined && { detail }) };
  return { type: "finish", outcome };
}

/** The last effect of a receipt that ends the share for `verified` receivers, all whole. */
const done = (verified = 1): SenderEffect => finish(undefined, verified, 0);

const END: SenderEffect = { type: "send", message: { t: "end", share } };

function cancel(reason: CancelReason): SenderEffect {
  return { type: "send", message: { t: "cancel", share, reason } };
}

test("a sender says hello, offers, and sends what is wanted in the order it was wanted", () => {
  const play = new Play();
  expect(play.tick()).toEqual([{ type: "connect" }]);
  // The relay speaks first.
  expect(play.session.handle({ type: "opened" }, 0)).toEqual([]);
  expect(play.hear(CHALLENGE)).toEqual([{ type: "send", message: helloOf("sender") }]);
  expect(play.hear(WELCOME)).toEqual([
    { type: "link", online: true, fault: undefined },
    { type: "send", message: { t: "offer", ...offer, proof } },
  ]);
  // Before the offer is accepted nothing can be wanted of it.
  expect(play.want(0, 1)).toEqual([]);
  expect(play.session.wanted()).toBeUndefined();
  expect(play.accepted()).toEqual([]);
  expect([...play.want(3, 2), ...play.want(5, 1), ...play.want(0, 1)]).toEqual([]);
  expect(play.send()).toEqual([3, 4, 5, 0]);
});

test("records that a further connection had last are sent again when it breaks, on the same line alone", () => {
  const play = new Play().serve();
  play.want(0, 4);
  expect(play.send()).toEqual([0, 1, 2, 3]);
  play.session.handle({ type: "connection-lost", records: [1, 3] }, play.now);
  expect(play.send()).toEqual([1, 3]);
  play.lose();
  play.session.handle({ type: "connection-lost", records: [1, 3] }, play.now);
  expect(play.session.wanted()).toBeUndefined();
});

test.each([
  ["beyond the end", 9, 2],
  ["beyond all ends", 2 ** 28, 1],
])("P8 a relay that wants records %s breaks the protocol", (_what, first, count) => {
  const play = new Play().serve();
  const detail = "records wanted beyond the end";
  expect(play.want(first, count)).toEqual([finish("bad-message", 0, 0, detail)]);
});

test("P8 a relay that wants more than a queue holds breaks the protocol", () => {
  const play = new Play().serve();
  for (let times = 0; times < Math.floor(WANT_QUEUE_RECORDS / 10); times++) play.want(0, 10);
  expect(play.session.finished).toBe(false);
  const detail = "more records wanted than a queue holds";
  expect(play.want(0, 10)).toEqual([finish("bad-message", 0, 0, detail)]);
});

test("a record that was wanted on a line that broke is not sent on the next", () => {
  const play = new Play().serve();
  play.want(0, 5);
  expect(play.lose()).toEqual([{ type: "link", online: false, fault: "connection-lost" }]);
  expect(play.session.wanted()).toBeUndefined();
  play.serve();
  expect(play.session.wanted()).toBeUndefined();
  // A record read meanwhile for the old line tells nothing about the new one.
  play.want(7, 1);
  play.session.handle({ type: "sent", index: 0 }, play.now);
  expect(play.send()).toEqual([7]);
});

describe("the end", () => {
  test("comes with the receipt of the only receiver", () => {
    const play = new Play().serve();
    play.list(entry(1, "live", 5));
    const receiver = { id: id(1), name, state: "done" as const, next: 10, verified: true };
    expect(play.receipt(1)).toEqual([
      { type: "send", message: { t: "receipted", share, receiver: id(1) } },
      { type: "receiver", receiver },
      END,
      finish(undefined, 1, 0),
    ]);
    expect(play.tick()).toEqual([]);
  });

  test.each(["waiting", "live", "behind", "done"] as const)(
    "waits for another receiver that is %s",
    (state) => {
      const play = new Play().serve();
      play.list(entry(1, "live"), entry(2, state));
      expect(play.receipt(1)).toHaveLength(2);
      expect(play.tick(60_000)).toEqual([]);
      expect(play.receipt(2).at(-1)).toEqual(done(2));
    },
  );

  test("comes after all of a list was heard, not half-way through it", () => {
    const play = new Play({ receivers: 1 }).serve();
    play.list(entry(1, "live"), entry(2, "live", 3));
    play.receipt(1);
    play.list(entry(2, "left", 3), entry(3, "live"));
    expect(play.tick(LOST_GRACE_MS)).toEqual([]);
    play.list(entry(3, "left", 3));
    expect(play.tick()).toEqual([END, finish("some-failed", 1, 2)]);
  });

  test("waits LOST_GRACE_MS for who vanished unfinished, and counts it as failed then", () => {
    const play = new Play().serve();
    play.list(entry(1, "live"), entry(2, "live", 3));
    play.list(entry(2, "lost", 3));
    play.receipt(1);
    expect(play.tick(LOST_GRACE_MS - 1)).toEqual([]);
    expect(play.tick(1)).toEqual([END, finish("some-failed", 1, 1)]);
  });

  test("forgets who only looked at the offer", () => {
    const play = new Play().serve();
    play.list(entry(1, "live"), entry(2, "waiting", 1), entry(3, "waiting", 0));
    play.list(entry(2, "lost", 0), entry(3, "left", 0), entry(4, "lost", 0));
    expect(play.receipt(1).at(-1)).toEqual(done());
  });

  test("forgets a receiver that agreed and vanished with nothing, and no other", () => {
    const play = new Play().serve();
    const entries = [entry(1, "live"), entry(2, "live"), entry(3, "live", 2), entry(4, "live")];
    play.list(...entries);
    play.list(entry(2, "lost", 0), entry(3, "lost", 0), entry(4, "left", 0));
    play.receipt(1);
    expect(play.tick(LOST_GRACE_MS)).toEqual([END, finish("some-failed", 1, 2)]);
  });

  test("does not come before as many as wanted are done", () => {
    const play = new Play({ receivers: 2 }).serve();
    play.list(entry(1, "live"));
    play.receipt(1);
    expect(play.tick(10 * LOST_GRACE_MS)).toEqual([]);
    play.list(entry(2, "live"));
    expect(play.receipt(2).at(-1)).toEqual(done(2));
  });

  test("a receiver that proved it counts once, whatever is said of it later", () => {
    const play = new Play({ receivers: 2 }).serve();
    play.list(entry(1, "live"));
    play.receipt(1);
    expect(play.list(entry(1, "lost", 3))).toEqual([]);
    play.receipt(1);
    expect(play.tick(10 * LOST_GRACE_MS)).toEqual([]);
  });
});

describe("a receipt that does not verify", () => {
  test("is refused, and who sent it holds nobody up", () => {
    const play = new Play().serve();
    play.list(entry(1, "live"), entry(2, "done", 10));
    expect(play.receipt(2, false)).toEqual([{ type: "refused-receipt", receiver: id(2) }]);
    play.receipt(1);
    expect(play.tick(LOST_GRACE_MS - 1)).toEqual([]);
    // The relay may say for ever that it is done.
    play.list(entry(2, "done", 10));
    expect(play.tick(1)).toEqual([END, finish("some-failed", 1, 1)]);
  });

  test("may be followed by one that does", () => {
    const play = new Play().serve();
    play.list(entry(1, "done", 10));
    play.receipt(1, false);
    expect(play.receipt(1).at(-1)).toEqual(done());
  });

  test("of somebody unknown counts for nothing", () => {
    const play = new Play().serve();
    play.receipt(9, false);
    play.list(entry(1, "live"));
    expect(play.receipt(1).at(-1)).toEqual(done());
  });
});

describe("a line that breaks", () => {
  test("loses all receivers until they are named again", () => {
    const play = new Play().serve();
    play.list(entry(1, "live", 4), entry(2, "waiting"));
    expect(play.lose()).toEqual([
      { type: "receiver", receiver: view(1, "lost", 4) },
      { type: "receiver", receiver: view(2, "lost") },
      { type: "link", online: false, fault: "connection-lost" },
    ]);
    play.serve();
    play.list(entry(1, "live", 6));
    play.receipt(1);
    expect(play.tick(1000)).toEqual([END, done()]);
  });

  test("is followed by no end before the relay has said who is there", () => {
    const play = new Play().serve();
    play.list(entry(1, "live"), entry(2, "waiting"));
    play.receipt(1);
    play.lose();
    play.serve();
    expect(play.tick(2 * RECEIVERS_EVERY_MS)).toEqual([]);
    play.list(entry(2, "waiting"));
    expect(play.tick(60_000)).toEqual([]);
    play.list(entry(2, "left"));
    expect(play.tick()).toEqual([END, done()]);
  });

  test("can't be told that the sender ends", () => {
    const play = new Play().serve();
    play.lose();
    expect(play.interrupt()).toEqual([finish("interrupted", 0, 0)]);
  });
});

describe("a sender that stays", () => {
  test("ends only when interrupted, and has done its job then", () => {
    const play = new Play({ stay: true }).serve();
    play.list(entry(1, "live"));
    play.receipt(1);
    expect(play.tick(10 * LOST_GRACE_MS)).toEqual([]);
    expect(play.interrupt()).toEqual([END, finish(undefined, 1, 0)]);
  });

  test("was interrupted when somebody was still receiving", () => {
    const play = new Play({ stay: true }).serve();
    play.list(entry(1, "live"), entry(2, "live"));
    play.receipt(1);
    expect(play.interrupt()).toEqual([cancel("sender-stopped"), finish("interrupted", 1, 1)]);
  });
});

test("a source that changed ends the share with that reason", () => {
  const play = new Play().serve();
  play.list(entry(1, "live"));
  expect(play.session.handle({ type: "failed", fault: "source-changed" }, play.now)).toEqual([
    cancel("source-changed"),
    finish("source-changed", 0, 1),
  ]);
  expect(play.session.finished).toBe(true);
});

test.each(["not-your-share", "version-mismatch"] as const)(
  "a fault that trying again can't mend ends it: %s",
  (code) => {
    const effects = new Play().serve().hear({ t: "fault", code, message: "", retry: false });
    expect(effects).toEqual([finish(code, 0, 0)]);
  },
);

test("a fault that may pass is waited out on a new line", () => {
  const play = new Play().serve();
  expect(play.hear({ t: "fault", code: "going-away", message: "", retry: true })).toEqual([
    { type: "disconnect" },
    { type: "link", online: false, fault: "going-away" },
  ]);
  expect(play.tick(1000)).toEqual([{ type: "connect" }]);
});

test("a relay that cannot take the share yet is news once, and again when it takes it", () => {
  const play = new Play();
  const why = "the directory of its cluster does not answer";
  const refused = (): SenderEffect[] => {
    play.tick(10_000);
    play.session.handle({ type: "opened" }, play.now);
    const said = [play.hear(CHALLENGE), play.hear({ ...WELCOME, page: true } as Message)];
    const message = why;
    said.push(play.hear({ t: "fault", code: "going-away", message, retry: true }));
    return said.flat().filter(({ type }) => type === "link");
  };
  const online = { type: "link", online: true, fault: undefined, page: true } as const;
  const away = { type: "link", online: false, fault: "going-away", detail: why } as const;
  expect(refused()).toEqual([online, away]);
  expect(refused()).toEqual([]);
  expect(refused()).toEqual([]);
  play.tick(10_000);
  play.session.handle({ type: "opened" }, play.now);
  expect(play.hear(CHALLENGE).map(({ type }) => type)).toEqual(["send"]);
  expect(play.hear({ ...WELCOME, page: true } as Message).map(({ type }) => type)).toEqual([
    "send",
  ]);
  expect(play.hear({ t: "accepted", share })).toEqual([online]);
  // From then on it is news again.
  play.hear({ t: "fault", code: "going-away", message: "", retry: true });
  expect(refused()).toEqual([online, away]);
});

test.each<Message>([
  { t: "join", share, receiver: id(1), name: sealed, from: 0, window: 1 },
  { t: "offers", list: [] },
  { t: "completed", share },
  { t: "presence", share, senderHere: true },
])("P3 a sender that is told $t takes its relay for broken", (message) => {
  const detail = `a sender gets no ${message.t}`;
  expect(new Play().serve().hear(message).at(-1)).toEqual(finish("bad-message", 0, 0, detail));
});

describe("a sender that can't read its source again", () => {
  const stream: Offer = { ...offer, records: 100, seekable: false };

  test("offers again what may have got lost with a line, and no more", () => {
    const play = new Play({}, stream).serve();
    play.want(0, 40);
    expect(play.send()).toEqual(Array.from({ length: 40 }, (_, index) => index));
    play.lose();
    expect(play.offer(10_000)).toContainEqual({
      type: "send",
      message: { t: "offer", ...stream, proof, first: 40 - CREDIT_RECORDS },
    });
    play.accepted();
    expect(play.want(40 - CREDIT_RECORDS, 1)).toEqual([]);
    expect(play.send()).toEqual([40 - CREDIT_RECORDS]);
  });

  test("has nothing to do with a relay that wants more than that", () => {
    const play = new Play({}, stream).serve();
    play.want(0, 40);
    play.send();
    expect(play.want(39 - CREDIT_RECORDS, 1).at(-1)).toEqual(
      finish("bad-message", 0, 0, "records wanted that can't be read again"),
    );
  });
});

const gate = (agreed: number, open = false): SenderEffect => ({ type: "gate", agreed, open });

describe("the start gate", () => {
  const when = { receivers: 2, minWaitMs: 1000, maxWaitMs: 5000, headRecords: 1 };

  test("lets the manifest through and nothing else before enough have agreed, and waited", () => {
    const play = new Play({}, offer, when).serve();
    play.want(0, 6);
    expect(play.send()).toEqual([0]);
    play.list(entry(1, "waiting", 1), entry(2, "waiting", 1));
    expect(play.tick()).toEqual([]);
    play.list(entry(1, "live", 1));
    expect(play.tick(50)).toEqual([gate(1)]);
    // A receiver that comes in the meantime gets the manifest too.
    play.want(0, 1);
    expect(play.send()).toEqual([0]);
    play.list(entry(2, "live", 1));
    expect(play.tick(900)).toEqual([gate(2)]);
    expect(play.tick(99)).toEqual([]);
    expect(play.send()).toEqual([]);
    expect(play.tick(1)).toEqual([gate(2, true)]);
    expect(play.send()).toEqual([1, 2, 3, 4, 5]);
    // Open once is open for ever, also on another line.
    play.list(entry(1, "lost", 1), entry(2, "left", 1));
    expect(play.tick()).toEqual([]);
    play.lose();
    play.serve();
    play.want(4, 2);
    expect(play.send()).toEqual([4, 5]);
  });

  test("opens for fewer when the time is up, counted from the first who is still there", () => {
    const play = new Play({}, offer, when).serve();
    play.want(0, 3);
    play.tick(60_000);
    play.list(entry(1, "live", 1));
    expect(play.tick()).toEqual([gate(1)]);
    play.list(entry(1, "left", 1));
    expect(play.tick(4000)).toEqual([gate(0)]);
    play.list(entry(2, "live", 1));
    expect(play.tick()).toEqual([gate(1)]);
    expect(play.tick(4999)).toEqual([]);
    expect(play.tick(1)).toEqual([gate(1, true)]);
    expect(play.send()).toEqual([0, 1, 2]);
  });

  test("without a longest wait stays closed as long as it takes", () => {
    const play = new Play({}, offer, { ...when, maxWaitMs: undefined }).serve();
    play.want(0, 3);
    play.list(entry(1, "live", 1));
    play.tick();
    expect(play.tick(24 * 3_600_000)).toEqual([]);
    expect(play.send()).toEqual([0]);
  });
});

describe("a sender that admits each receiver", () => {
  const admitting: Offer = { ...offer, admit: true };
  const judged = (play: Play, number: number, admit: boolean): SenderEffect[] =>
    play.session.handle({ type: "judged", receiver: id(number), admit }, play.now);
  const said = (message: Message): SenderEffect => ({ type: "send", message });
  const questions = (effects: SenderEffect[]): number[] =>
    effects.flatMap((effect) => (effect.type === "ask" ? effect.receiver.id[0]! : []));
  const admit: Message = { t: "admit", share, receiver: id(1) };
  const dismiss: Message = { t: "dismiss", share, receiver: id(2), reason: "not-admitted" };

  test("asks once about each, again when it comes again, and tells the relay on every line", () => {
    const play = new Play({}, admitting).serve();
    expect(questions(play.list(entry(1, "waiting"), entry(2, "waiting")))).toEqual([1, 2]);
    expect(questions(play.list(entry(1, "waiting")))).toEqual([]);
    expect(questions(play.list(entry(2, "lost"), entry(2, "waiting")))).toEqual([2]);
    expect(judged(play, 1, true)).toEqual([said(admit)]);
    expect(judged(play, 1, true)).toEqual([]);
    const left = view(2, "left");
    expect(judged(play, 2, false)).toEqual([
      said(dismiss),
      { type: "receiver", receiver: left },
      { type: "dismissed", receiver: left, reason: "not-admitted" },
    ]);
    expect(play.list(entry(2, "left"), entry(2, "waiting"))).toEqual([]);
    play.lose();
    expect(judged(play, 3, true)).toEqual([]);
    play.offer();
    const third: Message = { t: "admit", share, receiver: id(3) };
    expect(play.accepted()).toEqual([admit, dismiss, third].map(said));
    // The admitted receiver goes on; the dismissed one does not count as failed.
    expect(questions(play.list(entry(1, "live", 4)))).toEqual([]);
    play.receipt(1);
    expect(play.tick(60_000)).toContainEqual(finish(undefined, 1, 0));
  });

  test("a question that a lost line took back is asked again", () => {
    const play = new Play({}, admitting).serve();
    expect(questions(play.list(entry(1, "waiting")))).toEqual([1]);
    play.lose();
    expect(questions(play.serve().list(entry(1, "waiting")))).toEqual([1]);
  });
});

describe("a receiver that takes nothing", () => {
  const drop = (number: number): SenderEffect => ({
    type: "send",
    message: { t: "dismiss", share, receiver: id(number), reason: "too-slow" },
  });
  const start = (): Play => new Play({}, offer, undefined, 1000).serve();

  test("while another goes further is dismissed, and missing in the end", () => {
    const play = start();
    play.list(entry(1, "live", 2), entry(2, "behind", 1), entry(3, "live", 2));
    expect(play.tick()).toEqual([]);
    play.now += 999;
    play.list(entry(1, "live", 3), entry(3, "live", 3));
    expect(play.tick()).toEqual([]);
    const left = view(2, "left", 1);
    expect(play.tick(1)).toEqual([
      drop(2),
      { type: "receiver", receiver: left },
      { type: "dismissed", receiver: left, reason: "too-slow" },
    ]);
    expect(play.list(entry(2, "behind", 1))).toEqual([]);
    play.receipt(1);
    expect(play.receipt(3)).toContainEqual(finish("some-failed", 2, 1));
  });

  test("is left alone when nobody went further, when it has not agreed, and when it takes a little", () => {
    const play = start();
    play.list(entry(1, "live", 2), entry(2, "live", 2), entry(3, "waiting", 1));
    for (let i = 0; i < 5; i++) expect(play.tick(900)).toEqual([]);
    for (let next = 3; next < 7; next++) {
      play.list(entry(1, "live", next + 3), entry(2, "behind", next));
      expect(play.tick(900)).toEqual([]);
    }
    // Its line broke: what it missed then is not its own delay.
    play.list(entry(2, "lost", 7));
    expect(play.tick(900)).toEqual([]);
    play.list(entry(2, "behind", 7));
    expect(play.tick(900)).toEqual([]);
    expect(play.tick(900)).toEqual([]);
    expect(play.tick(100)).toHaveLength(3);
  });

  test("is forgotten when the sender lists it no more, and has all of the time when it comes again", () => {
    const laggards = new Laggards(1000);
    const here = (...list: ReceiverView[]): ReadonlyMap<string, ReceiverView> => {
      return new Map(list.map((each) => [toHex(each.id), each]));
    };
    const [fast, slow] = [view(1, "live", 9), view(2, "behind", 3)];
    expect(laggards.poll(here(fast, slow), 0)).toEqual([]);
    expect(laggards.poll(here(fast), 500)).toEqual([]);
    expect(laggards.poll(here(fast, slow), 1000)).toEqual([]);
    expect(laggards.poll(here(fast, slow), 1999)).toEqual([]);
    expect(laggards.poll(here(fast, slow), 2000)).toEqual([toHex(id(2))]);
  });
});

test("a share that goes on counts earlier receivers, and hears of those at the relay before it ends", () => {
  const options = { signer, offer, proof, giveUpAfterMs: undefined, random: () => 0 };
  const goal = { receivers: 2, stay: false };
  const session = new SenderSession({ ...options, goal, doneBefore: [id(1), id(2)] }, 0);
  expect([...session.receivers].map(({ verified }) => verified)).toEqual([true, true]);
  session.handle({ type: "tick" }, 0);
  session.handle({ type: "opened" }, 0);
  session.handle({ type: "message", message: CHALLENGE }, 0);
  session.handle({ type: "message", message: WELCOME }, 0);
  session.handle({ type: "message", message: { t: "accepted", share } }, 0);
  expect(session.handle({ type: "tick" }, 4 * RECEIVERS_EVERY_MS - 1)).toEqual([]);
  const ended = session.handle({ type: "tick" }, 4 * RECEIVERS_EVERY_MS);
  expect(ended).toEqual([END, done(2)]);
});

test("a sender tells the relay's words about a fault that may pass, and waits as long as it says", () => {
  const play = new Play().serve();
  const message = "max-sockets: clients at once, 5 at most";
  expect(play.hear({ t: "fault", code: "too-many", message, retry: true, after: 30 })).toEqual([
    { type: "disconnect" },
    {
      type: "link",
      online: false,
      fault: "too-many",
      detail: `${message}, to be tried again in 30 s`,
    },
  ]);
  expect(play.tick(29_999)).toEqual([]);
  expect(play.tick(1)).toEqual([{ type: "connect" }]);
});

describe("a receiver whose name does not open", () => {
  const phantom = (number: number, state: ReceiverEntry["state"], next = 0): ReceiverEntry => ({
    ...entry(number, state, next),
    name: junk,
  });

  test.each([
    ["none", new Uint8Array(0)],
    ["of a length that none has", new Uint8Array(61).fill(7)],
    ["of nobody with the code", junk],
  ])("is not shown, and holds up no end: %s", (_what, sealedSo) => {
    const play = new Play().serve();
    for (const state of ["waiting", "live", "behind", "done", "lost", "left"] as const) {
      expect(play.list({ ...entry(2, state, 9), name: sealedSo })).toEqual([]);
    }
    play.list({ ...entry(3, "live", 5), name: sealedSo });
    play.list(entry(1, "live", 5));
    expect([...play.session.receivers]).toEqual([view(1, "live", 5)]);
    expect(play.receipt(1).at(-1)).toEqual(done());
  });

  test("is not missing when the line breaks, and does not delay the end", () => {
    const play = new Play().serve();
    play.list(entry(1, "live", 5), phantom(2, "live", 5));
    expect(play.lose()).toHaveLength(2);
    play.serve().list(entry(1, "live", 5), phantom(2, "lost", 5));
    play.tick(4 * RECEIVERS_EVERY_MS);
    expect(play.receipt(1).at(-1)).toEqual(done());
  });

  test("begins no share, and is not asked about", () => {
    const start = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined, headRecords: 1 };
    const gated = new Play({}, offer, start).serve();
    gated.list(entry(1, "live", 1), phantom(2, "live", 1), phantom(3, "live", 1));
    expect(gated.tick()).toEqual([gate(1)]);
    gated.list(entry(4, "live", 1));
    expect(gated.tick()).toEqual([gate(2, true)]);
    const asking = new Play({}, { ...offer, admit: true }).serve();
    expect(asking.list(phantom(2, "waiting"))).toEqual([]);
  });

  test("makes nobody slow: only receivers go further than others", () => {
    const play = new Play({}, offer, undefined, 1000).serve();
    play.list(entry(1, "live", 2), phantom(2, "live", 9));
    expect(play.tick()).toEqual([]);
    expect(play.tick(5000)).toEqual([]);
  });

  test("is deciphered once, however often its relay says it", () => {
    const play = new Play().serve();
    for (let i = 0; i < 100; i++) play.list(phantom(2, i % 2 === 0 ? "live" : "lost", 5));
    expect(play.opened).toBe(1);
    for (let i = 0; i < 100; i++) play.list(entry(1, "live", i % 9));
    expect(play.opened).toBe(2);
  });

  test("does not take the name away from one that had shown it", () => {
    const play = new Play().serve();
    play.list(entry(1, "live", 3));
    expect(play.list(phantom(1, "left", 3))).toEqual([]);
    expect([...play.session.receivers]).toEqual([view(1, "live", 3)]);
  });

  test("counts all the same with a receipt that verifies, which only a holder of the code can make", () => {
    const play = new Play({ receivers: 1 }).serve();
    play.list(phantom(2, "done", 10));
    expect(play.receipt(2).at(-1)).toEqual(done());
  });
});

test("a name that is opened when the line is down tells nothing of who is there", () => {
  const play = new Play().serve();
  play.lose();
  const late = { type: "name-opened", entry: entry(1, "live", 5), name } as const;
  expect(play.session.handle(late, play.now)).toEqual([]);
  expect([...play.session.receivers]).toEqual([]);
});

test("a receiver whose receipt verified counts once, however often it comes again", () => {
  const play = new Play({ receivers: 2 }).serve();
  play.list(entry(1, "live", 5));
  for (let run = 0; run < 3; run++) {
    const effects = play.receipt(1);
    expect(effects[0]).toMatchObject({ message: { t: "receipted", receiver: id(1) } });
    expect(effects.filter(({ type }) => type === "finish")).toEqual([]);
    expect(play.list(entry(1, "waiting"), entry(1, "live", 3), entry(1, "left", 3))).toEqual([]);
  }
  play.list(entry(2, "live", 5));
  expect(play.receipt(2).at(-1)).toEqual(done(2));
});

test("receipts that are refused again and again put the end off once", () => {
  const play = new Play().serve();
  play.list(entry(1, "live", 5), entry(2, "done", 10));
  play.receipt(1);
  play.receipt(2, false);
  for (let waited = 0; waited < LOST_GRACE_MS - 1000; waited += 1000) {
    expect(play.tick(1000)).toEqual([]);
    expect(play.receipt(2, false)).toEqual([{ type: "refused-receipt", receiver: id(2) }]);
  }
  expect(play.tick(1000).at(-1)).toEqual(finish("some-failed", 1, 1));
});

test("under --ask another name is another question", () => {
  const play = new Play({}, { ...offer, admit: true }).serve();
  const asked = (effects: SenderEffect[]): number =>
    effects.filter(({ type }) => type === "ask").length;
  const named = (text: string): number => {
    const renamed = { ...entry(1, "waiting"), name: new Uint8Array(92).fill(text.length) };
    play.hear({ t: "receivers", share, list: [renamed] });
    return asked(
      play.session.handle({ type: "name-opened", entry: renamed, name: text }, play.now),
    );
  };
  expect([named("anna"), named("anna"), named("carol"), named("carol")]).toEqual([1, 0, 1, 0]);
});
