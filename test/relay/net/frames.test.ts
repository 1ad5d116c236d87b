import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { FRAME_BYTES, FRAME_HEADER_BYTES } from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";
import { ServedShare } from "../../support/relay/served-share.ts";

/** All three lengths of a WebSocket head, at both ends of each. */
const sizes = [34, 100, 125, 126, 65_535, 65_536, 70_000, FRAME_BYTES];

/** Of small frames several go at once; of the largest a few are much already. */
const recordsOf = (size: number): number => (size === FRAME_BYTES ? 8 : 30);

describe.each([
  { how: "straight from the log's file", zeroCopy: true, workers: 1 },
  { how: "straight from the log's file of another worker", zeroCopy: true, workers: 2 },
  { how: "through Bun", zeroCopy: false, workers: 2 },
])("sent $how", ({ zeroCopy, workers }) => {
  let relay: Relay;

  beforeAll(async () => {
    relay = await startRelay({ workers, zeroCopy, logBytes: 16 * FRAME_BYTES });
  });

  afterAll(() => relay.stop());

  test.each(sizes)(
    "frames of %p bytes are the same for who is quiet and who is not",
    async (size) => {
      const channel = randomId();
      const share = rawShare(recordsOf(size), size - FRAME_HEADER_BYTES);
      await using _sender = await RawClient.serving(`${relay.url}/ws`, channel, share);
      await using stack = new AsyncDisposableStack();
      const receivers: RawReceiver[] = [];
      for (const quiet of [true, false, true, false, true, false]) {
        const options = { port: relay.port, channel, share, quiet };
        receivers.push(stack.use(await RawReceiver.open(options)));
      }
      for (const receiver of receivers) receiver.join();
      await Promise.all(receivers.map((receiver) => receiver.takeAll()));
      const due = ["welcome", "offers", ...framesUpTo(recordsOf(size))];
      for (const { events } of receivers) expect(events).toEqual(due);
    },
  );
});

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["0.0.0.0", "127.0.0.1"],
  ["::", "127.0.0.1"],
  ["::", "::1"],
  ["::1", "::1"],
])("a relay at %s sends to a client from %s", async (listens, hostname) => {
  await using served = await ServedShare.open(4, 100_000, { hostname: listens });
  const receiver = await served.receiver({ hostname });
  receiver.join();
  await receiver.takeAll();
  expect(receiver.frames).toEqual(framesUpTo(4));
});
