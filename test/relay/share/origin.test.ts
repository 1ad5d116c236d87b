import { describe, expect, test } from "bun:test";
import {
  CREDIT_MOST_RECORDS,
  CREDIT_RECORDS,
  RECEIVERS_PER_MESSAGE,
  RECEIVERS_PER_SHARE,
  RECORD_INDEX,
  decodeFrame,
  encodeFrame,
  type Message,
  type Offer,
  type ReceiverEntry,
} from "../../../protocol/mod.ts";
import { NEED_AGAIN_MS } from "../../../relay/share/read-ahead.ts";
import { BlockLog } from "../../../relay/log/block-log.ts";
import { Origin } from "../../../relay/share/origin.ts";
import { CreditBudget } from "../../../relay/share/sender-credit.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import { faultOf } from "../../support/faults.ts";

const share = new Uint8Array(16).fill(1);
const name = new Uint8Array(0);
const mac = new Uint8Array(16);
const RECORD = 100;
const FRAME = 16 + RECORD;

function id(number: number): Uint8Array {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(0, number);
  return id;
}

function numberOf(id: Uint8Array): number {
  return new DataView(id.buffer, id.byteOffset).getUint32(0);
}

function entry(number: number, state: ReceiverEntry["state"], next = 0): ReceiverEntry {
  return { id: id(number), name, state, next };
}

interface PlayOptions extends Partial<Offer> {
  readonly blocks?: number;
  readonly here?: boolean;
  readonly budget?: CreditBudget;
}

/** An origin over real memory, with a sender that writes down what it is told. */
class Play {
  now = 0;
  readonly said: string[] = [];
  readonly came: number[] = [];
  readonly gone: [worker: number, before: number][] = [];
  readonly full: number[] = [];
  readonly ahead: number[] = [];
  readonly log: BlockLog;
  readonly origin: Origin;

  constructor({
    records = 100,
    blocks = 100,
    here = true,
    budget = new CreditBudget(),
    ...more
  }: PlayOptions = {}) {
    this.log = new BlockLog(new BlockPool(createPool(blocks, 1, FRAME), 0), FRAME);
    const bytes = records * RECORD;
    const offer: Offer = { share, recordSize: RECORD, records, bytes, seekable: true, ...more };
    const output = {
      toSender: (message: Message) => void this.said.push(describeMessage(message)),
      available: (index: number) => void this.came.push(index),
      gone: (worker: number, before: number) => void this.gone.push([worker, before]),
      full: (worker: number) => void this.full.push(worker),
      ahead: (count: number) => void this.ahead.push(count),
      mostReceivers: () => RECEIVERS_PER_SHARE,
      now: () => this.now,
    };
    this.origin = new Origin(offer, this.log, output, budget);
    if (here) this.origin.senderBack();
  }

  need(...runs: [first: number, count: number][]): string[] {
    const all = runs.map(([first, count]) => ({ first, count }));
    const need = { group: undefined, proven: true, from: 0, end: Infinity };
    this.origin.need([{ ...need, party: 0, runs: all }], 0);
    return this.takeSaid();
  }

  /** Some receiver that has acknowledged nothing needs one record. */
  newcomer(party: number, index: number): string[] {
    const need = { group: undefined, proven: false, from: index, end: index + 1 };
    this.origin.need([{ ...need, party, runs: [{ first: index, count: 1 }] }], 0);
    return this.takeSaid();
  }

  frame(index: number, { last = false, bytes = RECORD } = {}): string[] {
    const frame = encodeFrame(share, index, last, new Uint8Array(bytes));
    this.origin.frame(decodeFrame(frame), frame);
    return this.takeSaid();
  }

  report(worker: number, ...entries: ReceiverEntry[]): void {
    this.origin.report(entries, worker);
  }

  receipt(number: number): string[] {
    this.origin.receipt({ receiver: id(number), records: 5, mac });
    return this.takeSaid();
  }

  tick(): string[] {
    this.origin.tick();
    return this.takeSaid();
  }

  takeSaid(): string[] {
    return this.said.splice(0);
  }
}

function describeMessage(message: Message): string {
  switch (message.t) {
    case "want":
      return `want ${message.first}+${message.count}`;
    case "receipt":
      return `receipt ${numberOf(message.receiver)}`;
    case "receivers":
      return message.list
        .map(({ id, state, next }) => `${numberOf(id)} ${state} ${next}`)
        .join(", ");
    default:
      return message.t;
  }
}

describe("wants", () => {
  test("are runs, in the order of the needs, and P8 the same need of many is one", () => {
    const play = new Play();
    expect(play.need([0, 4])).toEqual(["want 0+4"]);
    expect(play.need([2, 4], [50, 1], [0, 2], [51, 2])).toEqual(["want 4+2", "want 50+3"]);
    for (let times = 0; times < 1000; times++) expect(play.need([0, 6])).toEqual([]);
  });

  test("keep the credit of a far sender that loses one connection of several", () => {
    const play = new Play({ records: 2000, blocks: 2000 });
    let next = 0;
    /** All that is asked for comes after so long. */
    const round = (ms: number): void => {
      play.now += ms;
      const end = next + play.origin.pending.outstanding;
      for (; next < end; next++) play.frame(next);
      play.need([next, CREDIT_MOST_RECORDS]);
    };
    play.need([0, CREDIT_MOST_RECORDS]);
    for (let count = 0; count < 5; count++) round(300);
    expect(play.origin.credit).toBe(CREDIT_MOST_RECORDS);
    play.origin.askAgain();
    expect(play.takeSaid()).toEqual([`want ${next}+${CREDIT_MOST_RECORDS}`]);
    // They were on their way on the other connections: their time is not that of the path.
    round(1);
    for (let count = 0; count < 5; count++) round(300);
    expect(play.origin.credit).toBe(CREDIT_MOST_RECORDS);
  });

  test("are never more than the credit, and go on as records come", () => {
    const play = new Play();
    play.need([0, 8]);
    expect(play.need([8, 8], [16, 8])).toEqual([`want ${CREDIT_RECORDS / 2}+8`]);
    expect(play.origin.pending).toEqual({ outstanding: 16, queued: 8 });
    expect(play.frame(0)).toEqual(["want 16+1"]);
    expect(play.frame(5)).toEqual(["want 17+1"]);
  });

  test("leave half of a small log to what has come", () => {
    const play = new Play({ blocks: 8 });
    expect(play.need([0, 16])).toEqual(["want 0+4"]);
    for (let index = 0; index < 12; index++) {
      expect(play.frame(index)).toEqual([`want ${index + 4}+1`]);
      const here = Array.from({ length: 4 }, (_, back) => index - back).filter((at) => at >= 0);
      expect(here.every((at) => play.log.has(at))).toBe(true);
    }
  });

  test("of what is here are answered at once", () => {
    const play = new Play();
    play.need([0, 2]);
    play.frame(0);
    play.came.length = 0;
    expect(play.need([0, 3])).toEqual(["want 2+1"]);
    expect(play.came).toEqual([0]);
  });

  test("of the first records are not kept waiting by others that a sender holds back", () => {
    const play = new Play();
    play.need([50, CREDIT_RECORDS]);
    expect(play.newcomer(1, 0)).toEqual([]);
    expect(play.tick()).toEqual([]);
    play.now += NEED_AGAIN_MS;
    expect(play.tick()).toEqual(["want 0+1"]);
    expect(play.frame(0)).toEqual([]);
    play.now += NEED_AGAIN_MS;
    play.newcomer(2, 2);
    expect(play.tick()).toEqual([]);
    play.newcomer(3, 1);
    expect(play.tick()).toEqual(["want 1+1"]);
    play.now += NEED_AGAIN_MS;
    expect(play.tick()).toEqual([]);
    expect(play.origin.pending).toEqual({ outstanding: CREDIT_RECORDS + 1, queued: 1 });
  });

  test("are within the credit as long as some come", () => {
    const play = new Play();
    play.need([0, CREDIT_RECORDS]);
    play.now += NEED_AGAIN_MS;
    play.frame(CREDIT_RECORDS - 1);
    play.newcomer(1, 40);
    play.need([CREDIT_RECORDS, 1]);
    for (let times = 0; times < 10; times++) {
      play.now += NEED_AGAIN_MS;
      expect(play.tick()).toEqual([]);
    }
  });

  test("P6 beyond the end are none", () => {
    const play = new Play({ records: 3 });
    expect(play.need([2, 10], [3, 1], [2 ** 28, 5])).toEqual(["want 2+1"]);
    expect(play.origin.pending).toEqual({ outstanding: 1, queued: 0 });
  });
});

describe("P6 a frame", () => {
  test("that nobody asked for, or that came before, is dropped", () => {
    const play = new Play();
    play.frame(7);
    expect(play.log.has(7)).toBe(false);
    play.need([7, 1]);
    play.frame(7);
    play.frame(7);
    expect(play.came).toEqual([7]);
  });

  test.each([
    { what: "beyond the end", index: 5 },
    { what: "that is last too early", index: 3, last: true },
    { what: "that is last and does not say so", index: 4 },
    { what: "that is too short", index: 0, bytes: RECORD - 1 },
    { what: "that is too long", index: 0, bytes: RECORD + 1 },
    { what: "that is last and too long", index: 4, last: true, bytes: RECORD + 1 },
    { what: "that is last and holds nothing", index: 4, last: true, bytes: 17 },
  ])("$what is no frame of the share", ({ index, ...shape }) => {
    const play = new Play({ records: 5 });
    play.need([0, 5]);
    faultOf(() => play.frame(index, shape), "bad-message");
  });

  test("of an open share may be the last one anywhere, and is as long as all others if not", () => {
    const play = new Play({ records: RECORD_INDEX, bytes: 0, seekable: false, here: false });
    play.origin.begin(0, 0);
    play.origin.senderBack();
    play.need([0, 4]);
    play.frame(0);
    play.frame(1, { last: true, bytes: 50 });
    expect(play.came).toEqual([0, 1]);
    faultOf(() => play.frame(2, { bytes: 50 }), "bad-message");
    faultOf(() => play.frame(2, { last: true, bytes: 17 }), "bad-message");
  });

  test.each([18, RECORD])("that is last may have %p bytes", (bytes) => {
    const play = new Play({ records: 5 });
    play.need([4, 1]);
    play.frame(4, { last: true, bytes });
    expect(play.came).toEqual([4]);
  });
});

describe("a sender whose line broke", () => {
  test("is asked for what did not come, in the same order, when it is back", () => {
    const play = new Play();
    play.need([0, 16]);
    play.frame(0);
    play.origin.senderLost();
    expect([...play.need([50, 1]), ...play.tick()]).toEqual([]);
    play.origin.senderBack();
    expect(play.takeSaid()).toEqual(["want 1+15", "want 50+1"]);
    expect(play.origin.pending).toEqual({ outstanding: 16, queued: 0 });
  });

  test("leaves no place in the log reserved", () => {
    const play = new Play();
    play.need([0, 16]);
    play.origin.senderLost();
    play.log.shrinkTo(0);
    expect(play.log.size).toBe(0);
  });

  test("is told again of receipts that it did not take", () => {
    const play = new Play();
    play.receipt(1);
    play.receipt(2);
    play.origin.receipted(id(1));
    play.origin.senderLost();
    expect(play.receipt(3)).toEqual([]);
    play.origin.senderBack();
    expect(play.takeSaid()).toEqual(["receipt 2", "receipt 3"]);
  });

  test("is told nothing before it is back", () => {
    const play = new Play({ here: false });
    play.report(0, entry(1, "live"));
    expect([...play.need([0, 1]), ...play.receipt(1), ...play.tick()]).toEqual([]);
  });
});

describe("receivers", () => {
  test("are told of at a tick, the last word on each", () => {
    const play = new Play();
    play.report(0, entry(1, "waiting"), entry(2, "live", 3));
    play.report(0, entry(1, "live", 1));
    expect(play.takeSaid()).toEqual([]);
    expect(play.tick()).toEqual(["1 live 1, 2 live 3"]);
    expect(play.tick()).toEqual([]);
  });

  test("are told of before a receipt, so that a sender does not end too soon", () => {
    const play = new Play();
    play.report(0, entry(1, "done", 5), entry(2, "live"));
    expect(play.receipt(1)).toEqual(["1 done 5, 2 live 0", "receipt 1"]);
  });

  test("fill as many messages as they need", () => {
    const play = new Play();
    const many = Array.from({ length: 2 * RECEIVERS_PER_MESSAGE + 1 }, (_, number) =>
      entry(number, "live"),
    );
    play.report(0, ...many);
    const lengths = play.tick().map((message) => message.split(", ").length);
    expect(lengths).toEqual([RECEIVERS_PER_MESSAGE, RECEIVERS_PER_MESSAGE, 1]);
  });

  test("of a worker that died are lost, and those of others are not", () => {
    const play = new Play();
    play.report(0, entry(1, "live", 4));
    play.report(1, entry(2, "waiting", 2), entry(3, "live", 7), entry(4, "live", 2));
    play.report(1, entry(4, "left", 2));
    play.tick();
    play.origin.workerLost(1, 0);
    expect(play.tick()).toEqual(["2 lost 0, 3 lost 7"]);
    play.origin.workerLost(1, 0);
    expect(play.tick()).toEqual([]);
  });

  test("that moved are not lost where they were", () => {
    const play = new Play();
    play.report(0, entry(1, "live", 4));
    play.report(1, entry(1, "live", 4));
    play.tick();
    play.report(0, entry(1, "lost", 4));
    expect(play.tick()).toEqual([]);
    play.origin.workerLost(0, 0);
    expect(play.tick()).toEqual([]);
    play.report(1, entry(1, "lost", 5));
    expect(play.tick()).toEqual(["1 lost 5"]);
  });

  test("that left a receipt behind at another worker are lost where they are", () => {
    const play = new Play();
    play.report(0, entry(1, "live", 4));
    play.report(1, entry(1, "done", 5));
    play.report(0, entry(1, "lost", 4));
    expect(play.tick()).toEqual(["1 lost 4"]);
  });
});
