import { expect, test } from "bun:test";
import { FRAME_BYTES, FRAME_HEADER_BYTES } from "../../../protocol/mod.ts";
import { HOLD_BACK_MS, Pauses } from "../../../relay/net/pauses.ts";
import { hasNative } from "../../support/relay/log-rooms.ts";
import { framesUpTo, type RawReceiver } from "../../support/relay/raw-receiver.ts";
import { ServedShare } from "../../support/relay/served-share.ts";
import { Stage } from "../../support/relay/stage.ts";

const MiB = 2 ** 20;
const RECEIVER = 7;

/** A socket of which one knows whether it is read. */
class Fake {
  isRead = true;

  pause(): void {
    this.isRead = false;
  }

  resume(): void {
    this.isRead = true;
  }
}

test("a sender that waits for memory and for its receiver is read once it has both", () => {
  const pauses = new Pauses(() => 0);
  for (const order of ["memory first", "receiver first"]) {
    const sender = new Fake();
    pauses.pause(sender, "memory");
    pauses.holdBack(sender, RECEIVER);
    if (order === "memory first") pauses.resume(sender, "memory");
    else pauses.takesMore(RECEIVER);
    expect(sender.isRead).toBe(false);
    if (order === "memory first") pauses.takesMore(RECEIVER);
    else pauses.resume(sender, "memory");
    expect(sender.isRead).toBe(true);
  }
});

test("all connections of a sender are read again when its receiver takes more", () => {
  const pauses = new Pauses(() => 0);
  const senders = [new Fake(), new Fake()];
  for (const sender of senders) pauses.holdBack(sender, RECEIVER);
  expect(senders.map(({ isRead }) => isRead)).toEqual([false, false]);
  pauses.takesMore(RECEIVER + 1);
  expect(senders.map(({ isRead }) => isRead)).toEqual([false, false]);
  pauses.takesMore(RECEIVER);
  expect(senders.map(({ isRead }) => isRead)).toEqual([true, true]);
});

test("a receiver holds its sender back for a while, and not again before it takes more", () => {
  let now = 0;
  const pauses = new Pauses(() => now);
  const sender = new Fake();
  pauses.holdBack(sender, RECEIVER);
  now = HOLD_BACK_MS - 1;
  pauses.holdBack(sender, RECEIVER);
  pauses.tick();
  expect(sender.isRead).toBe(false);
  now = HOLD_BACK_MS;
  pauses.tick();
  pauses.holdBack(sender, RECEIVER);
  expect(sender.isRead).toBe(true);
  pauses.takesMore(RECEIVER);
  pauses.holdBack(sender, RECEIVER);
  expect(sender.isRead).toBe(false);
});

test("a sender that is gone is not touched", () => {
  const pauses = new Pauses(() => 0);
  const sender = new Fake();
  pauses.holdBack(sender, RECEIVER);
  pauses.closed(sender);
  pauses.takesMore(RECEIVER);
  expect(sender.isRead).toBe(false);
});

/** A receiver with a frame on its way, and a sender that gives frames for it. */
async function heldBack(stage: Stage): Promise<{
  readonly receiver: RawReceiver;
  /** Sends one more, and waits until the relay has read it. */
  readonly next: () => Promise<void>;
  readonly isPaused: () => boolean;
}> {
  const { receiver, id } = await stage.client();
  const sender = await stage.client();
  receiver.socket.pause();
  stage.fill(id);
  let came = (): void => undefined;
  stage.pace(sender.id, id, () => came());
  const next = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    came = resolve;
    sender.receiver.ack(0);
    await promise;
  };
  await next();
  return { receiver, next, isPaused: () => stage.isPaused(sender.id) };
}

const stageOptions = { frameBytes: MiB, blocks: 40 };

test.skipIf(!hasNative)(
  "a sender is read on when the frame on its way to its receiver is through (GNU/Linux)",
  async () => {
    await using stage = new Stage(stageOptions);
    const { receiver, next, isPaused } = await heldBack(stage);
    expect(isPaused()).toBe(true);
    const heard = next();
    receiver.socket.resume();
    await heard;
    expect(isPaused()).toBe(false);
  },
);

test.skipIf(!hasNative)(
  "a sender is read on after a while though its receiver reads nothing, and it is not silent meanwhile (GNU/Linux)",
  async () => {
    await using stage = new Stage({ ...stageOptions, limits: { "idle-timeout": HOLD_BACK_MS } });
    const { next, isPaused } = await heldBack(stage);
    const heard = next();
    stage.tick(HOLD_BACK_MS - 1);
    expect(isPaused()).toBe(true);
    stage.tick(1);
    await heard;
  },
);

test.skipIf(!hasNative)("a sender is read on when its receiver goes (GNU/Linux)", async () => {
  await using stage = new Stage(stageOptions);
  const { receiver, next, isPaused } = await heldBack(stage);
  const heard = next();
  receiver.socket.cut();
  await heard;
  expect(isPaused()).toBe(false);
});

test.skipIf(!hasNative)(
  "a socket with room gets a frame from memory, and the log none of it (GNU/Linux)",
  async () => {
    await using stage = new Stage({ frameBytes: 100 });
    const { receiver, id } = await stage.client();
    let kept = 0;
    const keep = (): undefined => void kept++;
    for (const index of [0, 1]) expect(stage.pass(id, index, keep)).toBe("sent");
    await receiver.until("frame 1");
    expect(receiver.frames).toEqual(framesUpTo(2));
    expect(kept).toBe(0);
  },
);

/** Enough that the relay knows how fast the sender is. */
const RECORDS = 64;
const RECORD = FRAME_BYTES - FRAME_HEADER_BYTES;

test("a lone receiver that stops amid a frame gets all, and so does a second one that comes then", async () => {
  await using served = await ServedShare.open(RECORDS, RECORD);
  const [first, second] = [await served.receiver(), await served.receiver()];
  first.join();
  await first.takeAll(0, RECORDS / 2);
  first.socket.pause();
  second.join();
  await second.takeAll();
  first.socket.resume();
  await first.takeAll(RECORDS / 2);
  for (const { frames } of [first, second]) expect(frames).toEqual(framesUpTo(RECORDS));
});

test("a share ends while its lone receiver reads nothing, and the receiver hears of it later", async () => {
  await using served = await ServedShare.open(RECORDS, RECORD);
  const [receiver, witness] = [await served.receiver(), await served.receiver()];
  const sender = await served.sender();
  receiver.join();
  await receiver.takeAll(0, RECORDS / 2);
  receiver.socket.pause();
  sender.send({ t: "end", share: served.share.offer.share });
  await witness.until("end");
  receiver.socket.resume();
  await receiver.until("end");
});
