import { expect, test } from "bun:test";
import { FAULTS, FRAME_BYTES, FRAME_HEADER_BYTES } from "../../../protocol/mod.ts";
import { hasNative } from "../../support/relay/log-rooms.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";
import { ServedShare } from "../../support/relay/served-share.ts";
import { PING } from "../../support/relay/strict-socket.ts";

const RECORD = FRAME_BYTES - FRAME_HEADER_BYTES;
const LARGE_LOG = 64 * FRAME_BYTES;

const ways = [
  { zeroCopy: true, workers: 1, size: FRAME_BYTES },
  { zeroCopy: true, workers: 2, size: FRAME_BYTES },
  { zeroCopy: true, workers: 2, size: 70_000 },
  { zeroCopy: false, workers: 2, size: FRAME_BYTES },
];

test.each(ways)(
  "a receiver that stops reading amid a frame gets the same frame, though the log went round (%p)",
  async ({ zeroCopy, workers, size }) => {
    const perBlock = Math.floor(FRAME_BYTES / size);
    // Twice and a half what the log holds.
    const records = 20 * perBlock;
    const options = { workers, zeroCopy, logBytes: 8 * FRAME_BYTES };
    await using served = await ServedShare.open(records, size - FRAME_HEADER_BYTES, options);
    const slow = await Promise.all([1, 2, 3, 4].map(() => served.receiver()));
    const fast = await served.receiver();
    for (const [at, receiver] of slow.entries()) {
      receiver.join();
      // Each has another record on its way when it stops, and what was before it in the kernel.
      for (let next = 0; next < at; next++) await receiver.until(`frame ${next}`);
      receiver.ack(at);
      receiver.socket.pause();
    }
    fast.join();
    await fast.takeAll();
    for (const receiver of slow) receiver.socket.resume();
    await Promise.all(slow.map((receiver, at) => receiver.takeAll(at)));
    for (const { frames } of [...slow, fast]) expect(frames).toEqual(framesUpTo(records));
  },
);

test.each([1, 2])(
  "a receiver that goes amid a frame leaves all of the log to others (workers: %p)",
  async (workers) => {
    const options = { workers, logBytes: 4 * FRAME_BYTES };
    await using served = await ServedShare.open(12, RECORD, options);
    // Each round more blocks than there are would be lost with one for each who goes.
    for (let round = 0; round < 2; round++) {
      await using whole = await served.receiver();
      const gone = await Promise.all([1, 2, 3, 4, 5].map(() => served.receiver()));
      for (const [at, receiver] of gone.entries()) {
        receiver.socket.pause();
        receiver.join(2 * at);
      }
      whole.join();
      await whole.takeAll();
      expect(whole.frames).toEqual(framesUpTo(12));
      for (const receiver of gone) receiver.socket.cut();
    }
  },
);

test.each([true, false])(
  "messages sent amid a frame come after it, in order (zeroCopy: %p)",
  async (zeroCopy) => {
    await using served = await ServedShare.open(32, RECORD, { zeroCopy, logBytes: LARGE_LOG });
    const { url, channel, share } = served;
    const [stalled, witness] = [await served.receiver(), await served.receiver()];
    stalled.socket.pause();
    stalled.join();
    witness.join();
    // Each record was given to both in one turn, as far as they took it.
    await witness.takeAll();

    await served.senderGoes();
    await witness.until("presence false");
    const again = await served.sender();
    await witness.until("presence true");
    await using other = await RawClient.offering(url, channel, rawShare(3));
    other.send({ t: "end", share: (await other.when("accepted")).share });
    await witness.until("end");
    const id = share.offer.share;
    for (const receiver of [stalled, witness]) {
      receiver.send({ t: "complete", share: id, records: 32, mac: randomId() });
      await again.when("receipt", (sent) => Buffer.from(sent.receiver).equals(receiver.id));
      again.send({ t: "receipted", share: id, receiver: receiver.id });
    }
    await witness.until("completed");
    again.send({ t: "cancel", share: id, reason: "source-changed" });
    await witness.until("cancel source-changed");

    stalled.socket.resume();
    await stalled.until("cancel source-changed");
    const came = stalled.frames.length;
    expect(came).toBeLessThan(16);
    expect(stalled.frames).toEqual(framesUpTo(came));
    // The kernel may have had room for another frame meanwhile; it comes between what was said.
    expect(stalled.events.filter((event) => !event.startsWith("frame"))).toEqual([
      "welcome",
      "offers",
      "presence false",
      "presence true",
      "offers",
      "end",
      "completed",
      "cancel source-changed",
    ]);
  },
);

test.each([true, false])(
  "a receiver that is replaced amid a frame gets it whole, and then is told (zeroCopy: %p)",
  async (zeroCopy) => {
    await using served = await ServedShare.open(16, RECORD, { zeroCopy, logBytes: LARGE_LOG });
    const [first, second] = [await served.receiver(), await served.receiver()];
    first.socket.pause();
    first.join();
    second.join();
    await second.takeAll();
    second.join(0, 16, first.id);
    first.socket.resume();
    expect(await first.socket.closed).toBeUndefined();
    const came = first.frames.length;
    expect(came).toBeLessThan(16);
    expect(first.events.slice(2)).toEqual([
      ...framesUpTo(came),
      "fault replaced",
      `close ${FAULTS.replaced.closeCode}`,
    ]);
  },
);

test("a client that did not promise to be quiet is answered its pings between frames", async () => {
  await using served = await ServedShare.open(16, RECORD, { logBytes: LARGE_LOG });
  const noisy = await served.receiver({ quiet: false });
  const witness = await served.receiver();
  noisy.socket.pause();
  noisy.join();
  witness.join();
  await witness.takeAll();
  noisy.socket.send(new Uint8Array(0), PING);
  noisy.socket.resume();
  await noisy.until("pong");
  await noisy.takeAll();
  expect(noisy.frames).toEqual(framesUpTo(16));
});

test.skipIf(!hasNative)(
  "frames come after what was said before them, though all was asked at once (GNU/Linux)",
  async () => {
    await using served = await ServedShare.open(3, 1000);
    const first = await served.receiver();
    first.join();
    await first.takeAll();
    for (let times = 0; times < 20; times++) {
      await using receiver = await RawReceiver.connect(served.options);
      await receiver.rush(served.channel);
      await receiver.until("frame 2");
      const due = ["welcome", "offers", "cancel no-such-share", ...framesUpTo(3)];
      expect(receiver.events).toEqual(due);
    }
  },
);
