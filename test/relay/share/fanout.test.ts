import { describe, expect, test } from "bun:test";
import { WINDOW_MOST_RECORDS, WINDOW_RECORDS } from "../../../protocol/mod.ts";
import { Play, id, share } from "../../support/relay/fanout-play.ts";

describe("P8 an acknowledgement", () => {
  test("of what was never sent opens no window", () => {
    const play = new Play();
    play.join(1, 0, 2);
    play.come(0, 2);
    play.ack(1, 99, 2);
    expect(play.come(2, 4)).toEqual(["1 frame 2", "1 frame 3"]);
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
    const play = new Play({ records: 200, blocks: 200 });
    play.join(1, 0, 1000);
    const most = WINDOW_MOST_RECORDS;
    expect(play.come(0, most + 1).at(-1)).toBe(`1 frame ${most - 1}`);
  });

  test("of a share that can't be read again gets the first window at most", () => {
    const play = new Play({ seekable: false });
    play.join(1, 0, 1000);
    expect(play.come(0, WINDOW_RECORDS + 1).at(-1)).toBe(`1 frame ${WINDOW_RECORDS - 1}`);
  });
});

describe("a join", () => {
  test("again after a gap goes back to the gap", () => {
    const play = new Play();
    play.outlet.loses.add(1);
    play.join(1);
    play.come(0, 3);
    expect(play.outlet.got.get(1)).toEqual([1, 2]);
    expect(play.join(1)).toEqual(["1 frame 0", "1 frame 1", "1 frame 2"]);
  });

  test("on another socket takes the receiver along and ends the old one", () => {
    const play = new Play();
    play.join(1);
    expect(play.join(1, 0, WINDOW_RECORDS, 7)).toEqual(["1 fault replaced"]);
    expect(play.come(0)).toEqual(["7 frame 0"]);
    play.fanout.closed(1);
    expect(play.fanout.attached).toBe(1);
  });

  test("P3 of a second receiver on one socket ends the first", () => {
    const play = new Play();
    play.join(1, 0, WINDOW_RECORDS, 7);
    expect(play.join(2, 0, WINDOW_RECORDS, 7)).toEqual([]);
    expect(play.lanes).toEqual({ live: 1, liveIndex: 0, waiting: 0 });
    expect(play.come(0)).toEqual(["7 frame 0"]);
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
  test("of receivers that come at once, and of all else at a tick", () => {
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

  test("a receiver that is behind", () => {
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
  ])(
    "that a receiver that was $how with a window of $window had taken: $due",
    ({ window, how, due }) => {
      const play = new Play();
      play.join(1, 2, window);
      play.takeReports();
      if (how === "lost") play.fanout.closed(1);
      else play.fanout.leave(1, "declined");
      play.tick();
      expect(play.takeReports()).toEqual([due]);
    },
  );

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
