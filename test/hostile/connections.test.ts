/** Further connections of a session: a client can claim only its own, and gains no more by them than frames. */
import { describe, expect, test } from "bun:test";

import {
  CONNECTIONS_PER_SESSION,
  decodeFrame,
  type MessageOf,
  type Role,
} from "../../protocol/mod.ts";
import { startRelay } from "../../relay/mod.ts";
import { RawClient, offerOf, randomId, rawShare } from "../support/relay/raw-client.ts";
import { policyOf } from "../support/relay/limited.ts";
import { relayOfFile } from "../support/relay/relay-of-file.ts";
import { policyWith, token, type TestToken } from "../support/relay/tokens.ts";
import { expectFault, expectServed } from "../support/relay/wire-checks.ts";

const file = relayOfFile();
const ROLES = ["sender", "receiver"] as const;

function greeted(role: Role, channel: Uint8Array): Promise<RawClient> {
  return RawClient.greeted(file.url, role, channel);
}

function furtherOf(main: RawClient, role: Role, channel: Uint8Array): Promise<RawClient> {
  return RawClient.further(file.url, role, channel, main);
}

/** The relay took it for one of the session of `main`. */
async function expectTaken(further: RawClient, main: RawClient): Promise<void> {
  const [welcome, own] = await Promise.all([further.when("welcome"), main.when("welcome")]);
  expect(welcome).toEqual(own);
}

/** A sender of a channel of its own, with one further connection. */
async function sending(records: number) {
  const channel = randomId();
  const share = rawShare(records);
  const main = await RawClient.offering(file.url, channel, share);
  const wanted: number[] = [];
  main.onMessage = (message) => {
    if (message.t !== "want") return;
    for (let at = 0; at < message.count; at++) wanted.push(message.first + at);
  };
  const further = await furtherOf(main, "sender", channel);
  await expectTaken(further, main);
  return { channel, share, main, further, wanted };
}

describe("a further connection", () => {
  test.each(ROLES)("P16 of a session that a %s made up is not here", async (role) => {
    await using client = await RawClient.open(file.url);
    await client.hello(role, randomId(), { of: new Uint8Array(8) });
    await expectFault(client, "not-here");
  });

  test.each(ROLES)("P16 of a %s in another channel is not here", async (role) => {
    await using main = await greeted(role, randomId());
    await using further = await furtherOf(main, role, randomId());
    await expectFault(further, "not-here");
  });

  test("P16 of another role is not here", async () => {
    const channel = randomId();
    await using main = await greeted("sender", channel);
    await using further = await furtherOf(main, "receiver", channel);
    await expectFault(further, "not-here");
  });

  test("P16 of a session that is over is not here", async () => {
    const channel = randomId();
    const main = await greeted("receiver", channel);
    await main[Symbol.asyncDispose]();
    await using further = await furtherOf(main, "receiver", channel);
    await expectFault(further, "not-here");
  });

  test(`P16 beyond ${CONNECTIONS_PER_SESSION} of a session is refused, and the others stay`, async () => {
    const channel = randomId();
    await using stack = new AsyncDisposableStack();
    const main = stack.use(await greeted("receiver", channel));
    for (let count = 1; count < CONNECTIONS_PER_SESSION; count++) {
      const further = stack.use(await furtherOf(main, "receiver", channel));
      await expectTaken(further, main);
    }
    await using ninth = await furtherOf(main, "receiver", channel);
    await expectFault(ninth, "not-here");
    const share = rawShare(4);
    await using sender = await RawClient.offering(file.url, channel, share);
    await expectServed(file.url, sender, channel, share);
  });

  test("P16 says nothing: a control message ends it, and the main one goes on", async () => {
    const channel = randomId();
    await using main = await greeted("receiver", channel);
    await using further = await furtherOf(main, "receiver", channel);
    await expectTaken(further, main);
    further.ack(randomId(), 0, 1);
    await expectFault(further, "bad-message");
    await using other = await furtherOf(main, "receiver", channel);
    await expectTaken(other, main);
  });

  test("P16 of a receiver sends no frames", async () => {
    const channel = randomId();
    await using main = await greeted("receiver", channel);
    await using further = await furtherOf(main, "receiver", channel);
    await expectTaken(further, main);
    further.send(rawShare(2).frame(0));
    await expectFault(further, "wrong-role");
  });

  test("P16 ends with the main one", async () => {
    const channel = randomId();
    const main = await greeted("receiver", channel);
    await using further = await furtherOf(main, "receiver", channel);
    await expectTaken(further, main);
    await main[Symbol.asyncDispose]();
    await expectFault(further, "not-here");
  });

  test("P16 with a frame of another share ends, and its record is asked for again", async () => {
    const { channel, share, main, further, wanted } = await sending(4);
    await using receiver = await greeted("receiver", channel);
    await receiver.offered(share);
    receiver.join(share.offer.share, 0, 4);
    await main.when("want");
    further.send(rawShare(4).frame(0));
    await expectFault(further, "bad-message");
    await main.when("want", () => wanted.filter((index) => index === 0).length > 1);
    main.send(share.frame(0));
    expect(decodeFrame(await receiver.frame(0)).index).toBe(0);
    await main[Symbol.asyncDispose]();
  });

  test("P16 carries frames of the share that its main one offered, in any order", async () => {
    const { channel, share, main, further, wanted } = await sending(3);
    await using receiver = await greeted("receiver", channel);
    await receiver.offered(share);
    receiver.onFrame = () => receiver.ack(share.offer.share, receiver.frames.length, 4);
    receiver.join(share.offer.share, 0, 4);
    await main.when("want");
    further.send(share.frame(0));
    await main.when("want", () => wanted.length === 3);
    further.send(share.frame(2));
    main.send(share.frame(1));
    await receiver.frame(2);
    expect(receiver.frames.map((frame) => decodeFrame(frame).index)).toEqual([0, 1, 2]);
    await Promise.all([main[Symbol.asyncDispose](), further[Symbol.asyncDispose]()]);
  });

  test("P16 that comes and goes in a flood leaves a session as it was", async () => {
    const { channel, share, main, further } = await sending(4);
    for (let round = 0; round < 40; round++) {
      await using another = await furtherOf(main, "sender", channel);
      const answer = await Promise.race([another.when("welcome"), another.when("fault")]);
      expect(["welcome", "fault"]).toContain(answer.t);
    }
    await expectServed(file.url, main, channel, share);
    await Promise.all([main[Symbol.asyncDispose](), further[Symbol.asyncDispose]()]);
  });

  test("P16 takes no place of a client that has none, where half of the places are taken", async () => {
    const policy = policyOf({ "max-sockets": 6 });
    await using relay = await startRelay({ workers: 1, policy });
    const url = `ws://127.0.0.1:${relay.port}/ws`;
    const channel = randomId();
    await using stack = new AsyncDisposableStack();
    const main = stack.use(await RawClient.greeted(url, "receiver", channel));
    for (let count = 0; count < 2; count++) {
      const further = stack.use(await RawClient.further(url, "receiver", channel, main));
      await expectTaken(further, main);
    }
    const beyond = await RawClient.further(url, "receiver", channel, main);
    await expectFault(beyond, "too-many");
    await beyond[Symbol.asyncDispose]();
    for (let count = 0; count < 3; count++) {
      stack.use(await RawClient.greeted(url, "receiver", channel));
    }
  });

  test("P16 that takes nothing holds up no frame that another one may carry", async () => {
    const channel = randomId();
    const share = rawShare(20, 200_000);
    await using sender = await RawClient.serving(file.url, channel, share);
    await using main = await greeted("receiver", channel);
    await using further = await furtherOf(main, "receiver", channel);
    await expectTaken(further, main);
    further.socket.pause();
    await main.offered(share);
    const came = new Set<number>();
    const receiver = randomId();
    const { promise, resolve } = Promise.withResolvers<void>();
    let next = 0;
    main.onFrame = (frame) => {
      came.add(decodeFrame(frame).index);
      while (came.has(next)) next++;
      if (next === share.offer.records) resolve();
      // As a receiver whose gap stays: it asks for it again.
      else if (!came.has(next)) main.join(share.offer.share, next, 16, receiver);
    };
    main.join(share.offer.share, 0, 16, receiver);
    await promise;
    expect(sender.messages.some(({ t }) => t === "fault")).toBe(false);
  });

  test("counts as no receiver of its own", async () => {
    const channel = randomId();
    const share = rawShare(2);
    await using sender = await RawClient.serving(file.url, channel, share);
    await using main = await greeted("receiver", channel);
    await using further = await furtherOf(main, "receiver", channel);
    await expectTaken(further, main);
    await main.offered(share);
    main.join(share.offer.share, 0, 2);
    const { list } = await sender.when("receivers");
    expect(list).toHaveLength(1);
    expect(further.messages.map(({ t }) => t)).toEqual(["welcome"]);
  });
});

test("P16 a further connection needs a token as any other, and ends when that is revoked", async () => {
  const [kept, revoked] = [token(["receive"]), token(["receive"])];
  const policyOf = (...tokens: TestToken[]) => {
    return policyWith({ mode: "closed", tokens: tokens.map(({ known }) => known) });
  };
  await using relay = await startRelay({ lobby: false, policy: policyOf(kept, revoked) });
  const url = `${relay.url}/ws`;
  const channel = randomId();
  await using main = await RawClient.open(url);
  await main.hello("receiver", channel, { token: kept.text });
  const { session: of } = await main.when("welcome");
  await using without = await RawClient.open(url);
  await without.hello("receiver", channel, { of });
  await expectFault(without, "not-allowed");
  await using further = await RawClient.open(url);
  await further.hello("receiver", channel, { of, token: revoked.text });
  await expectTaken(further, main);
  relay.setPolicy(policyOf(kept));
  await expectFault(further, "not-allowed");
  await using another = await RawClient.open(url);
  await another.hello("receiver", channel, { of, token: kept.text });
  await expectTaken(another, main);
});

test("a further connection finds the worker of its session by trying again", async () => {
  await using relay = await startRelay({ workers: 2 });
  const url = `${relay.url}/ws`;
  const channel = randomId();
  await using main = await RawClient.greeted(url, "receiver", channel);
  const seen = new Set<string>();
  let last: MessageOf<"welcome"> | undefined;
  // The kernel spreads connections by their ports: one of so many comes to either worker.
  for (let tries = 0; tries < 64 && seen.size < 2; tries++) {
    await using further = await RawClient.further(url, "receiver", channel, main);
    const answer = await Promise.race([further.when("welcome"), further.when("fault")]);
    seen.add(answer.t === "fault" ? answer.code : answer.t);
    if (answer.t === "welcome") last = answer;
  }
  expect(seen).toEqual(new Set(["welcome", "not-here"]));
  expect(last).toEqual(await main.when("welcome"));
});

test("an offer on a further connection is none", async () => {
  const channel = randomId();
  await using main = await greeted("sender", channel);
  await using further = await furtherOf(main, "sender", channel);
  await expectTaken(further, main);
  further.send(offerOf(rawShare(2)));
  await expectFault(further, "bad-message");
});
