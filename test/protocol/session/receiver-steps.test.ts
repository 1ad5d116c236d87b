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
  type Message,
  type MessageOf,
  type OfferSeen,
  type ReceiverEffect,
  type ReceiverEvent,
} from "../../../protocol/mod.ts";
import { CHALLENGE, WELCOME, helloOf, signer } from "../../support/session.ts";

const receiver = new Uint8Array(16).fill(9);
const mac = new Uint8Array(16).fill(3);
const name = new Uint8Array(0);
const CONFIRM_MS = 10_000;
const WINDOW = 16;

function offer(number = 1, records = 20): OfferSeen {
  const share = new Uint8Array(16).fill(number);
  return { share, recordSize: 100, records, bytes: 100, seekable: true, senderHere: true };
}

const endOf = (number: number): Message => ({ t: "end", share: offer(number).share });
const cancelOf = (number: number, reason: MessageOf<"cancel">["reason"]): Message => {
  return { t: "cancel", share: offer(number).share, reason };
};

/** A message in words: the number of its share unless that is 1, and its numbers as `from/window`. */
function spoken(message: Message): string {
  if ("receiver" in message) expect(message.receiver).toEqual(receiver);
  if ("name" in message) expect(message.name).toEqual(name);
  if ("mac" in message) expect(message.mac).toEqual(mac);
  const number = "share" in message ? message.share[0] : undefined;
  const of = number === 1 ? "" : ` of ${number}`;
  switch (message.t) {
    case "join":
      return `join ${message.from}/${message.window}${of}`;
    case "ack":
      return `ack ${message.next}/${message.window}${of}`;
    case "leave":
      return `leave ${message.reason}${of}`;
    case "complete":
      return `complete ${message.records}${of}`;
    default:
      return message.t;
  }
}

const about = (fault: FaultCode | undefined, detail: string | undefined): string =>
  `${fault === undefined ? "" : ` ${fault}`}${detail === undefined ? "" : `: ${detail}`}`;

function inWords(effect: ReceiverEffect): string {
  switch (effect.type) {
    case "send":
      return spoken(effect.message);
    case "open-share":
      return `open ${effect.offer.share[0]}`;
    case "share-over":
      return `over${effect.confirmed ? " confirmed" : ""}${about(effect.fault, effect.detail)}`;
    case "finish":
      return `finish${about(effect.fault, effect.detail)}`;
    case "passed-over": {
      const { unreadable, anew } = effect;
      if (unreadable === undefined) return anew === undefined ? "passed" : `passed ${anew}`;
      const { fault, detail, count, told } = unreadable;
      return `unreadable ${count}${told ? " told" : ""}${about(fault, detail)}`;
    }
    case "link":
      return effect.online ? "online" : `offline${about(effect.fault, effect.detail)}`;
    case "sender":
      return effect.here ? "here" : "away";
    default:
      return effect.type;
  }
}

/** A session with a clock and words for its events and effects. */
class Play {
  now = 0;
  readonly session: ReceiverSession;

  constructor({ lobby = false } = {}) {
    const options = { signer, lobby, giveUpAfterMs: undefined, confirmMs: CONFIRM_MS };
    this.session = new ReceiverSession({ ...options, window: WINDOW, random: () => 0 }, 0);
  }

  effects(event: ReceiverEvent): ReceiverEffect[] {
    return this.session.handle(event, this.now);
  }

  do(event: ReceiverEvent): string[] {
    return this.effects(event).map(inWords);
  }

  tick(after = 0): string[] {
    this.now += after;
    return this.do({ type: "tick" });
  }

  hear(message: Message): string[] {
    return this.do({ type: "message", message });
  }

  offers(...list: OfferSeen[]): string[] {
    return this.hear({ t: "offers", list });
  }

  connect(...list: OfferSeen[]): this {
    this.tick(1000);
    this.do({ type: "opened" });
    this.hear(CHALLENGE);
    this.hear(WELCOME);
    if (list.length > 0) this.offers(...list);
    return this;
  }

  lose(): string[] {
    return this.do({ type: "lost", fault: "connection-lost" });
  }

  open(next = 0, agreed = false): string[] {
    return this.do({ type: "share-opened", receiver, name, next, agreed });
  }

  frame(index: number): string[] {
    return this.do({ type: "frame", index });
  }

  corrupt(): string[] {
    return this.do({ type: "corrupt" });
  }

  saved(): string[] {
    return this.do({ type: "saved", mac });
  }

  /** Takes these records, which must be the next ones; all that follows from it. */
  take(first: number, count = 1): string[] {
    return Array.from({ length: count }, (_, at) => {
      expect(this.frame(first + at)).toEqual(["take"]);
      return this.do({ type: "stored" });
    }).flat();
  }

  known(before?: readonly Uint8Array[]): string[] {
    return this.do({ type: "manifest-known", ...(before && { before }) });
  }

  accept(next?: number): string[] {
    return this.do({ type: "accepted", ...(next !== undefined && { next }) });
  }

  /** The person is asked about the share of that offer, or the first one. */
  asking(...list: OfferSeen[]): this {
    this.connect(...(list.length > 0 ? list : [offer()]));
    this.open();
    this.take(0);
    this.known();
    return this;
  }

  /** Attached to the first share, receiving from `next` on. */
  receiving(next = 0, records = 20): this {
    this.connect(offer(1, records));
    expect(this.open(next, true)).toEqual([`join ${next}/16`]);
    return this;
  }

  /** Everything is saved and the receipt sent. */
  confirming(): this {
    this.receiving(19).take(19);
    expect(this.saved()).toEqual(["complete 20"]);
    return this;
  }
}

describe("an open share", () => {
  const endless: OfferSeen = { ...offer(1, RECORD_INDEX), bytes: 0, seekable: false };

  test("ends with the record that says so, and the receipt counts what there was", () => {
    const play = new Play().connect();
    expect(play.effects({ type: "message", message: { t: "offers", list: [endless] } })).toEqual([
      { type: "open-share", offer: endless },
    ]);
    expect(play.open()).toEqual(["join 0/1"]);
    play.take(0);
    play.known();
    play.accept();
    expect(play.take(1, 2)).toEqual([]);
    expect(play.frame(3)).toEqual(["take"]);
    expect(play.do({ type: "stored", last: true })).toEqual(["ack 4/16", "save"]);
    expect(play.frame(4)).toEqual([]);
    expect(play.saved()).toEqual(["complete 4"]);
  });

  test("may end with the record that holds the manifest", () => {
    const play = new Play().connect(endless);
    play.open();
    expect(play.frame(0)).toEqual(["take"]);
    expect(play.do({ type: "stored", last: true })).toEqual([]);
    expect(play.known()).toEqual(["ack 1/0", "ask"]);
    expect(play.accept()).toEqual(["ack 1/16", "save"]);
    expect(play.saved()).toEqual(["complete 1"]);
  });

  test("that is whole here already is saved", () => {
    const play = new Play().connect(endless);
    const event = { type: "share-opened", receiver, name, next: 7, agreed: true } as const;
    expect(play.do({ ...event, records: 7 })).toEqual(["join 7/16", "save"]);
    expect(play.saved()).toEqual(["complete 7"]);
  });
});

test("a receiver looks at the beginning, asks, takes all, saves and shows its receipt", () => {
  const play = new Play();
  expect(play.tick()).toEqual(["connect"]);
  // The relay speaks first.
  expect(play.do({ type: "opened" })).toEqual([]);
  const answer = play.effects({ type: "message", message: CHALLENGE });
  expect(answer).toEqual([{ type: "send", message: helloOf("receiver") }]);
  expect(play.hear(WELCOME)).toEqual(["online"]);
  expect(play.offers()).toEqual(["waiting"]);
  expect(play.offers(offer())).toEqual(["open 1"]);
  expect(play.open()).toEqual(["join 0/1"]);
  expect(play.take(0)).toEqual([]);
  expect(play.session.previewMore().map(inWords)).toEqual(["ack 1/1"]);
  expect(play.take(1)).toEqual([]);
  // Nothing more comes while the person thinks.
  expect(play.known()).toEqual(["ack 2/0", "ask"]);
  expect(play.tick(KEEPALIVE_MS - 1)).toEqual([]);
  expect(play.accept()).toEqual(["ack 2/16"]);
  expect(play.take(2, 4)).toEqual(["ack 6/16"]);
  expect(play.take(6, 3)).toEqual([]);
  expect(play.tick()).toEqual(["ack 9/16"]);
  expect(play.take(9, 10)).toEqual(["ack 13/16", "ack 17/16"]);
  expect(play.take(19)).toEqual(["ack 20/16", "save"]);
  expect(play.saved()).toEqual(["complete 20"]);
  const completed = play.hear({ t: "completed", share: offer().share });
  expect(completed).toEqual(["over confirmed", "finish"]);
  expect(play.session.finished).toBe(true);
});

test("a share of one record is whole when the person agrees", () => {
  const play = new Play().connect(offer(1, 1));
  play.open();
  play.take(0);
  expect(play.known()).toEqual(["ack 1/0", "ask"]);
  expect(play.accept()).toEqual(["ack 1/16", "save"]);
});

test("a receiver goes on with an earlier run's partial without asking, and only saves a whole one", () => {
  expect(new Play().receiving(7).take(7)).toEqual([]);
  const whole = new Play().connect(offer());
  expect(whole.open(20, true)).toEqual(["join 20/16", "save"]);
  expect(whole.saved()).toEqual(["complete 20"]);
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
    expect(play.frame(3)).toEqual(["join 2/16"]);
    expect([...play.frame(4), ...play.frame(5)]).toEqual([]);
    expect(play.take(2, 2)).toEqual([]);
    // The next gap is another one.
    expect(play.frame(5)).toEqual(["join 4/16"]);
  });

  test("beyond the end of the share are nothing", () => {
    const play = new Play().receiving(19);
    play.take(19);
    expect([...play.frame(20), ...play.frame(2 ** 28)]).toEqual([]);
  });

  test("are not taken while nobody has agreed, nor without a line", () => {
    const play = new Play().connect(offer());
    expect(play.frame(0)).toEqual([]);
    play.open();
    play.take(0);
    play.known();
    expect(play.frame(1)).toEqual([]);
    play.accept();
    play.lose();
    expect(play.frame(1)).toEqual([]);
  });

  test(`that do not decrypt are asked for ${CORRUPT_RETRIES} times more, then it is over`, () => {
    const play = new Play().receiving(5);
    for (let times = 0; times < CORRUPT_RETRIES; times++) {
      expect(play.frame(5)).toEqual(["take"]);
      expect(play.corrupt()).toEqual(["join 5/16"]);
    }
    expect(play.frame(5)).toEqual(["take"]);
    const how = "corrupt-record: record 5";
    expect(play.corrupt()).toEqual(["leave failed", `over ${how}`, `finish ${how}`]);
  });

  test("that do not decrypt count from the beginning for each record", () => {
    const play = new Play().receiving();
    for (let index = 0; index < 10; index++) {
      play.frame(index);
      expect(play.corrupt()).toEqual([`join ${index}/16`]);
      play.take(index);
    }
  });
});

describe("a receiver that gets nothing", () => {
  test("joins again, more and more seldom, and soon again after a record", () => {
    const play = new Play().receiving();
    const joined = (after: number): boolean =>
      play.tick(after).some((effect) => effect.startsWith("join"));
    expect([joined(STALL_MS - 1), joined(1)]).toEqual([false, true]);
    expect([joined(2 * STALL_MS - 1), joined(1)]).toEqual([false, true]);
    play.take(0);
    expect([joined(STALL_MS - 1), joined(1)]).toEqual([false, true]);
  });

  test("is content while the person thinks, but shows that it lives", () => {
    const play = new Play().asking();
    expect(play.tick(KEEPALIVE_MS)).toEqual(["ack 1/0"]);
    expect(play.tick(KEEPALIVE_MS)).toEqual(["ack 1/0"]);
  });
});

describe("a line that breaks", () => {
  test("is followed by a join from where it was", () => {
    const play = new Play().receiving();
    play.take(0, 2);
    expect(play.lose()).toEqual(["offline connection-lost"]);
    play.connect();
    expect(play.offers()).toEqual([]);
    expect(play.offers(offer())).toEqual(["join 2/16", "here"]);
    // Told again, for example of the sender's return: it is there already.
    expect(play.offers(offer())).toEqual([]);
  });

  test("keeps a question open, and its answer counts", () => {
    const play = new Play().asking();
    play.lose();
    expect(play.accept()).toEqual([]);
    expect(play.connect().offers(offer())).toEqual(["join 1/16", "here"]);
  });

  test("before the receipt was taken is followed by the receipt", () => {
    const play = new Play().confirming();
    play.lose();
    expect(play.connect().offers(offer())).toEqual(["join 20/16", "here", "complete 20"]);
  });

  test("while the disk is looked at delays the join, not the share", () => {
    const play = new Play().connect(offer());
    play.lose();
    expect(play.open()).toEqual([]);
    expect(play.connect().offers(offer())).toEqual(["join 0/1", "here"]);
  });

  test("to a relay that does not know the share any more is waited for as long as a sender", () => {
    const play = new Play().receiving();
    play.lose();
    play.connect().offers();
    const waited = 1000;
    expect(play.tick(SENDER_GRACE_MS - waited - 1)).toEqual([]);
    expect(play.tick(1)).toEqual(["over sender-gone", "finish sender-gone"]);
  });
});

describe("a share that ends", () => {
  const gone = (fault: FaultCode): string[] => [`over ${fault}`, `finish ${fault}`];

  test("too soon is a failure, and success is nobody's to claim", () => {
    expect(new Play().receiving(19).hear(endOf(1))).toEqual(gone("sender-stopped"));
    const cancelled = new Play().receiving().hear(cancelOf(1, "source-changed"));
    expect(cancelled).toEqual(gone("source-changed"));
  });

  test("before the receipt was taken leaves a whole share", () => {
    expect(new Play().confirming().hear(endOf(1))).toEqual(["over", "finish"]);
  });

  test("is no other share's end", () => {
    const play = new Play().receiving();
    expect(play.hear(endOf(2))).toEqual([]);
    expect(play.take(0)).toEqual([]);
  });

  test("without a word to who has it whole is over after a while", () => {
    const play = new Play().confirming();
    expect(play.tick(CONFIRM_MS - 1)).not.toContain("over");
    expect(play.tick(1)).toEqual(["over", "finish"]);
  });

  test("is not confirmed by the receipt of another", () => {
    const other = new Play().confirming().hear({ t: "completed", share: offer(2).share });
    const early = new Play().receiving(19).hear({ t: "completed", share: offer().share });
    expect([other, early]).toEqual([[], []]);
  });
});

describe("a share that is offered anew", () => {
  const MOVED = ["passed told", "waiting"];

  test("is followed to the share that takes its place, and never taken again", () => {
    expect(new Play().receiving().hear(cancelOf(1, "new-edition"))).toEqual(MOVED);
    const moved = new Play().receiving();
    moved.take(0, 3);
    expect(moved.hear(cancelOf(1, "new-edition"))).toEqual(MOVED);
    expect(moved.offers(offer(1), offer(2))).toEqual(["open 2"]);
  });

  test("is left by a receiver that was asked about it, too", () => {
    const play = new Play().asking();
    expect(play.hear(cancelOf(1, "new-edition"))).toEqual(MOVED);
    expect(play.accept()).toEqual([]);
  });

  test("is done for a receiver that has all of it", () => {
    expect(new Play().confirming().hear(cancelOf(1, "new-edition"))).toEqual(["over", "finish"]);
  });

  test("is not waited for longer than for a sender that went away", () => {
    const play = new Play().receiving();
    play.hear(cancelOf(1, "new-edition"));
    expect(play.tick(SENDER_GRACE_MS - 1).join()).not.toContain("finish");
    expect(play.tick(1).at(-1)).toBe("finish sender-gone");
  });

  test("ends with the share in its place, also when that ends before anything of it came", () => {
    const play = new Play().receiving();
    play.hear(cancelOf(1, "new-edition"));
    play.offers(offer(2));
    play.open();
    const ended = play.hear(cancelOf(2, "source-changed"));
    expect(ended).toEqual(["over source-changed", "finish source-changed"]);
  });

  /** Its line broke, and on the next one another share is offered. */
  function missed(): Play {
    const play = new Play().receiving();
    play.take(0, 3);
    play.lose();
    expect(play.connect().offers(offer(2))).toEqual([]);
    return play;
  }

  test("is found by a receiver that had no line when that was said", () => {
    const play = missed();
    expect(play.tick(MISSING_MS)).toContain("open 2");
    play.open();
    play.take(0);
    expect(play.known([offer(1).share]).at(-1)).toBe("ask");
    expect(play.accept()).not.toEqual([]);
  });

  test("is not confused with a share beside it: that one is looked at once, and left", () => {
    const play = missed();
    play.tick(MISSING_MS);
    play.open();
    play.take(0);
    expect(play.known().slice(-2)).toEqual(["passed perhaps", "open 1"]);
    play.open(3, true);
    expect(play.tick(2 * MISSING_MS).join()).not.toContain("open");
    expect(play.offers(offer())).toContain("join 3/16");
  });

  test("is waited for again when the share beside it ends before anything of it came", () => {
    const play = missed();
    play.tick(MISSING_MS);
    play.open();
    expect(play.hear(cancelOf(2, "source-changed")).at(-1)).toBe("open 1");
    play.open(3, true);
    expect(play.tick(SENDER_GRACE_MS).at(-1)).toBe("finish sender-gone");
  });

  test("leaves a receiver in the lobby there, however long nothing is offered", () => {
    const play = new Play({ lobby: true }).connect(offer());
    play.open(1, true);
    expect(play.hear(cancelOf(1, "new-edition"))).toEqual(MOVED);
    expect(play.tick(SENDER_GRACE_MS + 1).join()).not.toContain("finish");
  });
});

describe("a choice", () => {
  test("with a code is for what was sent last, in the lobby for what came first", () => {
    const list = [offer(1), offer(2), offer(3)];
    expect(new Play().connect().offers(...list)).toEqual(["open 3"]);
    expect(new Play({ lobby: true }).connect().offers(...list)).toEqual(["open 1"]);
  });

  test("in the lobby goes on with the next, and takes nothing twice", () => {
    const play = new Play({ lobby: true }).connect(offer(1, 1), offer(2, 1));
    for (const [number, next] of [
      [1, "open 2"],
      [2, "waiting"],
    ] as const) {
      play.open(1, true);
      play.saved();
      const completed = play.hear({ t: "completed", share: offer(number).share });
      expect(completed).toEqual(["over confirmed", next]);
    }
    expect(play.offers(offer(1, 1), offer(2, 1))).toEqual(["waiting"]);
  });

  test("in the lobby passes over one whose beginning does not come, and comes back to it", () => {
    const play = new Play({ lobby: true }).connect(offer(1), offer(2));
    play.open();
    expect(play.tick(BEGINNING_MS - 1)).not.toContain("passed");
    expect(play.tick(1).slice(-3)).toEqual(["leave interrupted", "passed", "open 2"]);
    play.open();
    play.hear(endOf(2));
    expect(play.open()).toEqual(["join 0/1"]);
    // It is the only one left.
    expect(play.tick(BEGINNING_MS)).not.toContain("passed");
    expect(play.frame(0)).toEqual(["take"]);
  });

  test("stays with the share whose beginning came, and with a code", () => {
    for (const lobby of [true, false]) {
      const play = new Play({ lobby }).connect(offer(1), offer(2));
      play.open();
      play.tick(STALL_MS - 1);
      play.take(0);
      expect(play.tick(BEGINNING_MS - 1)).not.toContain("passed");
      if (!lobby) continue;
      play.known();
      expect(play.tick(BEGINNING_MS)).not.toContain("passed");
    }
  });

  /** Opens whichever share is next, and waits in vain for its beginning, so many times. */
  function turns(play: Play, count: number): string[] {
    return Array.from({ length: count }, () => {
      play.open();
      return play.tick(BEGINNING_MS).filter((effect) => effect.startsWith("open"));
    }).flat();
  }

  test("with a code passes over one whose beginning does not come, and comes back to it", () => {
    const play = new Play().connect(offer(1), offer(2), offer(3));
    expect(turns(play, 5)).toEqual(["open 2", "open 1", "open 3", "open 2", "open 1"]);
  });

  test("waits longer for a sender that lets receivers in one by one", () => {
    const play = new Play().connect(offer(1), { ...offer(2), admit: true });
    play.open();
    expect(play.tick(ADMISSION_MS - 1)).not.toContain("passed");
    expect(play.tick(1)).toContain("passed");
  });

  test("a share whose sender is away comes after those whose sender is here", () => {
    const away = (number: number): OfferSeen => ({ ...offer(number), senderHere: false });
    for (const lobby of [false, true]) {
      const play = new Play({ lobby }).connect();
      expect(play.offers(away(1), offer(2), away(3))).toEqual(["open 2"]);
    }
    expect(new Play().connect().offers(away(1))).toEqual(["open 1"]);
  });

  test("one whose sender was away gets its turn: no message tells when it comes back", () => {
    const play = new Play().connect();
    expect(play.offers({ ...offer(1), senderHere: false }, offer(2))).toEqual(["open 2"]);
    expect(turns(play, 3)).toEqual(["open 1", "open 2", "open 1"]);
  });

  /** All that follows when record `index` never opens. */
  function garbled(play: Play, index = 0): string[] {
    for (let times = 0; times < CORRUPT_RETRIES; times++) {
      play.frame(index);
      expect(play.corrupt().join()).toStartWith(`join ${index}/1`);
    }
    play.frame(index);
    return play.corrupt();
  }

  const garbledAtOnce = (play: Play): string[] => {
    play.open();
    return garbled(play);
  };

  test("with a code one that does not open is passed over, and others are tried, then waited for", () => {
    const play = new Play().connect(offer(1), offer(2));
    const how = "corrupt-record: record 0";
    const second = ["leave failed of 2", `unreadable 1 told ${how}`, "open 1"];
    expect(garbledAtOnce(play)).toEqual(second);
    expect(garbledAtOnce(play)).toEqual(["leave failed", `unreadable 2 told ${how}`, "waiting"]);
    // Neither is tried again, and whatever comes next is.
    expect(play.offers(offer(1), offer(2))).toEqual(["waiting"]);
    expect(play.offers(offer(3))).toEqual(["open 3"]);
  });

  test.each(["bad-manifest", "unsafe-name"] as const)(
    "with a code one with a %s is passed over too, unless it is the last",
    (fault) => {
      const play = new Play().connect(offer(1), offer(2));
      play.open();
      play.frame(0);
      const passed = play.do({ type: "failed", fault, detail: "why" });
      expect(passed).toEqual(["leave failed of 2", `unreadable 1 told ${fault}: why`, "open 1"]);
      play.open();
      play.frame(0);
      const last = play.do({ type: "failed", fault, detail: "the last" });
      expect(last.at(-1)).toBe(`finish ${fault}: the last`);
    },
  );

  test("a fault of the disk ends the run", () => {
    const play = new Play().connect(offer(1), offer(2));
    play.open();
    play.frame(0);
    const effects = play.do({ type: "failed", fault: "several-files" });
    expect(effects.at(-1)).toBe("finish several-files");
  });

  test.each([endOf(2), cancelOf(2, "sender-gone"), cancelOf(2, "too-late")])(
    "with a code one that ends before anything of it was read is not the end",
    (message) => {
      const play = new Play().connect(offer(1), offer(2));
      play.open();
      expect(play.hear(message)).toEqual(["passed", "open 1"]);
      play.open();
      expect(play.hear(endOf(1))).toEqual(["passed", "waiting"]);
    },
  );

  test("the end of the only share, or of one that was read, is the end", () => {
    const alone = new Play().connect(offer(1));
    alone.open();
    expect(alone.hear(cancelOf(1, "too-late")).at(-1)).toBe("finish too-late");
    const read = new Play().connect(offer(1), offer(2));
    read.open();
    read.take(0);
    expect(read.hear(endOf(2)).at(-1)).toBe("finish sender-stopped");
  });

  test("damage behind a record that opened is told as before", () => {
    const play = new Play().connect(offer(1), offer(2));
    play.open();
    play.take(0);
    play.session.previewMore();
    expect(garbled(play, 1).at(-1)).toBe("finish corrupt-record: record 1");
  });

  test("of very many that do not open few are told, and the first that does is taken", () => {
    const play = new Play().connect(offer(1));
    const said: string[] = [];
    for (let number = 1; number <= 200; number++) {
      said.push(...garbledAtOnce(play));
      play.hear(cancelOf(number, "sender-gone"));
      play.offers(offer(number + 1));
    }
    const told = said.flatMap((effect) => /^unreadable (\d+) told/.exec(effect)?.[1] ?? []);
    expect(told).toEqual(["1", "2", "4", "8", "16", "32", "64", "128"]);
    expect(said.filter((effect) => effect === "waiting")).toHaveLength(told.length);
    play.open();
    play.take(0);
    expect(play.known()).toContain("ask");
  });

  test("in the lobby one that does not open is over as others are", () => {
    const play = new Play({ lobby: true }).connect(offer(1), offer(2));
    const over = "over corrupt-record: record 0";
    expect(garbledAtOnce(play)).toEqual(["leave failed", over, "open 2"]);
  });

  test("declined is told, and ends the run", () => {
    const declined = new Play().asking().do({ type: "declined" });
    expect(declined).toEqual(["leave declined", "over declined", "finish declined"]);
  });

  test("made too late, about an offer that is over, is none about the next", () => {
    const play = new Play({ lobby: true }).asking(offer(1), offer(2));
    expect(play.hear(endOf(1))).toEqual(["over sender-stopped", "open 2"]);
    play.open();
    expect(play.do({ type: "declined" })).toEqual([]);
    expect(play.accept()).toEqual([]);
    expect(play.take(0)).toEqual([]);
  });
});

test("a receiver that is interrupted, or whose disk fails, says so before it goes", () => {
  const interrupted = new Play().receiving().do({ type: "interrupted" });
  expect(interrupted).toEqual(["leave interrupted", "finish interrupted"]);
  const full = { type: "failed", fault: "disk-full", detail: "/x" } as const;
  const failed = ["leave failed", "over disk-full: /x", "finish disk-full: /x"];
  expect(new Play().receiving().do(full)).toEqual(failed);
});

test.each<Message>([
  { t: "want", share: offer().share, first: 0, count: 1 },
  { t: "receipted", share: offer().share, receiver },
  { t: "join", share: offer().share, receiver, name, from: 0, window: 1 },
])("P3 a receiver that is told $t takes its relay for broken", (message) => {
  expect(new Play().receiving().hear(message).at(-1)).toStartWith("finish bad-message");
});

test("a receiver jumps over files that are here already, and joins behind them", () => {
  const play = new Play().asking();
  expect(play.accept(5)).toEqual(["join 5/16"]);
  // A record that was on its way is too early by now.
  expect(play.frame(1)).toEqual([]);
  expect(play.frame(5)).toEqual(["take"]);
  expect(play.do({ type: "stored", next: 12 })).toEqual(["join 12/16"]);
  expect(play.frame(6)).toEqual([]);
  expect(play.frame(12)).toEqual(["take"]);
  expect(play.do({ type: "stored", next: 20 })).toEqual(["join 20/16", "save"]);
  expect(play.saved()).toEqual(["complete 20"]);
});
