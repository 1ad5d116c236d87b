/** A real relay as the edge of a share: its owner is scripted, its receivers are real. */
import { expect, test } from "bun:test";
import { FRAME_HEADER_BYTES, bodyHeader, concat, toHex } from "../../../protocol/mod.ts";
import { encodeCluster as encode } from "../../../relay/cluster/wire.ts";
import { EdgeRelay } from "../../support/relay/edge-relay.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";
import { policyOf } from "../../support/relay/limited.ts";
import {
  RawClient,
  pathOf,
  rawShare,
  randomId,
  type RawShare,
} from "../../support/relay/raw-client.ts";
import { ScriptedOwner, type OwnerLies } from "../../support/relay/scripted-owner.ts";

const RECORDS = 60;

class Play implements AsyncDisposable {
  readonly share: RawShare;
  readonly channel = randomId();
  readonly owner: ScriptedOwner;
  readonly edge: EdgeRelay;
  readonly #stack = new AsyncDisposableStack();

  private constructor(edge: EdgeRelay, owner: ScriptedOwner, share: RawShare) {
    this.share = share;
    this.owner = this.#stack.use(owner);
    this.edge = this.#stack.use(edge);
  }

  /** An edge with a link to the owner of a share. */
  static async open(
    given: { lies?: OwnerLies; seekable?: boolean; workers?: number; first?: number } = {},
  ): Promise<Play> {
    const { lies, seekable = true, workers = 1, first } = given;
    const raw = rawShare(RECORDS, 20_000);
    const share = { ...raw, offer: { ...raw.offer, seekable }, ...(first && { first }) };
    const edge = await EdgeRelay.open({ workers });
    const play = new Play(edge, new ScriptedOwner([share], lies), share);
    edge.link(play.owner, play.channel);
    return play;
  }

  async receiver(): Promise<RawReceiver> {
    const { share, channel } = this;
    const options = { port: this.edge.port, channel, share };
    return this.#stack.use(await RawReceiver.open(options));
  }

  /** A real sender of the share. */
  async sender(): Promise<RawClient> {
    const { channel, share } = this;
    return this.#stack.use(await RawClient.serving(this.edge.url, channel, share));
  }

  /** Ids of receivers that were reported as there, since the given number of words. */
  reported(from = 0): string[] {
    const entries = this.owner.told.slice(from).flatMap((word) => {
      return word.t === "receivers" ? word.list : [];
    });
    return [...new Set(entries.filter(({ state }) => state !== "lost").map(({ id }) => toHex(id)))];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function inOrder(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

test.each([1, 2])(
  "receivers at an edge with %d workers get what the owner gave, which crosses to it once",
  async (workers) => {
    await using play = await Play.open({ workers });
    const together = await Promise.all(Array.from({ length: 6 }, () => play.receiver()));
    for (const each of together) each.join();
    await Promise.all(together.map((each) => each.takeAll()));
    const late = await play.receiver();
    late.join();
    await late.takeAll();
    for (const { frames } of [...together, late]) expect(frames).toEqual(framesUpTo(RECORDS));
    expect(play.owner.frames.toSorted((a, b) => a - b)).toEqual(inOrder(RECORDS));
  },
);

test("when the streams break, receivers go on without a word", async () => {
  await using play = await Play.open();
  const receiver = await play.receiver();
  play.owner.allow(10);
  receiver.join();
  await receiver.takeAll(0, 10);
  play.owner.cut("streams");
  play.owner.allow(Infinity);
  await receiver.takeAll(10);
  expect(receiver.frames).toEqual(framesUpTo(RECORDS));
  expect(receiver.events.filter((event) => event.startsWith("presence"))).toEqual([]);
  expect(play.owner.frames).toEqual(inOrder(RECORDS));
  expect((await play.edge.reported("stream-lost")).fields["why"]).toBe("the line broke");
});

test("when the control line breaks, receivers wait for the sender and go on with the next one", async () => {
  await using play = await Play.open();
  const { owner, edge } = play;
  const receiver = await play.receiver();
  owner.allow(10);
  receiver.join();
  await receiver.takeAll(0, 10);
  await owner.until(() => play.reported().length === 1);
  const before = owner.told.length;
  owner.isShut = true;
  owner.cut("all");
  await receiver.until("presence false");
  owner.isShut = false;
  owner.allow(Infinity);
  await receiver.until("presence true");
  await receiver.takeAll(10);
  expect(receiver.frames).toEqual(framesUpTo(RECORDS));
  // Ten crossed before, and none of them again.
  expect(owner.frames).toEqual(inOrder(RECORDS));
  await owner.until(() => play.reported(before).length === 1);
  expect(play.reported(before)).toEqual([toHex(receiver.id)]);
  await edge.when("linked", 2);
  expect((await edge.reported("link-lost")).fields["why"]).toBe("the line broke");
});

test("the end of a link leaves its receivers waiting, and no line at the owner", async () => {
  await using play = await Play.open();
  const { owner, edge } = play;
  const receiver = await play.receiver();
  owner.allow(3);
  receiver.join();
  await receiver.takeAll(0, 3);
  edge.unlink(1);
  await receiver.until("presence false");
  await owner.until(() => owner.streams === 0 && owner.controls.length === 0);
  edge.link(owner, play.channel);
  owner.allow(Infinity);
  await receiver.takeAll(3);
  expect(receiver.frames).toEqual(framesUpTo(RECORDS));
});

test("receivers hear that the sender of the owner goes and comes, those too that come meanwhile", async () => {
  await using play = await Play.open({ workers: 2 });
  const { owner, share } = play;
  const receivers = await Promise.all(Array.from({ length: 4 }, () => play.receiver()));
  for (const each of receivers) each.join(0, 1);
  await Promise.all(receivers.map((each) => each.until("frame 0")));
  const presence = { t: "presence", share: share.offer.share } as const;
  owner.say({ ...presence, senderHere: false });
  await Promise.all(receivers.map((each) => each.until("presence false")));
  await using late = await RawClient.greeted(play.edge.url, "receiver", play.channel);
  expect((await late.offered(share)).list[0]?.senderHere).toBe(false);
  owner.say({ ...presence, senderHere: true });
  await Promise.all(receivers.map((each) => each.until("presence true")));
});

test("an owner whose sender is back hears of all receivers and open receipts anew", async () => {
  await using play = await Play.open({ lies: { isMute: true } });
  const { owner } = play;
  const { share } = play.share.offer;
  const [whole, looking] = [await play.receiver(), await play.receiver()];
  looking.join(0, 1);
  whole.join();
  await Promise.all([whole.takeAll(), looking.until("frame 0")]);
  whole.send({ t: "complete", share, records: RECORDS, mac: new Uint8Array(16) });
  const hasReceipt = (from: number): boolean =>
    owner.told.slice(from).some(({ t }) => t === "receipt");
  await owner.until(() => hasReceipt(0) && play.reported().length === 2);
  const before = owner.told.length;
  owner.say({ t: "presence", share, senderHere: false });
  owner.say({ t: "presence", share, senderHere: true });
  await looking.until("presence true");
  const later = await play.receiver();
  later.join(0, 1);
  await owner.until(() => play.reported(before).includes(toHex(later.id)));
  expect(play.reported(before).length).toBe(3);
  expect(hasReceipt(before)).toBe(true);
});

test("a receiver of an edge hears at its join that the sender of the owner left since the offer", async () => {
  await using play = await Play.open();
  const [witness, before] = [await play.receiver(), await play.receiver()];
  witness.join(0, 1);
  await witness.until("frame 0");
  play.owner.say({ t: "presence", share: play.share.offer.share, senderHere: false });
  await witness.until("presence false");
  before.join();
  await before.until("frame 0");
  expect(before.events).toContain("presence false");
});

test("a share whose owner waits for its sender is offered so from the start", async () => {
  await using play = await Play.open();
  play.owner.senderHere = false;
  play.edge.unlink(1);
  play.edge.link(play.owner, play.channel);
  await using receiver = await RawClient.greeted(play.edge.url, "receiver", play.channel);
  expect((await receiver.offered(play.share)).list[0]?.senderHere).toBe(false);
});

test("what the owner says of receivers comes to them: admitted, dismissed, full, taken", async () => {
  const raw = rawShare(RECORDS, 20_000);
  const share = { ...raw, offer: { ...raw.offer, admit: true } };
  const channel = randomId();
  await using owner = new ScriptedOwner([share]);
  await using edge = await EdgeRelay.open();
  edge.link(owner, channel);
  const options = { port: edge.port, channel, share };
  await using admitted = await RawReceiver.open(options);
  await using dismissed = await RawReceiver.open(options);
  await using full = await RawReceiver.open(options);
  for (const each of [admitted, dismissed, full]) each.join();
  const known = (): number => {
    return new Set(
      owner.told.flatMap((word) =>
        word.t === "receivers" ? word.list.map(({ id }) => toHex(id)) : [],
      ),
    ).size;
  };
  await owner.until(() => known() === 3);
  const of = { share: share.offer.share };
  owner.say({ t: "dismiss", ...of, receiver: dismissed.id, reason: "not-admitted" });
  await dismissed.until("cancel not-admitted");
  owner.say({ t: "full", ...of, receiver: full.id });
  await full.until("fault too-many");
  expect(owner.frames).toEqual([]);
  owner.say({ t: "admit", ...of, receiver: admitted.id });
  await admitted.takeAll();
  const mac = new Uint8Array(16);
  admitted.send({ t: "complete", ...of, records: RECORDS, mac });
  await admitted.until("completed");
  expect(owner.told.filter(({ t }) => t === "receipt")).toHaveLength(1);
});

test.each(["end", "cancel"] as const)(
  "a share whose sender says %s is over at the edge",
  async (t) => {
    await using play = await Play.open();
    const receiver = await play.receiver();
    receiver.join(0, 1);
    await receiver.until("frame 0");
    const { share } = play.share.offer;
    play.owner.say(t === "end" ? { t, share } : { t, share, reason: "sender-gone" });
    await receiver.until(t === "end" ? "end" : "cancel sender-gone");
    await play.owner.until(() => play.owner.streams === 0);
  },
);

test("a sender that comes to the edge has the share, and the uplink leaves it", async () => {
  await using play = await Play.open();
  const { owner } = play;
  const receiver = await play.receiver();
  owner.allow(5);
  receiver.join();
  await receiver.takeAll(0, 5);
  await play.sender();
  await receiver.takeAll(5);
  expect(receiver.frames).toEqual(framesUpTo(RECORDS));
  expect(owner.frames).toEqual(inOrder(5));
  await owner.until(() => owner.streams === 0);
});

test("an uplink takes no share from a sender of this relay", async () => {
  const share = rawShare(RECORDS, 20_000);
  const channel = randomId();
  await using owner = new ScriptedOwner([share]);
  await using edge = await EdgeRelay.open();
  await using sender = await RawClient.serving(edge.url, channel, share);
  edge.link(owner, channel);
  await edge.when("linked");
  await using receiver = await RawReceiver.open({ port: edge.port, channel, share });
  receiver.join();
  await receiver.takeAll();
  expect(owner.opened).toBe(1);
  // The sender goes: from now on the owner's uplink may have it.
  await sender[Symbol.asyncDispose]();
  await receiver.until("presence true");
});

test("limits of a sender's time and of a share's size are those of the owner", async () => {
  const share = { ...rawShare(RECORDS, 20_000), first: undefined };
  const offer = { ...share.offer, records: 100_000, bytes: 2_000_000_000 };
  const channel = randomId();
  await using owner = new ScriptedOwner([{ ...share, offer }]);
  const limits = { "share-bytes": 1024 ** 2, "start-timeout": 1000, "join-timeout": 1000 };
  await using edge = await EdgeRelay.open({ policy: policyOf(limits) });
  edge.link(owner, channel);
  await edge.when("linked");
  owner.allow(0);
  const of = { port: edge.port, channel };
  await using remote = await RawReceiver.open({ ...of, share });
  remote.join();
  // A share of this relay that comes after it is over first.
  const mute = rawShare(2);
  await using _ = await RawClient.offering(edge.url, channel, mute);
  await using local = await RawReceiver.open({ ...of, share: mute });
  local.join();
  await local.until("cancel expired");
  owner.allow(Infinity);
  await remote.takeAll(0, 30);
  expect(remote.frames.slice(0, 30)).toEqual(framesUpTo(30));
});

test("a path of HTTP at the edge gives the ciphertext of a share that its owner has", async () => {
  await using play = await Play.open();
  const { share, edge } = play;
  await edge.when("linked");
  const url = `http://127.0.0.1:${edge.port}${pathOf(share)}`;
  await using receiver = await play.receiver();
  receiver.join(0, 1);
  const records = inOrder(RECORDS).map((index) => share.frame(index).subarray(FRAME_HEADER_BYTES));
  const response = await fetch(url, { decompress: false });
  expect(await response.bytes()).toEqual(concat(bodyHeader(share.offer.share, 20_000), ...records));
  // The last one comes early: its length is a part of the answer's.
  expect(play.owner.frames.toSorted((a, b) => a - b)).toEqual(inOrder(RECORDS));
});

test("a share that can't be read again is read by one stream, in its order", async () => {
  await using play = await Play.open({ seekable: false });
  const receivers = await Promise.all([play.receiver(), play.receiver()]);
  for (const each of receivers) each.join();
  await Promise.all(receivers.map((each) => each.takeAll()));
  for (const { frames } of receivers) expect(frames).toEqual(framesUpTo(RECORDS));
  expect(play.owner.frames).toEqual(inOrder(RECORDS));
  expect(play.owner.opened).toBe(2);
});

test("a receiver that comes to a stream whose begin is gone hears so, and one further on goes on", async () => {
  await using play = await Play.open({ seekable: false, first: 20 });
  const begins = await play.receiver();
  const returns = await play.receiver();
  begins.join();
  await begins.until("cancel too-late");
  // It was at another relay before, and is further than the owner's sender could have come since the start.
  returns.join(45);
  await returns.takeAll(45);
  expect(returns.frames).toEqual(framesUpTo(RECORDS, 45));
});

const other = rawShare(RECORDS, 20_000);

function withIndex(frame: Uint8Array, index: number): Uint8Array {
  const copy = frame.slice();
  new DataView(copy.buffer).setUint32(4, index);
  return copy;
}

test.each<[string, OwnerLies, event: string, why: RegExp]>([
  [
    "gives a record of another share",
    { frame: (index) => other.frame(index) },
    "stream-lost",
    /a frame of another share/,
  ],
  [
    "gives a record that was not wanted",
    { frame: (_, frame) => withIndex(frame, 30) },
    "stream-lost",
    /record 30 was not wanted/,
  ],
  ["gives text in place of a frame", { frame: () => "text" }, "stream-lost", /sent text/],
  [
    "gives more than a frame may have",
    { frame: () => new Uint8Array(2 * 1024 ** 2) },
    "stream-lost",
    /a message of 2097152 bytes/,
  ],
  [
    "says what no owner says",
    { onJoin: (line) => void line.sendBinary(Uint8Array.of(1, 2, 3)) },
    "stream-lost",
    /./,
  ],
  ["can't prove the secret", { mac: (mac) => mac.toReversed() }, "link-lost", /./],
  [
    "sends frames on its control line",
    { onControl: (line) => void line.sendBinary(other.frame(0)) },
    "link-lost",
    /a frame that no stream asked for/,
  ],
  [
    "names shares without end",
    {
      onControl: (line) => {
        for (let at = 0; at < 100; at++) {
          const { offer } = rawShare(2);
          line.sendBinary(
            new Uint8Array(encode({ t: "shares", list: [{ ...offer, senderHere: true }] })),
          );
        }
      },
    },
    "link-lost",
    /more than 64 shares/,
  ],
])(
  "C3 an owner that %s loses that line, and its receivers get nothing wrong",
  async (_, lies, event, why) => {
    await using play = await Play.open({ lies });
    const { owner, edge } = play;
    await using receiver = await RawReceiver.greeted({
      port: edge.port,
      channel: play.channel,
      share: play.share,
    });
    const offered = receiver.until("offers").then(() => receiver.join());
    expect(String((await edge.reported(event)).fields["why"])).toMatch(why);
    owner.lies = {};
    await offered;
    await receiver.takeAll();
    expect(receiver.frames).toEqual(framesUpTo(RECORDS));
  },
);
