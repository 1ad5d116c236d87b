import { describe, expect, test } from "bun:test";
import {
  NEED_AGAIN_MS,
  WINDOW_RECORDS,
  encodeFrame,
  type Offer,
  type ReceiverEntry,
} from "../../protocol/mod.ts";
import { Fanout } from "../../relay/fanout.ts";
import { MemoryLog } from "../../relay/log.ts";
import { BlockPool, createPool } from "../../relay/pool.ts";
import { Recorder } from "./recorder.ts";

const share = new Uint8Array(16).fill(1);
const FRAME = 16 + 100;

function id(number: number): Uint8Array {
  return new Uint8Array(16).fill(number);
}

/** A fan-out over real memory, with sockets and an upstream that write everything down. */
class Play {
  now = 0;
  readonly outlet = new Recorder();
  readonly log: MemoryLog;
  readonly fanout: Fanout;
  readonly asked: string[] = [];
  readonly reports: string[] = [];
  readonly receipts: number[] = [];
  readonly #records: number;

  constructor({ records = 100, blocks = 100 } = {}) {
    this.#records = records;
    this.log = new MemoryLog(new BlockPool(createPool(blocks * FRAME, 1, FRAME), 0), FRAME);
    const bytes = records * 100;
    const offer: Offer = { share, recordSize: 100, records, bytes, seekable: true };
    const upstream = {
      need: (runs: { first: number; count: number }[]) => {
        this.asked.push(runs.map(({ first, count }) => `${first}+${count}`).join(" "));
      },
      report: (entries: ReceiverEntry[]) => this.reports.push(...entries.map(describeEntry)),
      receipt: ({ receiver }: { receiver: Uint8Array }) => this.receipts.push(receiver[0] ?? 0),
    };
    this.fanout = new Fanout(offer, this.log, this.outlet, upstream, 0);
  }

  /** Receiver and socket have the same number, unless told. */
  join(number: number, from = 0, window = WINDOW_RECORDS, socket = number): string[] {
    const message = { t: "join" as const, share, receiver: id(number), name: id(0), from, window };
    this.fanout.join(socket, message, this.now);
    return this.outlet.take();
  }

  ack(number: number, next: number, window = WINDOW_RECORDS): string[] {
    this.fanout.ack(number, { t: "ack", share, next, window }, this.now);
    return this.outlet.take();
  }

  /** Records come into the log; what that leads to. */
  come(first: number, count = 1): string[] {
    for (let index = first; index < first + count; index++) {
      const last = index === this.#records - 1;
      this.log.reserve(index);
      this.log.put(index, encodeFrame(share, index, last, new Uint8Array(100)));
      this.fanout.available(index, this.now);
    }
    return this.outlet.take();
  }

  tick(after = 0): string[] {
    this.now += after;
    this.fanout.tick(this.now);
    return this.outlet.take();
  }

  drain(socket: number): string[] {
    this.outlet.drain(socket);
    this.fanout.drained(socket, this.now);
    return this.outlet.take();
  }

  takeReports(): string[] {
    return this.reports.splice(0);
  }
}

function describeEntry({ id, state, next }: ReceiverEntry): string {
  return `${id[0] ?? "?"} ${state} ${next}`;
}

function upTo(end: number): number[] {
  return Array.from({ length: end }, (_, index) => index);
}

describe("the live lane", () => {
  test("publishes a record once for all who have everything before it", () => {
    const play = new Play();
    expect([...play.join(1), ...play.join(2)]).toEqual(["1 live", "2 live"]);
    expect(play.asked).toEqual(["0+16"]);
    expect(play.come(0)).toEqual(["publish 0 to 1 2"]);
    expect(play.come(1, 2)).toEqual(["publish 1 to 1 2", "publish 2 to 1 2"]);
    expect(play.asked).toEqual(["0+16", "16+1", "17+1", "18+1"]);
  });

  test("takes records that came out of order in order", () => {
    const play = new Play();
    play.join(1);
    expect(play.come(1, 3)).toEqual([]);
    expect(play.come(0)).toEqual(upTo(4).map((index) => `publish ${index} to 1`));
  });

  test("is left by who has not acknowledged a window of records, and no frame passes the window", () => {
    const play = new Play();
    play.join(1, 0, 2);
    play.join(2);
    expect(play.come(0, 3)).toEqual([
      "publish 0 to 1 2",
      "publish 1 to 1 2",
      "1 catch-up",
      "publish 2 to 2",
    ]);
    expect(play.ack(1, 1, 2)).toEqual(["1 frame 2"]);
    expect(play.ack(1, 2, 2)).toEqual(["1 live"]);
    expect(play.come(3)).toEqual(["publish 3 to 2 1"]);
    expect(play.outlet.got.get(1)).toEqual(upTo(4));
    expect(play.outlet.got.get(2)).toEqual(upTo(4));
  });

  test("T11 is left before the publish by who still has something queued; it gets no second frame", () => {
    const play = new Play();
    play.outlet.stuck.add(1);
    play.join(1);
    play.join(2);
    expect(play.come(0, 3)).toEqual([
      "publish 0 to 1 2",
      "1 catch-up",
      "publish 1 to 2",
      "publish 2 to 2",
    ]);
    expect([...play.ack(1, 0), ...play.tick()]).toEqual([]);
    expect(play.outlet.buffered(1)).toBe(FRAME);
    expect(play.drain(1)).toEqual(["1 frame 1"]);
    expect(play.drain(1)).toEqual(["1 frame 2"]);
    expect(play.drain(1)).toEqual(["1 live"]);
    expect(play.outlet.got.get(1)).toEqual(upTo(3));
  });

  test("goes to who comes later once those in it have everything", () => {
    const play = new Play({ records: 3, blocks: 3 });
    play.join(1);
    play.come(0, 3);
    play.log.shrinkTo(0);
    expect(play.join(2)).toEqual(["1 catch-up", "2 live"]);
    expect(play.join(3)).toEqual(["3 live"]);
    expect(play.come(0)).toEqual(["publish 0 to 2 3"]);
  });
});

describe("the catch-up lane", () => {
  test("brings a late one from the log to the live lane without gap or repeat", () => {
    const play = new Play();
    play.join(1);
    play.come(0, 5);
    expect(play.join(2)).toEqual([...upTo(5).map((index) => `2 frame ${index}`), "2 live"]);
    expect(play.come(5)).toEqual(["publish 5 to 1 2"]);
    expect(play.outlet.got.get(2)).toEqual(upTo(6));
  });

  test("has what the log forgot read again, for all who wait for it at once", () => {
    const play = new Play({ blocks: 8 });
    play.join(1);
    for (let index = 0; index < 16; index++) {
      play.come(index);
      play.ack(1, index + 1);
    }
    play.asked.length = 0;
    expect([...play.join(2), ...play.join(3)]).toEqual([]);
    // A quarter of a log of eight, and asked for once.
    expect(play.asked).toEqual(["0+2"]);
    expect(play.come(0)).toEqual(["2 frame 0", "3 frame 0"]);
    expect(play.come(1)).toEqual(["2 frame 1", "3 frame 1"]);
  });

  test("asks again only for what did not come for a while, and only when somebody waits", () => {
    const play = new Play({ records: 2 });
    play.join(1);
    expect(play.asked.splice(0)).toEqual(["0+2"]);
    play.tick(NEED_AGAIN_MS - 1);
    expect(play.asked).toEqual([]);
    play.tick(1);
    expect(play.asked.splice(0)).toEqual(["0+2"]);
    play.fanout.closed(1);
    play.tick(NEED_AGAIN_MS);
    expect(play.asked).toEqual([]);
  });

  test("goes on at the next tick when a drain was never told", () => {
    const play = new Play();
    play.outlet.stuck.add(1);
    play.join(1);
    play.come(0, 2);
    play.outlet.drain(1);
    expect(play.tick()).toEqual(["1 frame 1"]);
  });

  test("sees at the next tick what came without a word", () => {
    const play = new Play();
    play.join(1);
    play.log.reserve(0);
    play.log.put(0, encodeFrame(share, 0, false, new Uint8Array(100)));
    expect(play.tick()).toEqual(["publish 0 to 1"]);
  });
});

describe("a window of 0", () => {
  test("gets nothing, until it opens", () => {
    const play = new Play();
    play.come(0, 3);
    expect(play.join(1, 1, 0)).toEqual([]);
    expect([...play.come(3), ...play.tick(5000)]).toEqual([]);
    expect(play.ack(1, 1)).toEqual(["1 frame 1", "1 frame 2", "1 frame 3", "1 live"]);
  });

  test("that comes while it is live ends that before the next record", () => {
    const play = new Play();
    play.join(1);
    play.ack(1, 0, 0);
    expect(play.come(0)).toEqual(["1 catch-up"]);
  });
});

describe("P8 an acknowledgement", () => {
  test("of what was never sent opens no window", () => {
    const play = new Play();
    play.join(1, 0, 2);
    play.come(0, 2);
    play.ack(1, 99, 2);
    expect(play.come(2, 4)).toEqual(["publish 2 to 1", "publish 3 to 1", "1 catch-up"]);
  });

  test("that goes back takes nothing back", () => {
    const play = new Play();
    play.join(1);
    play.come(0, 4);
    play.ack(1, 4);
    play.ack(1, 0);
    play.takeReports();
    play.tick();
    expect(play.takeReports()).toEqual(["1 live 4"]);
  });

  test("with a window beyond the limit gets the limit", () => {
    const play = new Play();
    play.join(1, 0, 1000);
    expect(play.come(0, WINDOW_RECORDS + 1).at(-1)).toBe("1 catch-up");
  });
});

describe("a join", () => {
  test("again after a gap goes back to the gap", () => {
    const play = new Play();
    play.outlet.loses.add(1);
    play.join(1);
    play.come(0, 3);
    expect(play.outlet.got.get(1)).toEqual([1, 2]);
    expect(play.join(1)).toEqual(["1 catch-up", "1 frame 0", "1 frame 1", "1 frame 2", "1 live"]);
  });

  test("on another socket takes the receiver along and ends the old one", () => {
    const play = new Play();
    play.join(1);
    expect(play.join(1, 0, WINDOW_RECORDS, 7)).toEqual([
      "1 catch-up",
      "1 fault replaced",
      "7 live",
    ]);
    expect(play.come(0)).toEqual(["publish 0 to 7"]);
    play.fanout.closed(1);
    expect(play.fanout.attached).toBe(1);
  });

  test("P3 of a second receiver on one socket ends the first", () => {
    const play = new Play();
    play.join(1, 0, WINDOW_RECORDS, 7);
    expect(play.join(2, 0, WINDOW_RECORDS, 7)).toEqual(["7 catch-up", "7 live"]);
    expect(play.come(0)).toEqual(["publish 0 to 7"]);
    play.takeReports();
    play.fanout.closed(7);
    play.tick();
    expect(play.takeReports().toSorted()).toEqual(["1 lost 0", "2 lost 0"]);
    expect(play.fanout.attached).toBe(0);
  });

  test("from beyond the end is one at the end", () => {
    const play = new Play({ records: 5 });
    expect(play.join(1, 2 ** 28)).toEqual([]);
    expect(play.takeReports()).toEqual(["1 live 5"]);
    expect(play.asked).toEqual([]);
  });
});

describe("the sender hears", () => {
  test("of who comes at once, and of all else at a tick", () => {
    const play = new Play();
    play.join(1, 0, 1);
    expect(play.takeReports()).toEqual(["1 waiting 0"]);
    play.come(0);
    play.ack(1, 1);
    play.join(1, 1);
    expect(play.takeReports()).toEqual([]);
    play.tick();
    expect(play.takeReports()).toEqual(["1 live 1"]);
    play.tick();
    expect(play.takeReports()).toEqual([]);
  });

  test("who is behind", () => {
    const play = new Play({ records: 100, blocks: 200 });
    play.join(1, 0, 2);
    play.join(2);
    for (let index = 0; index < 30; index++) {
      play.come(index);
      play.ack(2, index + 1);
    }
    play.takeReports();
    play.ack(1, 1, 2);
    play.tick();
    expect(play.takeReports().toSorted()).toEqual(["1 behind 1", "2 live 30"]);
  });

  test.each([
    { window: 1, how: "lost", due: "1 lost 0" },
    { window: 0, how: "left", due: "1 left 0" },
    { window: 16, how: "lost", due: "1 lost 2" },
    { window: 16, how: "left", due: "1 left 2" },
  ])("that who was $how with a window of $window had taken: $due", ({ window, how, due }) => {
    const play = new Play();
    play.join(1, 2, window);
    play.takeReports();
    if (how === "lost") play.fanout.closed(1);
    else play.fanout.leave(1, "declined");
    play.tick();
    expect(play.takeReports()).toEqual([due]);
  });

  test("of a receipt, with the name of whose it is, until it has taken it", () => {
    const play = new Play({ records: 1 });
    play.join(1);
    play.come(0);
    play.takeReports();
    const complete = { t: "complete" as const, share, records: 1, mac: new Uint8Array(16) };
    play.fanout.complete(1, complete);
    expect(play.takeReports()).toEqual(["1 done 1"]);
    // A sender that comes to another worker is told again, even if the receiver is gone.
    play.fanout.closed(1);
    play.tick();
    play.fanout.sourceChanged(play.log);
    expect(play.receipts).toEqual([1, 1]);
    play.join(1, 1);
    play.fanout.confirmed(id(1));
    expect(play.outlet.take()).toEqual(["1 completed"]);
    play.fanout.sourceChanged(play.log);
    expect(play.receipts).toEqual([1, 1]);
    // Asked once more, it is answered here.
    play.fanout.complete(1, complete);
    expect(play.outlet.take()).toEqual(["1 completed"]);
  });
});
