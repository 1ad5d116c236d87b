import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  decodeControl,
  decodeFrame,
  encodeControl,
  FaultError,
  isFrame,
  RECORD_INDEX,
  type FaultCode,
  type Message,
} from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { relayOfFile } from "../../support/relay/relay-of-file.ts";
import { expectFault, expectServed, unprovedHello } from "../../support/relay/wire-checks.ts";

const file = relayOfFile();

describe("shares", () => {
  test("P2 another's share can't be offered without its proof, nor the first be disturbed", async () => {
    const channel = randomId();
    const share = rawShare(4);
    await using sender = await RawClient.offering(file.url, channel, share);
    await using thief = await RawClient.greeted(file.url, "sender", channel);
    thief.send({ t: "offer", ...share.offer, proof: rawShare(1).proof });
    await expectFault(thief, "not-your-share");
    // Not even with it, when it is offered as another content or in another channel.
    for (const [where, what] of [
      [channel, { ...share.offer, records: 5 }],
      [randomId(), share.offer],
    ] as const) {
      await using again = await RawClient.greeted(file.url, "sender", where);
      again.send({ t: "offer", ...what, proof: share.proof });
      await expectFault(again, "not-your-share");
    }
    await expectServed(file.url, sender, channel, share);
  });

  test("P2 of a hundred that claim one share at once, at four workers, one is left with it", async () => {
    const channel = randomId();
    const share = rawShare(4);
    await using relay = await startRelay({ workers: 4 });
    const url = `${relay.url}/ws`;
    await using stack = new AsyncDisposableStack();
    const senders: RawClient[] = [];
    for (let i = 0; i < 100; i++) {
      senders.push(stack.use(await RawClient.greeted(url, "sender", channel)));
    }
    for (const sender of senders) {
      sender.send({ t: "offer", ...share.offer, proof: share.proof });
    }
    const left = new Set(senders);
    const onlyOne = Promise.withResolvers<void>();
    for (const sender of senders) {
      void sender.closed.then(() => {
        left.delete(sender);
        if (left.size === 1) onlyOne.resolve();
      });
    }
    await onlyOne.promise;
    const [owner] = left;
    for (const sender of senders) if (sender !== owner) await expectFault(sender, "replaced");
    await expectServed(url, owner!, channel, share);
  });

  test("P1 a share of another channel, one that is over and one that never was are all the same", async () => {
    const channel = randomId();
    const [there, over] = [rawShare(4), rawShare(4)];
    await using sender = await RawClient.offering(file.url, randomId(), there);
    await using ended = await RawClient.offering(file.url, channel, over);
    ended.send({ t: "end", share: over.offer.share });
    ended.socket.close();
    await ended.closed;
    await using receiver = await RawClient.greeted(file.url, "receiver", channel);
    const { list } = await receiver.when("offers");
    if (list.length > 0) await receiver.when("end");
    const asked = [there.offer.share, over.offer.share, randomId()];
    for (const id of asked) receiver.join(id, 0, 16);
    const answers = await Promise.all(
      asked.map((id) => receiver.when("cancel", ({ share }) => Buffer.from(share).equals(id))),
    );
    const due = asked.map((share) => ({ t: "cancel", share, reason: "no-such-share" }));
    expect<object[]>(answers).toEqual(due);
    expect(receiver.messages.filter(({ t }) => t === "cancel")).toHaveLength(asked.length);
    expect(sender.messages.map(({ t }) => t)).toEqual(["welcome", "accepted"]);
  });

  test("P1 a wrong proof gets the same answer whether the share is there or not", async () => {
    const channel = randomId();
    const [there, over, never] = [rawShare(4), rawShare(4), rawShare(4)];
    await using _sender = await RawClient.offering(file.url, channel, there);
    await using ended = await RawClient.offering(file.url, channel, over);
    ended.send({ t: "end", share: over.offer.share });
    const answers: unknown[] = [];
    for (const { offer } of [there, over, never]) {
      for (const where of [channel, randomId()]) {
        await using thief = await RawClient.greeted(file.url, "sender", where);
        thief.send({ t: "offer", ...offer, proof: rawShare(1).proof });
        await expectFault(thief, "not-your-share");
        answers.push([thief.messages.slice(1), await thief.closed]);
      }
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  test("P8 a receiver that acknowledges records it never got harms no receiver, itself included", async () => {
    const channel = randomId();
    const share = rawShare(40);
    const id = share.offer.share;
    await using sender = await RawClient.offering(file.url, channel, share);
    await using liar = await RawClient.greeted(file.url, "receiver", channel);
    await liar.offered(share);
    liar.ack(id, RECORD_INDEX, 16);
    liar.join(id, 0, 2);
    liar.ack(id, RECORD_INDEX, 2);
    liar.ack(id, 39, 2);
    liar.send({ t: "complete", share: id, records: 40, mac: randomId() });
    const forged = await sender.when("receipt");
    expect(forged.records).toBe(40);
    const { list } = await sender.when("receivers");
    expect(list).toMatchObject([{ next: 0 }]);
    await expectServed(file.url, sender, channel, share);
    // It gets what its window allows, from the beginning.
    expect(decodeFrame(await liar.frame(1)).index).toBe(1);
    liar.ack(id, 2, 2);
    expect(decodeFrame(await liar.frame(3)).index).toBe(3);
    expect(liar.messages.map(({ t }) => t)).toEqual(["welcome", "offers"]);
  });

  test("a receiver hears at its join that its sender is away, or returned since the offer", async () => {
    const channel = randomId();
    const share = rawShare(4);
    const id = share.offer.share;
    await using relay = await startRelay({ workers: 1 });
    const url = `${relay.url}/ws`;
    await using stack = new AsyncDisposableStack();
    const offered = async (senderHere: boolean): Promise<RawClient> => {
      const receiver = stack.use(await RawClient.greeted(url, "receiver", channel));
      expect((await receiver.offered(share)).list).toMatchObject([{ senderHere }]);
      return receiver;
    };
    const presences = (of: RawClient): boolean[] =>
      of.messages.flatMap((each) => (each.t === "presence" ? each.senderHere : []));
    const sender = await RawClient.serving(url, channel, share);
    const [witness, before, later] = [
      await offered(true),
      await offered(true),
      await offered(true),
    ];
    witness.join(id, 0, 16);
    await witness.frame(0);
    await sender[Symbol.asyncDispose]();
    await witness.when("presence", ({ senderHere }) => !senderHere);
    const between = await offered(false);
    const knows = await offered(false);
    const again = randomId();
    before.join(id, 0, 16, again);
    await before.when("presence");
    // This one takes the place of the other, which closes. Its offer told it too.
    knows.join(id, 0, 16, again);
    await before.closed;
    await using _back = await RawClient.serving(url, channel, share);
    await witness.when("presence", ({ senderHere }) => senderHere);
    const after = await offered(true);
    for (const receiver of [between, later, after]) {
      receiver.join(id, 0, 16);
      await receiver.frame(0);
      // Where it is already, it asks again.
      receiver.join(id, 0, 16);
      await receiver.frame(4);
    }
    await knows.when("presence", ({ senderHere }) => senderHere);
    expect(presences(before)).toEqual([false]);
    expect(presences(knows)).toEqual([false, true]);
    for (const each of [between, later]) expect(presences(each)).toEqual([true]);
    expect(presences(after)).toEqual([]);
  });

  test("P6 frames that can't be of the share are refused, and unasked ones dropped", async () => {
    const wrong = [
      (frame: Uint8Array) => frame.subarray(0, -1),
      (frame: Uint8Array) => frame.with(3, 1),
      (frame: Uint8Array) => frame.with(7, 200),
      (frame: Uint8Array) => frame.with(2, 1),
      (frame: Uint8Array) => frame.with(1, 2),
      (frame: Uint8Array) => frame.subarray(0, 16),
    ];
    for (const change of wrong) {
      const share = rawShare(4);
      await using sender = await RawClient.offering(file.url, randomId(), share);
      sender.send(change(share.frame(1)));
      await expectFault(sender, "bad-message");
    }
    const channel = randomId();
    const fresh = rawShare(4);
    await using sender = await RawClient.offering(file.url, channel, fresh);
    sender.send(fresh.frame(3));
    sender.send(fresh.frame(0));
    await expectServed(file.url, sender, channel, fresh);
  });
});

describe("garbage", () => {
  const share = rawShare(2);
  const id = share.offer.share;
  const some: Message[] = [
    unprovedHello("receiver"),
    { t: "offer", ...share.offer, proof: share.proof },
    { t: "join", share: id, receiver: randomId(), name: new Uint8Array(0), from: 0, window: 1 },
    { t: "ack", share: id, next: 1, window: 16 },
    { t: "complete", share: id, records: 2, mac: randomId() },
    { t: "leave", share: id, reason: "failed" },
    { t: "cancel", share: id, reason: "sender-stopped" },
  ];
  const mutated = fc
    .tuple(fc.constantFrom(...some), fc.nat(), fc.integer({ min: 1, max: 255 }))
    .map(([message, at, change]) => {
      const bytes = encodeControl(message);
      const place = at % bytes.length;
      bytes[place] = bytes[place]! ^ change;
      return bytes;
    });
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.of(0xc1, 1, ...bytes)),
    mutated,
  );
  const strangers = fc.constantFrom("sender" as const, "receiver" as const, undefined);

  /** The fault that is due, undefined when the bytes may be something after all. */
  function due(bytes: Uint8Array, role: string | undefined): FaultCode | undefined {
    if (isFrame(bytes)) return role === "sender" || bytes.length < 1 ? "bad-message" : undefined;
    try {
      decodeControl(bytes, "anyone");
      return undefined;
    } catch (error) {
      return error instanceof FaultError ? error.code : undefined;
    }
  }

  test("gets its sender a fault and the relay nothing", async () => {
    const channel = randomId();
    const kept = rawShare(4);
    await using sender = await RawClient.offering(file.url, channel, kept);
    const tried = fc.asyncProperty(strangers, garbage, async (role, bytes) => {
      const code = due(bytes, role);
      fc.pre(code !== undefined);
      const open = RawClient.open(file.url);
      await using client = await (role === undefined
        ? open
        : RawClient.greeted(file.url, role, randomId()));
      await using _ = await open;
      client.send(bytes);
      await expectFault(client, code);
    });
    await fc.assert(tried, { numRuns: 100 });
    await expectServed(file.url, sender, channel, kept);
  });
});
