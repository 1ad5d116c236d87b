/** Streams of other relays: the records of a share, over real sockets of a relay with two workers. */
import { describe, expect, test } from "bun:test";
import { FAULTS, FRAME_BYTES } from "../../../protocol/mod.ts";
import { encodeCluster } from "../../../relay/cluster/wire.ts";
import { edgeStage } from "../../support/relay/edge-stage.ts";
import { hasNative } from "../../support/relay/log-rooms.ts";
import { randomId, type RawShare } from "../../support/relay/raw-client.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { edgeHello } from "../../support/relay/scripted-edge.ts";

describe.each([
  { how: "straight from the log's file", zeroCopy: true },
  { how: "through Bun", zeroCopy: false },
])("a stream, sent $how,", ({ zeroCopy }) => {
  test.each([100, 65_536, FRAME_BYTES])(
    "has frames of %p bytes as they came",
    async (frameBytes) => {
      const records = frameBytes === FRAME_BYTES ? 8 : 30;
      await using at = await edgeStage({ zeroCopy, frameBytes, records });
      const stream = await at.stream();
      expect(await stream.take(at.id, 0, records)).toEqual(at.frames(0, records));
      // The stream brought the frames of the share, and no others.
      expect(stream.messages.map(({ t }) => t)).toEqual(["challenge", "edge-welcome"]);
    },
  );
});

test.skipIf(!hasNative).each([true, false])(
  "a stream whose relay stops reading holds memory only where Bun sends (zeroCopy: %p)",
  async (zeroCopy) => {
    const stats: number[] = [];
    await using at = await edgeStage({
      zeroCopy,
      workers: 1,
      frameBytes: FRAME_BYTES,
      logBytes: 64 * FRAME_BYTES,
      onStats: ({ bufferedMost }) => stats.push(bufferedMost),
    });
    await using stalled = RawSocket.open(at.relay.clusterPort!, {}, "/cluster");
    const { nonce } = await stalled.challenge;
    stalled.frame(0x82, encodeCluster(edgeHello(nonce, { channel: at.channel, share: at.id })));
    const join = { share: at.id, receiver: randomId(), name: new Uint8Array(0), from: 0 };
    stalled.pause();
    stalled.frame(0x82, encodeCluster({ t: "join", ...join, window: 30 }));
    const other = await at.stream();
    await other.take(at.id, 0, 30);
    // It was given records until its kernel took no more.
    const begin = stats.length;
    while (stats.length < begin + 3) await Bun.sleep(10);
    const most = Math.max(...stats.slice(begin + 1));
    if (zeroCopy) expect(most).toBe(0);
    else expect(most).toBeGreaterThan(0);
  },
);

test("streams read a share at several places at once, and a late one reads from the start", async () => {
  await using at = await edgeStage({ records: 60 });
  const streams = [await at.stream(), await at.stream(), await at.stream()];
  const places = [0, 20, 40];
  const taken = await Promise.all(
    streams.map((stream, which) => stream.take(at.id, places[which]!, places[which]! + 20)),
  );
  expect(taken.flat()).toEqual(at.frames(0, 60));
  const late = await at.stream();
  expect(await late.take(at.id, 0, 60, 128)).toEqual(at.frames(0, 60));
  // A stream that has nothing to do goes anywhere.
  const [again] = streams;
  expect(await again!.take(at.id, 50, 60)).toEqual(at.frames(50, 60));
});

test("a stream moves its window, and gets no record beyond it", async () => {
  await using at = await edgeStage({ records: 30 });
  const stream = await at.stream();
  expect(await stream.take(at.id, 3, 7)).toEqual(at.frames(3, 7));
  stream.onFrame = () => undefined;
  stream.ack(at.id, 7, 5);
  const other = await at.stream();
  await other.take(at.id, 0, 30);
  expect(await other.take(at.id, 0, 12)).toEqual(at.frames(0, 12));
  expect(stream.frames).toEqual(at.frames(3, 12));
});

test("a stream whose line broke goes on by another one", async () => {
  await using at = await edgeStage({ records: 30 });
  const first = await at.stream();
  await first.take(at.id, 0, 11);
  await first[Symbol.asyncDispose]();
  const second = await at.stream();
  expect(await second.take(at.id, 11, 30)).toEqual(at.frames(11, 30));
});

test("a stream goes on when the sender comes back by another line", async () => {
  await using at = await edgeStage({ records: 40 });
  const stream = await at.stream();
  await stream.take(at.id, 0, 10);
  await at.serve();
  await at.serve();
  expect(await stream.take(at.id, 10, 40)).toEqual(at.frames(10, 40));
});

test("a share that admits each receiver is given to a stream at once", async () => {
  const of = (share: RawShare): RawShare => ({ ...share, offer: { ...share.offer, admit: true } });
  await using at = await edgeStage({ of });
  const receiver = await at.receiver();
  receiver.join();
  const stream = await at.stream();
  expect(await stream.take(at.id, 0, 30)).toEqual(at.frames(0, 30));
  expect(receiver.frames).toEqual([]);
});

test("a stream shows up in no report, and ends no share", async () => {
  await using at = await edgeStage();
  const stream = await at.stream();
  await stream.take(at.id, 0, 30);
  const receiver = await at.receiver();
  receiver.join();
  await at.sender.when("receivers");
  await stream[Symbol.asyncDispose]();
  await receiver.takeAll();
  const told = at.sender.messages.filter(({ t }) => t === "receivers");
  const ids = told.flatMap((each) => (each.t === "receivers" ? each.list : [])).map(({ id }) => id);
  expect(new Set(ids.map((id) => id.toHex()))).toEqual(new Set([receiver.id.toHex()]));
});

describe("a share that can't be read again", () => {
  const of = (share: RawShare): RawShare => ({
    ...share,
    offer: { ...share.offer, seekable: false },
  });

  test("is kept for a stream, also while its line is broken", async () => {
    await using at = await edgeStage({
      of,
      records: 24,
      frameBytes: FRAME_BYTES,
      logBytes: 8 * FRAME_BYTES,
    });
    const receiver = await at.receiver();
    receiver.join();
    const stream = await at.stream();
    await stream.take(at.id, 0, 4);
    await stream[Symbol.asyncDispose]();
    // The log has room for no more: what the stream did not take stays.
    const taken = receiver.takeAll();
    await at.sender.when("want", ({ first, count }) => first + count > 5);
    const again = await at.stream();
    expect(await again.take(at.id, 4, 24)).toEqual(at.frames(4, 24));
    await taken;
  });

  test("names the first record that is still to be had, again when that changes", async () => {
    await using at = await edgeStage({
      of,
      records: 40,
      frameBytes: FRAME_BYTES,
      logBytes: 8 * FRAME_BYTES,
    });
    const lines = [await at.control(), await at.control(), await at.control()];
    for (const line of lines) await line.when("shares", ({ list }) => list[0]?.first === 0);
    const receiver = await at.receiver();
    receiver.join();
    await receiver.takeAll(0, 30);
    for (const line of lines) {
      const { list } = await line.when("shares", ({ list: [share] }) => (share?.first ?? 0) > 10);
      expect(list[0]).toMatchObject({ seekable: false, senderHere: true });
    }
    const stream = await at.stream();
    stream.join(at.id, 0, 16);
    expect(await stream.when("cancel")).toMatchObject({ reason: "too-late" });
  });
});

test("a stream for a share that is not there is told so", async () => {
  await using at = await edgeStage();
  const share = randomId();
  const stream = await at.stream({ share });
  stream.join(share, 0, 16);
  expect(await stream.when("cancel")).toMatchObject({ reason: "no-such-share" });
  const elsewhere = await at.stream({ channel: randomId() });
  elsewhere.join(at.id, 0, 16);
  expect(await elsewhere.when("cancel")).toMatchObject({ reason: "no-such-share" });
});

test("streams and control lines hear of a relay that ends", async () => {
  await using at = await edgeStage();
  const stream = await at.stream();
  const control = await at.control();
  await stream.take(at.id, 0, 10);
  await at.relay.stop();
  for (const line of [stream, control]) {
    expect((await line.fault()).code).toBe("going-away");
    expect((await line.closed).code).toBe(FAULTS["going-away"].closeCode);
  }
});
