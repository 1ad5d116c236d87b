/** A sender that keeps its answers back until who needed them is gone: whoever comes next gets all. */
import { expect, test } from "bun:test";
import { CREDIT_RECORDS, LOG_IDLE_MS, TICK_MS } from "../../protocol/mod.ts";
import { PlayShare, RelayPlay, range } from "./relay-play.ts";

const SENDER = 1;
const FIRST = 2;
const SECOND = 3;
const THIRD = 4;
const RECORDS = 60;
/** The least of rounds that do it is one for each window; more are needed where the log is small. */
const ROUNDS = 400;

/** What happens to the answers, to the first receiver, and to the time; each once. */
type Step = "answer" | "answer half" | "kill" | "join" | "idle";

interface Way {
  readonly steps: readonly Step[];
  readonly workers: readonly [first: number, second: number];
  readonly blocks: number;
  readonly seekable: boolean;
  readonly again: boolean;
  readonly given: number;
}

function orders(steps: readonly Step[]): Step[][] {
  if (steps.length === 0) return [[]];
  return steps.flatMap((step, at) =>
    orders(steps.toSpliced(at, 1)).map((rest) => [step, ...rest]),
  );
}

function* ways(): Generator<Way> {
  for (const steps of orders(["answer", "answer half", "kill", "join", "idle"]))
    for (const workers of [[0, 0], [0, 1], [1, 0], [1, 1]] as const)
      for (const blocks of [8, 2 * RECORDS])
        for (const seekable of [true, false])
          for (const again of [true, false])
            for (const given of [0, 5]) yield { steps, workers, blocks, seekable, again, given };
}

/** @returns what went wrong */
function play({ steps, workers, blocks, seekable, again, given }: Way): string | undefined {
  const share = new PlayShare(1, { records: RECORDS, seekable });
  const relay = new RelayPlay({ workers: 2, blocks }).send(0, SENDER, share);
  relay.join(workers[0], FIRST, share);
  const asked = relay.sockets[0]!.wants;
  relay.answer(0, SENDER, share, given);
  const from = again ? relay.got(workers[0], FIRST).length : 0;
  for (const step of steps) {
    if (step === "answer") relay.answer(0, SENDER, share);
    if (step === "answer half") relay.answer(0, SENDER, share, asked.length / 2);
    if (step === "kill") relay.close(workers[0], FIRST);
    if (step === "idle") relay.tick().tick(LOG_IDLE_MS).tick(TICK_MS);
    if (step === "join") relay.join(workers[1], SECOND, share, { receiver: again ? FIRST : SECOND, from });
  }
  const told: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    relay.answer(0, SENDER, share);
    const next = (relay.got(workers[1], SECOND).at(-1) ?? from - 1) + 1;
    relay.ack(workers[1], SECOND, share, next);
    told.push(...relay.told(workers[1], SECOND));
    if (next === RECORDS || told.length > 0) break;
    relay.tick(TICK_MS);
  }
  if (!seekable && told.join() === "cancel too-late") return undefined;
  const got = relay.got(workers[1], SECOND);
  return Bun.deepEquals(got, range(from, RECORDS)) ? undefined : `${got.join()} ${told.join()}`;
}

test("P8 whoever comes before or after gets everything, in every order of what happens", () => {
  let n = 0, late = 0;
  const wrong: unknown[] = [];
  for (const way of ways()) {
    n++;
    const w = play(way);
    if (w !== undefined) wrong.push({ ...way, w });
  }
  console.log(n, wrong.length, JSON.stringify(wrong.slice(0, 5), undefined, 1), THIRD, CREDIT_RECORDS, late);
  expect(wrong).toEqual([]);
});
