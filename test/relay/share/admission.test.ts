/** Whom a sender admits and dismisses, on the wire of relays with one worker and with several. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { decodeFrame, toHex, type MessageOf } from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { Admissions } from "../../../relay/share/admissions.ts";
import { RawClient, randomId, rawShare, type RawShare } from "../../support/relay/raw-client.ts";
import { expectFault } from "../../support/relay/wire-checks.ts";

const WORKERS = process.platform === "linux" ? [1, 3] : [1];

function admitting(share: RawShare): RawShare {
  return { ...share, offer: { ...share.offer, admit: true } };
}

/** Joins, and is known to the sender. */
async function joined(
  url: string,
  sender: RawClient,
  channel: Uint8Array,
  share: RawShare,
): Promise<{ client: RawClient; id: Uint8Array }> {
  const client = await RawClient.greeted(url, "receiver", channel);
  const id = randomId();
  await client.offered(share);
  client.join(share.offer.share, 0, 4, id);
  await heard(sender, id, () => true);
  return { client, id };
}

function heard(
  sender: RawClient,
  receiver: Uint8Array,
  passes: (entry: MessageOf<"receivers">["list"][number]) => boolean,
): Promise<MessageOf<"receivers">> {
  const key = toHex(receiver);
  return sender.when("receivers", ({ list }) =>
    list.some((entry) => toHex(entry.id) === key && passes(entry)),
  );
}

describe.each(WORKERS)("at a relay with %i workers", (workers) => {
  let relay: Relay;
  let url: string;
  const troubles: string[] = [];

  beforeAll(async () => {
    relay = await startRelay({ workers, onTrouble: (trouble) => troubles.push(trouble) });
    url = `${relay.url}/ws`;
  });

  afterAll(async () => {
    await relay.stop();
    expect(troubles).toEqual([]);
  });

  test("no receiver is served before the sender says so, and an admitted one gets all", async () => {
    const channel = randomId();
    const share = admitting(rawShare(4));
    const { share: id } = share.offer;
    await using sender = await RawClient.serving(url, channel, share);
    await using stack = new AsyncDisposableStack();
    const all: Awaited<ReturnType<typeof joined>>[] = [];
    for (let i = 0; i < 9; i++) all.push(await joined(url, sender, channel, share));
    for (const { client } of all) stack.use(client);
    // A request for the records again brings none either.
    for (const { client } of all) client.ack(id, 0, 4);
    const admitted = all.filter((_, i) => i % 3 === 0);
    const dismissed = all.filter((_, i) => i % 3 === 1);
    const waiting = all.filter((_, i) => i % 3 === 2);
    expect(sender.messages.filter(({ t }) => t === "want")).toEqual([]);
    for (const { id: receiver } of admitted) sender.send({ t: "admit", share: id, receiver });
    for (const { id: receiver } of dismissed) {
      sender.send({ t: "dismiss", share: id, receiver, reason: "not-admitted" });
    }
    for (const { client } of admitted) {
      const last = await client.frame(3);
      expect(decodeFrame(last).index).toBe(3);
    }
    for (const { client, id: receiver } of dismissed) {
      expect(await client.when("cancel")).toMatchObject({ share: id, reason: "not-admitted" });
      expect(client.frames).toEqual([]);
      await heard(sender, receiver, ({ state }) => state === "left");
      // Not on this line and not on another one either.
      client.messages.length = 0;
      client.join(id, 0, 4, receiver);
      expect(await client.when("cancel")).toMatchObject({ reason: "not-admitted" });
    }
    for (const { client } of waiting) {
      expect(client.frames).toEqual([]);
      expect(new Set(client.messages.map(({ t }) => t))).toEqual(new Set(["welcome", "offers"]));
    }
    const [late] = waiting;
    sender.send({ t: "admit", share: id, receiver: late!.id });
    expect(decodeFrame(await late!.client.frame(3)).index).toBe(3);
  });

  test("receivers are told that they have to be admitted", async () => {
    const channel = randomId();
    const share = admitting(rawShare(2));
    await using sender = await RawClient.serving(url, channel, share);
    await using receiver = await RawClient.greeted(url, "receiver", channel);
    const { list } = await receiver.offered(share);
    expect(list).toMatchObject([{ share: share.offer.share, admit: true }]);
    expect(sender.messages.map(({ t }) => t)).toEqual(["welcome", "accepted"]);
  });

  test("a receiver that is too slow is taken out of a share that admits everyone, and kept out", async () => {
    const channel = randomId();
    const share = rawShare(30);
    const { share: id } = share.offer;
    await using sender = await RawClient.serving(url, channel, share);
    const slow = await joined(url, sender, channel, share);
    await using _ = slow.client;
    const other = await joined(url, sender, channel, share);
    await using __ = other.client;
    await slow.client.frame(3);
    sender.send({ t: "dismiss", share: id, receiver: slow.id, reason: "too-slow" });
    expect(await slow.client.when("cancel")).toMatchObject({ reason: "too-slow" });
    await heard(sender, slow.id, ({ state }) => state === "left");
    for (let tries = 0; tries < 5; tries++) {
      await using again = await RawClient.greeted(url, "receiver", channel);
      await again.offered(share);
      again.join(id, 4, 4, slow.id);
      expect(await again.when("cancel")).toMatchObject({ reason: "too-slow" });
    }
    await other.client.frame(3);
    other.client.ack(id, 4, 4);
    expect(decodeFrame(await other.client.frame(7)).index).toBe(7);
  });

  test("the sender on another line says it again, and what it admits may be otherwise then", async () => {
    const channel = randomId();
    const share = admitting(rawShare(6));
    const { share: id } = share.offer;
    const first = await RawClient.serving(url, channel, share);
    const { client, id: receiver } = await joined(url, first, channel, share);
    await using _ = client;
    await first[Symbol.asyncDispose]();
    await client.when("presence", ({ senderHere }) => !senderHere);
    await using second = await RawClient.serving(url, channel, share);
    second.send({ t: "admit", share: id, receiver });
    expect(decodeFrame(await client.frame(3)).index).toBe(3);
    await second[Symbol.asyncDispose]();
    // One that admits everyone.
    await using open = await RawClient.greeted(url, "receiver", channel);
    await open.offered(share);
    open.join(id, 0, 4);
    await using third = await RawClient.serving(url, channel, withoutAdmit(share));
    expect(decodeFrame(await open.frame(3)).index).toBe(3);
    expect(third.messages[0]?.t).toBe("welcome");
  });

  test("only the sender of a share says who has it, and about no other", async () => {
    const channel = randomId();
    const share = admitting(rawShare(4));
    const { share: id } = share.offer;
    await using sender = await RawClient.serving(url, channel, share);
    const { client, id: receiver } = await joined(url, sender, channel, share);
    await using _ = client;
    const others = rawShare(4);
    await using other = await RawClient.serving(url, channel, others);
    other.send({ t: "admit", share: id, receiver });
    await using bold = await RawClient.greeted(url, "receiver", channel);
    bold.send({ t: "admit", share: id, receiver });
    await expectFault(bold, "wrong-role");
    other.send({ t: "dismiss", share: id, receiver, reason: "too-slow" });
    const second = await joined(url, other, channel, others);
    await using __ = second.client;
    await second.client.frame(3);
    expect(client.frames).toEqual([]);
    expect(client.messages.filter(({ t }) => t === "cancel")).toEqual([]);
    sender.send({ t: "admit", share: id, receiver });
    expect(decodeFrame(await client.frame(3)).index).toBe(3);
  });
});

test("verdicts are bounded, and a dismissed receiver stays so", () => {
  const verdicts = new Admissions(3);
  const ids = [1, 2, 3, 4].map((number) => new Uint8Array(16).fill(number));
  const keys = ids.map((id) => toHex(id));
  verdicts.add({ receiver: ids[0]!, dismissed: undefined });
  verdicts.add({ receiver: ids[1]!, dismissed: "too-slow" });
  verdicts.add({ receiver: ids[1]!, dismissed: undefined });
  verdicts.add({ receiver: ids[2]!, dismissed: undefined });
  // Said again: it is not the oldest any more.
  verdicts.add({ receiver: ids[0]!, dismissed: undefined });
  verdicts.add({ receiver: ids[3]!, dismissed: "not-admitted" });
  expect(keys.map((key) => verdicts.of(key)?.dismissed)).toEqual([
    undefined,
    undefined,
    undefined,
    "not-admitted",
  ]);
  expect(verdicts.of(keys[1]!)).toBeUndefined();
  expect(verdicts.size).toBe(3);
});

function withoutAdmit(share: RawShare): RawShare {
  const { admit: _, ...offer } = share.offer;
  return { ...share, offer };
}
