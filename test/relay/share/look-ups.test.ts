import { describe, expect, test } from "bun:test";

import { LOOK_UP_MS, LOOK_UPS_MOST, LookUps } from "../../../relay/share/look-ups.ts";

/** Look-ups of a worker, and the questions that its book got. */
function start() {
  const questions: number[] = [];
  const lookUps = new LookUps(0, {
    count: 1,
    tell: (message) => {
      if (message.t === "look-up") questions.push(message.question);
    },
  });
  return { lookUps, questions };
}

describe("a look-up of a stored share", () => {
  test("ends with the answer of the book", async () => {
    const { lookUps, questions } = start();
    const asked = lookUps.ask("a", 0);
    lookUps.answered(questions[0]!);
    expect(await asked).toBe(true);
  });

  test("that the book does not answer in time is no answer", async () => {
    const { lookUps } = start();
    const asked = lookUps.ask("a", 0);
    lookUps.tick(LOOK_UP_MS);
    expect(await asked).toBe(false);
  });

  test("beyond the most at once is no answer, and costs the book no question", async () => {
    const { lookUps, questions } = start();
    for (let each = 0; each < LOOK_UPS_MOST; each++) void lookUps.ask(`${each}`, 0);
    expect(await lookUps.ask("more", 0)).toBe(false);
    expect(questions).toHaveLength(LOOK_UPS_MOST);
  });

  test("of a relay without a store is none", () => {
    expect(new LookUps(0, undefined).ask("a", 0)).toBeUndefined();
  });
});
