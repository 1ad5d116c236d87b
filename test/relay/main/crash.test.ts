import { expect, test } from "bun:test";
import { FRAME_BYTES, FRAME_HEADER_BYTES } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";

const RECORDS = 24;
const SLOW = 8;

test.each([
  { worker: 0, zeroCopy: true },
  { worker: 1, zeroCopy: true },
  { worker: 0, zeroCopy: false },
])(
  "frames on their way at one worker stay as they were when another crashes (%p)",
  async ({ worker, zeroCopy }) => {
    const channel = randomId();
    const share = rawShare(RECORDS, FRAME_BYTES - FRAME_HEADER_BYTES);
    const crashed = Promise.withResolvers<void>();
    await using relay = await startRelay({
      workers: 2,
      zeroCopy,
      logBytes: 8 * FRAME_BYTES,
      supervision: { restartMs: 1 },
      onTrouble: () => crashed.resolve(),
    });
    const url = `${relay.url}/ws`;
    await using _sender = await RawClient.serving(url, channel, share);
    await using stack = new AsyncDisposableStack();
    const open = async (): Promise<RawReceiver> =>
      stack.use(await RawReceiver.open({ port: relay.port, channel, share }));
    const slow: RawReceiver[] = [];
    for (let at = 0; at < SLOW; at++) slow.push(await open());
    for (const receiver of slow) {
      receiver.socket.pause();
      receiver.join();
    }
    const fast = await open();
    fast.join();
    await fast.until("frame 10");

    relay.crashWorker(worker);
    await crashed.promise;
    // Wherever the first one was, the share goes on with this one.
    await using _again = await RawClient.serving(url, channel, share);
    const next = await open();
    next.join();
    await next.takeAll();
    expect(next.frames).toEqual(framesUpTo(RECORDS));

    for (const receiver of slow) receiver.socket.resume();
    const ends = await Promise.all(slow.map((receiver) => endOf(receiver)));
    for (const [at, { frames, socket }] of slow.entries()) {
      // A receiver whose worker crashed has the first records of the share, and no wrong ones.
      expect(frames).toEqual(framesUpTo(frames.length));
      if (ends[at] === "all") expect(frames).toHaveLength(RECORDS);
      else expect(await socket.closed).toBeUndefined();
    }
  },
);

async function endOf(receiver: RawReceiver): Promise<"all" | "cut"> {
  try {
    await receiver.takeAll();
    return "all";
  } catch {
    return "cut";
  }
}
