/** A sender that keeps its answers back until who needed them is gone: whoever else comes gets all. */
import { expect, test } from "bun:test";
import { ACK_EVERY_RECORDS, CREDIT_RECORDS, decodeFrame } from "../../../protocol/mod.ts";
import { LOG_IDLE_MS } from "../../../relay/share/log-trimming.ts";
import { TICK_MS } from "../../../relay/limits/limits.ts";
import { startRelay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { PlayShare, RelayPlay, range } from "../../support/relay/relay-play.ts";

const SENDER = 1;
const FIRST = 2;
const SECOND = 3;
const RECORDS = 3 * CREDIT_RECORDS;
/** Before anything happens; the others are asked of the sender then, as many as may be at once. */
const GIVEN = 5;
/** Far more turns than the smallest log needs. */
const TURNS = 4 * RECORDS;
/** So often that each receiver was at each worker, most likely. */
const REAL_TIMES = 8;

/** Events in any order; the first receiver is there before them. */
type Step = "answers" | "first goes" | "second comes" | "idle";

interface Way {
  /** Of the log. */
  readonly blocks: number;
  readonly seekable: boolean;
  /** Of the first and the second receiver; the sender is at worker 0. */
  readonly workers: readonly [number, number];
  /** Whether the second is the first again, which goes on where it was. */
  readonly again: boolean;
}

const WORKERS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;
const WAYS: Way[] = [8, 2 * RECORDS].flatMap((blocks) =>
  [true, false].flatMap((seekable) =>
    [true, false].flatMap((again) =>
      WORKERS.map((workers) => ({ blocks, seekable, again, workers })),
    ),
  ),
);

function orders(steps: readonly Step[]): Step[][] {
  if (steps.length === 0) return [[]];
  return steps.flatMap((step, at) => {
    return orders(steps.toSpliced(at, 1)).map((rest) => rest.concat(step));
  });
}

/** @returns how it ends for the second: with all records, too late, or what it got otherwise */
function play({ blocks, seekable, again, workers }: Way, steps: readonly Step[]): string {
  const [before, after] = workers;
  const share = new PlayShare(1, { records: RECORDS, seekable });
  const relay = new RelayPlay({ blocks }).send(0, SENDER, share).join(before, FIRST, share);
  relay.answer(0, SENDER, share, GIVEN);
  const from = again ? relay.got(before, FIRST).length : 0;
  const receiver = again ? FIRST : SECOND;
  const act = (step: Step): unknown => {
    switch (step) {
      case "answers":
        return relay.answer(0, SENDER, share);
      case "first goes":
        return relay.close(before, FIRST);
      case "second comes":
        return relay.join(after, SECOND, share, { receiver, from });
      case "idle":
        return relay.tick().tick(LOG_IDLE_MS).tick(TICK_MS);
    }
  };
  for (const step of steps) act(step);
  // From here on all goes as it should.
  const got = (): number[] => relay.got(after, SECOND);
  for (let turn = 0; turn < TURNS && got().at(-1) !== RECORDS - 1; turn++) {
    relay.answer(0, SENDER, share);
    relay.ack(after, SECOND, share, (got().at(-1) ?? from - 1) + 1).tick(TICK_MS);
  }
  const told = relay.told(after, SECOND);
  if (!seekable && told.join() === "cancel too-late") return "too late";
  return Bun.deepEquals(got(), range(from, RECORDS)) ? "all" : `${got().join()} ${told.join()}`;
}

test.each(WAYS)(
  "P8 with $blocks blocks, seekable $seekable, again $again, at workers $workers: in any order",
  (way) => {
    const all = orders(["answers", "first goes", "second comes", "idle"]);
    for (const steps of all) {
      const end = play(way, steps);
      if (end !== "too late") expect({ steps, end }).toEqual({ steps, end: "all" });
    }
  },
);

/** One receiver goes while a full credit is asked for, and another comes once it is answered. */
async function playReal(url: string): Promise<void> {
  const channel = randomId();
  const share = rawShare(RECORDS);
  const { share: id } = share.offer;
  await using sender = await RawClient.offering(url, channel, share);
  const wanted: number[] = [];
  let answersBefore = ACK_EVERY_RECORDS;
  sender.onMessage = (message) => {
    if (message.t !== "want") return;
    for (const index of range(message.first, message.first + message.count)) {
      if (index < answersBefore) sender.send(share.frame(index));
      else wanted.push(index);
    }
  };
  {
    await using first = await RawClient.greeted(url, "receiver", channel);
    await first.when("offers", ({ list }) => list.length > 0);
    first.onFrame = (frame) => first.ack(id, decodeFrame(frame).index + 1, CREDIT_RECORDS);
    first.join(id, 0, CREDIT_RECORDS);
    await sender.when("want", () => wanted.length === CREDIT_RECORDS);
  }
  await sender.when("receivers", ({ list }) => list.some(({ state }) => state === "lost"));
  answersBefore = Infinity;
  for (const index of wanted.splice(0)) sender.send(share.frame(index));
  await using second = await RawClient.greeted(url, "receiver", channel);
  await second.when("offers", ({ list }) => list.length > 0);
  second.onFrame = (frame) => second.ack(id, decodeFrame(frame).index + 1, CREDIT_RECORDS);
  second.join(id, 0, CREDIT_RECORDS);
  await second.frame(RECORDS - 1);
  expect(second.frames).toEqual(range(0, RECORDS).map((index) => Buffer.from(share.frame(index))));
}

test("P8 at real workers, which get what sockets the kernel gives them", async () => {
  await using relay = await startRelay({ workers: 2 });
  await Promise.all(Array.from({ length: REAL_TIMES }, () => playReal(`${relay.url}/ws`)));
});
