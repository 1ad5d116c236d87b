/** Shares that can't be read again, over real sockets, workers and a log that is far too small. */
import { expect, test } from "bun:test";
import { FAULTS, FRAME_BYTES } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare, type RawShare } from "../../support/relay/raw-client.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";

const MiB = 1024 * 1024;
const LOG_BYTES = 8 * MiB;
const RECORDS = 30;

function stream(): RawShare {
  const share = rawShare(RECORDS, FRAME_BYTES - 16);
  return { ...share, offer: { ...share.offer, seekable: false } };
}

/** The records that the relay has asked a sender for. */
function askedOf({ messages }: RawClient): number[] {
  return messages.flatMap((message) => {
    if (message.t !== "want") return [];
    return Array.from({ length: message.count }, (_, at) => message.first + at);
  });
}

test("everyone gets everything from one upload, wherever the sender is meanwhile", async () => {
  await using relay = await startRelay({ workers: 3, logBytes: LOG_BYTES });
  const channel = randomId();
  const share = stream();
  await using first = await RawClient.serving(`${relay.url}/ws`, channel, share);
  const { port } = relay;
  await using left = await RawReceiver.open({ port, channel, share });
  await using right = await RawReceiver.open({ port, channel, share });
  await Promise.all([left.until("offers"), right.until("offers")]);
  left.join();
  right.join();
  await Promise.all([left.until("frame 1"), right.until("frame 1")]);
  const senders = [first];
  await using stack = new AsyncDisposableStack();
  for (let next = 1; next <= RECORDS; next++) {
    // No receiver is further ahead of another than the log is long.
    await left.until(`frame ${next - 1}`);
    left.ack(next);
    await right.until(`frame ${next - 1}`);
    right.ack(next);
    if (next % 10 !== 0) continue;
    // The old line is not seen to break before the new one is there.
    const again = await RawClient.serving(`${relay.url}/ws`, channel, share);
    senders.push(stack.use(again));
  }
  expect(left.frames).toEqual(framesUpTo(RECORDS));
  expect(right.frames).toEqual(framesUpTo(RECORDS));
  // Only the records that were on their way when the line changed are asked for again.
  const asked = senders.map(askedOf);
  for (const wants of asked) expect(new Set(wants).size).toBe(wants.length);
  expect(new Set(asked.flat()).size).toBe(RECORDS);
});

test("a receiver that stalls is sent away, and one that comes too late is told so", async () => {
  await using relay = await startRelay({ workers: 2, logBytes: LOG_BYTES, stallMs: 2000 });
  const channel = randomId();
  const share = stream();
  await using sender = await RawClient.serving(`${relay.url}/ws`, channel, share);
  const { port } = relay;
  await using taking = await RawReceiver.open({ port, channel, share });
  await using stalled = await RawReceiver.open({ port, channel, share });
  await Promise.all([taking.until("offers"), stalled.until("offers")]);
  stalled.join();
  await stalled.until("frame 0");
  taking.join();
  const taken = taking.takeAll();
  await stalled.until("fault stalled");
  await stalled.until(`close ${FAULTS.stalled.closeCode}`);
  await taken;
  expect(askedOf(sender)).toEqual(Array.from({ length: RECORDS }, (_, index) => index));
  await using late = await RawReceiver.open({ port, channel, share });
  late.join(0, 1);
  await late.until("cancel too-late");
  late.join(RECORDS - 1);
  await late.until(`frame ${RECORDS - 1}`);
});
