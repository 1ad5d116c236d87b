import { describe, expect, test } from "bun:test";

import { Measuring } from "../../../relay/admin/measuring.ts";
import { MemoryBudget } from "../../../relay/limits/memory-budget.ts";
import { type WorkerMeasures } from "../../../relay/worker/measures.ts";
import { noLanes, noTotals } from "../../../relay/share/totals.ts";
import { parseExposition } from "../../support/relay/exposition.ts";

function measures(worker: number, bytesOut: number): WorkerMeasures {
  const none = { stranger: 0, sender: 0, receiver: 0 };
  return {
    worker,
    totals: { ...noTotals(), bytesOut },
    opened: 1,
    faults: { replaced: 2 },
    clients: { socket: none, text: none, http: none },
    edges: { lines: 0, streams: 0, forwards: 0 },
    lanes: noLanes(),
    buffered: 0,
    bufferedMost: 0,
    memory: new MemoryBudget(() => 0).measures,
    delay: 0,
    shares: [],
  };
}

/** Workers 0 and 1, that answer when they are told to. */
class Play {
  now = 0;
  asked = 0;
  readonly measuring = new Measuring({
    ask: () => {
      this.asked++;
      return [0, 1];
    },
    clock: () => this.now,
  });

  async takes(...answers: readonly WorkerMeasures[]): Promise<number> {
    const taken = this.measuring.take();
    for (const answer of answers) this.measuring.received(answer);
    return (await taken).totals.bytesOut;
  }
}

describe("measuring", () => {
  test("asks all workers once, however many want to know, and again after a while", async () => {
    const play = new Play();
    const all = [play.measuring.take(), play.measuring.take()];
    play.measuring.received(measures(0, 10));
    play.measuring.received(measures(1, 5));
    expect((await Promise.all(all)).map(({ totals }) => totals.bytesOut)).toEqual([15, 15]);
    expect(await play.takes()).toBe(15);
    expect(play.asked).toBe(1);
    play.now = 1000;
    expect(await play.takes(measures(1, 6), measures(0, 20))).toBe(26);
    expect(play.asked).toBe(2);
  });

  test("a counter does not shrink when a worker is lost, and the next begins at 0", async () => {
    const play = new Play();
    expect(await play.takes(measures(0, 10), measures(1, 5))).toBe(15);
    play.now = 1000;
    const taken = play.measuring.take();
    play.measuring.received(measures(0, 11));
    play.measuring.lost(1);
    const { totals, faults, opened, workers } = await taken;
    expect({ bytes: totals.bytesOut, faults, opened }).toEqual({
      bytes: 16,
      faults: { replaced: 4 },
      opened: 2,
    });
    expect(workers.map(({ worker }) => worker)).toEqual([0]);
    play.now = 2000;
    expect(await play.takes(measures(0, 11), measures(1, 1))).toBe(17);
  });

  test("a worker that is silent is told of as it was", async () => {
    const play = new Play();
    await play.takes(measures(0, 10), measures(1, 5));
    play.now = 1000;
    expect(await play.takes(measures(0, 12))).toBe(17);
  });
});

describe("the strict reader of metrics", () => {
  const HEAD = "# HELP a x\n# TYPE a counter\n";
  test.each([
    `${HEAD}a 1`,
    `a 1\n`,
    `# TYPE a counter\na 1\n`,
    `${HEAD}a 1\na 2\n`,
    `${HEAD}b 1\n`,
    `${HEAD}a{b="c"d="e"} 1\n`,
    `${HEAD}a{b="\n"} 1\n`,
    `${HEAD}a{b="c",} 1\n`,
    `${HEAD}a{b="c",b="d"} 1\n`,
    `${HEAD}a one\n`,
    `${HEAD}a 1 \n`,
    `# HELP a x\n# TYPE a number\na 1\n`,
    `${HEAD}${HEAD}a 1\n`,
    `${HEAD}a-b 1\n`,
  ])("refuses %j", (text) => {
    expect(() => parseExposition(text)).toThrow();
  });

  test("reads what is right", () => {
    const text = `${HEAD}a{b="c\\"\\n",d=""} 1.5e+3\na NaN\n\n# HELP c y\n# TYPE c gauge\n`;
    const families = parseExposition(text);
    expect(families.get("a")?.samples).toEqual([
      { labels: { b: 'c\\"\\n', d: "" }, value: 1500 },
      { labels: {}, value: NaN },
    ]);
    expect(families.get("c")?.samples).toEqual([]);
  });
});
