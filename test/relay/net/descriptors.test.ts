import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { FRAME_BYTES } from "../../../protocol/mod.ts";
import { WORKER_FAILURES } from "../../../relay/main/restart-policy.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare, type RawShare } from "../../support/relay/raw-client.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";
import { until } from "../../support/until.ts";

const SHARES = 5;
const RECORDS = 12;
const CONNECTIONS = 100;
/** One more, and a relay of one worker gives up. */
const CRASHES = WORKER_FAILURES - 1;

interface Served {
  readonly channel: Uint8Array;
  readonly share: RawShare;
}

async function serve(relay: Relay, stack: AsyncDisposableStack): Promise<Served[]> {
  const served: Served[] = [];
  for (let at = 0; at < SHARES; at++) {
    const channel = randomId();
    const share = rawShare(RECORDS, 20_000 + at);
    stack.use(await RawClient.serving(`${relay.url}/ws`, channel, share));
    served.push({ channel, share });
  }
  return served;
}

/** Whole numbers below `end` that only look random. */
function sequence(seed: number): (end: number) => number {
  let state = seed;
  return (end) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
}

test.each([1, 2, 3])(
  "of connections that come and go in any order at two workers each gets its own (%p)",
  async (seed) => {
    const below = sequence(seed);
    await using relay = await startRelay({ workers: 2, logBytes: 2 * SHARES * FRAME_BYTES });
    await using stack = new AsyncDisposableStack();
    const served = await serve(relay, stack);
    const open: { receiver: RawReceiver; done: Promise<void> }[] = [];
    let opened = 0;
    let took = 0;
    while (opened < CONNECTIONS || open.length > 0) {
      if (opened < CONNECTIONS && open.length < 1 + below(30)) {
        const { channel, share } = served[below(SHARES)]!;
        const receiver = await RawReceiver.open({ port: relay.port, channel, share });
        receiver.join();
        opened++;
        const done = receiver.takeAll();
        // Some are cut amid what they take.
        done.catch(() => undefined);
        open.push({ receiver, done });
        continue;
      }
      const [{ receiver, done }] = open.splice(below(open.length), 1) as [(typeof open)[number]];
      if (below(2) === 0) {
        await done;
        expect(receiver.frames).toHaveLength(RECORDS);
        took++;
      }
      await receiver[Symbol.asyncDispose]();
      expect(await receiver.socket.closed).toBeUndefined();
      expect(receiver.frames).toEqual(framesUpTo(receiver.frames.length));
      expect(receiver.events.slice(0, 2)).toEqual(["welcome", "offers"]);
    }
    expect(took).toBeGreaterThan(CONNECTIONS / 4);
  },
);

test("a worker that crashes leaves no descriptor behind, and the next receiver gets all", async () => {
  const ready = { tell: (): void => undefined };
  await using relay = await startRelay({
    logBytes: 2 * SHARES * FRAME_BYTES,
    supervision: { restartMs: 1 },
    onTrouble: () => ready.tell(),
  });
  const counts: number[] = [];
  for (let crash = 0; crash < CRASHES; crash++) {
    await using stack = new AsyncDisposableStack();
    const [{ channel, share }] = (await serve(relay, stack)) as [Served];
    const options = { port: relay.port, channel, share };
    const whole = stack.use(await RawReceiver.open(options));
    const stalled = stack.use(await RawReceiver.open(options));
    stalled.socket.pause();
    stalled.join();
    whole.join();
    await whole.takeAll();
    expect(whole.frames).toEqual(framesUpTo(RECORDS));
    counts.push(readdirSync("/proc/self/fd").length);
    const told = new Promise<void>((resolve) => {
      ready.tell = resolve;
    });
    relay.crashWorker(0);
    await told;
    await whole.socket.closed;
    await stack.disposeAsync();
    await listens(relay);
  }
  // The first crash may leave descriptors that are opened once.
  expect(counts.slice(2)).toEqual(Array.from({ length: CRASHES - 2 }, () => counts[1]!));
});

/** Resolves when a worker is there again. */
async function listens(relay: Relay): Promise<void> {
  // Refused at once where nobody listens yet.
  await until(() =>
    fetch(relay.url.replace("ws:", "http:")).then(
      () => true,
      () => false,
    ),
  );
}
