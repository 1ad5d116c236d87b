/** Shares whose end nobody knows before it comes, over real sockets. */
import { expect, test } from "bun:test";
import { RECORD_INDEX, encodeFrame, equalBytes, type MessageOf } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare, type RawShare } from "../../support/relay/raw-client.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";

const MiB = 1024 * 1024;
const RECORD_SIZE = 65_520;

/** Of so many records in the end, as only its sender knows. */
function open(records: number): RawShare {
  const share = rawShare(records, RECORD_SIZE);
  return { ...share, offer: { ...share.offer, records: RECORD_INDEX, bytes: 0, seekable: false } };
}

/** Gives records that are wanted once they are produced. */
class Producer {
  readonly #client: RawClient;
  readonly #share: RawShare;
  readonly #wanted = new Set<number>();
  #produced = 0;
  sent: number[] = [];

  constructor(client: RawClient, share: RawShare) {
    this.#client = client;
    this.#share = share;
    client.onMessage = (message) => {
      if (message.t === "want") this.#want(message);
    };
  }

  produce(records: number): void {
    this.#produced += records;
    this.#serve();
  }

  #want({ first, count }: MessageOf<"want">): void {
    for (let index = first; index < first + count; index++) this.#wanted.add(index);
    this.#serve();
  }

  #serve(): void {
    for (const index of this.#wanted) {
      if (index >= this.#produced) continue;
      this.#wanted.delete(index);
      this.sent.push(index);
      this.#client.send(this.#share.frame(index));
    }
  }
}

test("records come as they are produced, and the last one ends it", async () => {
  const RECORDS = 200; // more than the log holds
  await using relay = await startRelay({ workers: 2, logBytes: 8 * MiB });
  const { port } = relay;
  const channel = randomId();
  const share = open(RECORDS);
  await using sender = await RawClient.offering(`${relay.url}/ws`, channel, share);
  const producer = new Producer(sender, share);
  await using one = await RawReceiver.open({ port, channel, share });
  await using other = await RawReceiver.open({ port, channel, share });
  for (const receiver of [one, other]) {
    await receiver.until("offers");
    receiver.join();
  }
  for (let next = 0; next < RECORDS; next++) {
    producer.produce(1);
    for (const receiver of [one, other]) {
      await receiver.until(`frame ${next}`);
      receiver.ack(next + 1);
    }
  }
  expect(producer.sent).toEqual(Array.from({ length: RECORDS }, (_, index) => index));
  expect(one.frames).toEqual(framesUpTo(RECORDS));
  for (const receiver of [one, other]) {
    const mac = new Uint8Array(16);
    receiver.send({ t: "complete", share: share.offer.share, records: RECORDS, mac });
    const { records } = await sender.when("receipt", (said) =>
      equalBytes(said.receiver, receiver.id),
    );
    expect(records).toBe(RECORDS);
    sender.send({ t: "receipted", share: share.offer.share, receiver: receiver.id });
    await receiver.until("completed");
  }
  // A late receiver is told at once, although no record says how many there were.
  await using late = await RawReceiver.open({ port, channel, share });
  await late.until("offers");
  late.join(0, 1);
  await late.until("cancel too-late");
  sender.send({ t: "end", share: share.offer.share });
  await one.until("end");
});

test("P6 frames of an open share have one length, but the last", async () => {
  await using relay = await startRelay({ workers: 1 });
  const channel = randomId();
  const share = open(5);
  const { share: id } = share.offer;
  const shorter = new Uint8Array(RECORD_SIZE - 1);
  await using sender = await RawClient.offering(`${relay.url}/ws`, channel, share);
  await using receiver = await RawReceiver.open({ port: relay.port, channel, share });
  receiver.join();
  await sender.when("want");
  sender.send(share.frame(0));
  await receiver.until("frame 0");
  receiver.ack(1);
  sender.send(encodeFrame(id, 1, true, shorter));
  sender.send(encodeFrame(id, 2, false, shorter));
  const { code } = await sender.when("fault");
  expect(code).toBe("bad-message");
});
