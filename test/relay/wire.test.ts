import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  CONTROL_BYTES,
  decodeControl,
  decodeFrame,
  encodeControl,
  FaultError,
  FAULTS,
  FRAME_BYTES,
  isFrame,
  PROTOCOL_VERSION,
  RECORD_INDEX,
  type FaultCode,
  type Message,
} from "../../protocol/mod.ts";
import { startRelay, type Relay } from "../../relay/mod.ts";
import { RawClient, randomId, rawShare } from "./raw-client.ts";
import { RawSocket } from "./raw-socket.ts";

let relay: Relay;
let url: string;
const troubles: string[] = [];

beforeAll(async () => {
  relay = await startRelay({ onTrouble: (trouble) => troubles.push(trouble) });
  url = `${relay.url}/ws`;
});

afterAll(async () => {
  await relay.stop();
  expect(troubles).toEqual([]);
});

const hello = (role: "sender" | "receiver", channel = randomId()): Message => ({
  t: "hello",
  v: PROTOCOL_VERSION,
  role,
  channel,
});

/** The socket was told this fault, and closed with its code. */
async function expectFault(client: RawClient, code: FaultCode): Promise<void> {
  const fault = await client.when("fault");
  const { retry, closeCode } = FAULTS[code];
  expect(fault).toMatchObject({ code, retry });
  expect((await client.closed).code).toBe(closeCode);
}

/** A share still works: a new receiver gets its first records. */
async function expectServed(
  sender: RawClient,
  channel: Uint8Array,
  share: ReturnType<typeof rawShare>,
): Promise<void> {
  await using receiver = await RawClient.greeted(url, "receiver", channel);
  const { list } = await receiver.when("offers");
  expect(list).toMatchObject([{ share: share.offer.share, senderHere: true }]);
  receiver.join(share.offer.share, 0, 4);
  await sender.when("want", ({ first }) => first === 0);
  for (const index of [0, 1, 2, 3]) sender.send(share.frame(index));
  const frame = decodeFrame(await receiver.frame(3));
  expect(frame.index).toBe(3);
  expect(receiver.frames).toEqual([0, 1, 2, 3].map((index) => Buffer.from(share.frame(index))));
}

describe("messages that are none", () => {
  test("T9 a text message is refused", async () => {
    await using client = await RawClient.open(url);
    client.send('{"t":"hello"}');
    await expectFault(client, "bad-message");
  });

  test("a control message over its limit is refused", async () => {
    await using client = await RawClient.open(url);
    client.send(new Uint8Array(CONTROL_BYTES + 1).fill(0x80));
    await expectFault(client, "bad-message");
  });

  test("anything before hello, and another version, is refused", async () => {
    await using early = await RawClient.open(url);
    early.ack(randomId(), 0, 1);
    await expectFault(early, "bad-message");
    await using old = await RawClient.open(url);
    old.send({ ...hello("receiver"), v: PROTOCOL_VERSION + 1 } as Message);
    await expectFault(old, "version-mismatch");
  });

  test("T5 a frame over the limit is refused from its header with 1009", async () => {
    for (const claims of [FRAME_BYTES + 1, 2 ** 40]) {
      await using socket = RawSocket.open(relay.port);
      expect(await socket.status()).toBe(101);
      socket.frame(0x82, new Uint8Array(10), claims);
      expect(await socket.closed).toBe(1009);
    }
    await using socket = RawSocket.open(relay.port);
    expect(await socket.status()).toBe(101);
    socket.frame(0x82, new Uint8Array(10), 2n ** 63n);
    expect([1009, 1002, undefined]).toContain(await socket.closed);
  });

  test("T6 fragments that together are over the limit are refused", async () => {
    await using socket = RawSocket.open(relay.port);
    expect(await socket.status()).toBe(101);
    const half = new Uint8Array(FRAME_BYTES / 2);
    socket.frame(0x02, half);
    socket.frame(0x00, half);
    socket.frame(0x00, half);
    socket.frame(0x80, half);
    expect([1009, undefined]).toContain(await socket.closed);
  });

  test("T8 T9 compression is not agreed to, and what claims it is refused", async () => {
    await using socket = RawSocket.open(relay.port, {
      "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    });
    expect(await socket.status()).toBe(101);
    expect((await socket.head).toLowerCase()).not.toContain("extensions");
    socket.frame(0xc2, encodeControl(hello("receiver")));
    expect([1002, undefined]).toContain(await socket.closed);
  });
});

describe("requests that are none", () => {
  test.each(["https://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:1", "x"])(
    "T12 a page of %s gets 403",
    async (origin) => {
      await using socket = RawSocket.open(relay.port, { Origin: origin });
      expect(await socket.status()).toBe(403);
    },
  );

  test("T12 a page of the relay itself, and a client without origin, are welcome", async () => {
    const origin = `http://127.0.0.1:${relay.port}`;
    await using page = RawSocket.open(relay.port, { Origin: origin });
    expect(await page.status()).toBe(101);
    await using client = RawSocket.open(relay.port);
    expect(await client.status()).toBe(101);
  });

  test("T15 without an upgrade, or with half of one, there is 426 and no more", async () => {
    const http = url.replace("ws:", "http:");
    const plain = await fetch(http);
    expect(plain.status).toBe(426);
    expect(plain.headers.get("upgrade")).toBe("websocket");
    await using keyless = RawSocket.open(relay.port, { "Sec-WebSocket-Key": "short" });
    expect([400, 426]).toContain(await keyless.status());
    const posted = await fetch(http, { method: "POST", body: "x".repeat(100) });
    expect([413, 426]).toContain(posted.status);
  });

  test("P9 other paths tell nothing", async () => {
    const base = url.replace("ws:", "http:").replace("/ws", "");
    const paths = ["/", "/metrics", "/health", "/ws/", "/ws/../ws/x", "/shares", "/%77s"];
    const answers = await Promise.all(
      paths.map(async (path) => {
        const answer = await fetch(base + path);
        return [answer.status, await answer.text()] as const;
      }),
    );
    expect(new Set(answers.map(([status]) => status))).toEqual(new Set([404]));
    expect(new Set(answers.map(([, text]) => text)).size).toBe(1);
  });
});

describe("P3 roles", () => {
  const share = rawShare(4);
  const id = share.offer.share;
  const offer: Message = { t: "offer", ...share.offer, proof: share.proof };
  const fromReceivers: Message[] = [
    { t: "join", share: id, receiver: randomId(), name: new Uint8Array(0), from: 0, window: 1 },
    { t: "ack", share: id, next: 0, window: 1 },
    { t: "complete", share: id, records: 4, mac: randomId() },
    { t: "leave", share: id, reason: "declined" },
  ];
  const fromSenders: Message[] = [
    offer,
    { t: "receipted", share: id, receiver: randomId() },
    { t: "end", share: id },
    { t: "cancel", share: id, reason: "sender-stopped" },
  ];
  const fromRelays: Message[] = [
    { t: "welcome", session: new Uint8Array(8), limits: { frame: 1, window: 1, credit: 1 } },
    { t: "want", share: id, first: 0, count: 1 },
    { t: "completed", share: id },
    { t: "fault", code: "internal", message: "", retry: false },
  ];

  test.each([
    { role: "receiver" as const, others: fromSenders },
    { role: "sender" as const, others: fromReceivers },
  ])("a $role is refused what is not for it to say", async ({ role, others }) => {
    for (const message of [...others, ...fromRelays, hello("sender"), hello("receiver")]) {
      await using client = await RawClient.greeted(url, role, randomId());
      client.send(message);
      await expectFault(client, "wrong-role");
    }
  });

  test("a receiver is refused frames, and so is a sender of those of another share", async () => {
    const channel = randomId();
    await using sender = await RawClient.offering(url, channel, share);
    await using receiver = await RawClient.greeted(url, "receiver", channel);
    receiver.send(share.frame(0));
    await expectFault(receiver, "wrong-role");

    const other = rawShare(4);
    await using stranger = await RawClient.offering(url, channel, other);
    stranger.send(share.frame(0));
    await expectFault(stranger, "bad-message");
    await using silent = await RawClient.greeted(url, "sender", channel);
    silent.send(share.frame(0));
    await expectFault(silent, "bad-message");
    sender.send({ t: "end", share: id });
  });
});

describe("shares", () => {
  test("P2 another's share can't be offered without its proof, nor the first be disturbed", async () => {
    const channel = randomId();
    const share = rawShare(4);
    await using sender = await RawClient.offering(url, channel, share);
    await using thief = await RawClient.greeted(url, "sender", channel);
    thief.send({ t: "offer", ...share.offer, proof: rawShare(1).proof });
    await expectFault(thief, "not-your-share");
    // Not even with it, when it is offered as another content or in another channel.
    for (const [where, what] of [
      [channel, { ...share.offer, records: 5 }],
      [randomId(), share.offer],
    ] as const) {
      await using again = await RawClient.greeted(url, "sender", where);
      again.send({ t: "offer", ...what, proof: share.proof });
      await expectFault(again, "not-your-share");
    }
    await expectServed(sender, channel, share);
  });

  test("P2 of many that claim one share at once, one is left with it", async () => {
    const channel = randomId();
    const share = rawShare(4);
    await using stack = new AsyncDisposableStack();
    const senders: RawClient[] = [];
    for (let i = 0; i < 20; i++) {
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
    await expectServed(owner!, channel, share);
  });

  test("P1 a share of another channel is as unknown as one that never was", async () => {
    const share = rawShare(4);
    await using sender = await RawClient.offering(url, randomId(), share);
    await using receiver = await RawClient.greeted(url, "receiver", randomId());
    expect((await receiver.when("offers")).list).toEqual([]);
    const never = randomId();
    for (const id of [share.offer.share, never]) receiver.join(id, 0, 16);
    const answers = await Promise.all(
      [share.offer.share, never].map((id) =>
        receiver.when("cancel", (message) => Buffer.from(message.share).equals(id)),
      ),
    );
    expect(answers.map(({ reason }) => reason)).toEqual(["no-such-share", "no-such-share"]);
    expect(receiver.messages.map(({ t }) => t)).toEqual(["welcome", "offers", "cancel", "cancel"]);
    expect(sender.messages.map(({ t }) => t)).toEqual(["welcome", "accepted"]);
  });

  test("P8 who acknowledges what it never got harms nobody, itself included", async () => {
    const channel = randomId();
    const share = rawShare(40);
    const id = share.offer.share;
    await using sender = await RawClient.offering(url, channel, share);
    await using liar = await RawClient.greeted(url, "receiver", channel);
    liar.ack(id, RECORD_INDEX, 16);
    liar.join(id, 0, 2);
    liar.ack(id, RECORD_INDEX, 2);
    liar.ack(id, 39, 2);
    liar.send({ t: "complete", share: id, records: 40, mac: randomId() });
    const forged = await sender.when("receipt");
    expect(forged.records).toBe(40);
    const { list } = await sender.when("receivers");
    expect(list).toMatchObject([{ next: 0 }]);
    await expectServed(sender, channel, share);
    // It gets what its window allows, from the beginning.
    expect(decodeFrame(await liar.frame(1)).index).toBe(1);
    liar.ack(id, 2, 2);
    expect(decodeFrame(await liar.frame(3)).index).toBe(3);
    expect(liar.messages.map(({ t }) => t)).toEqual(["welcome", "offers"]);
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
      await using sender = await RawClient.offering(url, randomId(), share);
      sender.send(change(share.frame(1)));
      await expectFault(sender, "bad-message");
    }
    const channel = randomId();
    const fresh = rawShare(4);
    await using sender = await RawClient.offering(url, channel, fresh);
    sender.send(fresh.frame(3));
    sender.send(fresh.frame(0));
    await expectServed(sender, channel, fresh);
  });
});

describe("garbage", () => {
  const share = rawShare(2);
  const id = share.offer.share;
  const some: Message[] = [
    hello("receiver"),
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
      decodeControl(bytes);
      return undefined;
    } catch (error) {
      return error instanceof FaultError ? error.code : undefined;
    }
  }

  test("gets its sender a fault and the relay nothing", async () => {
    const channel = randomId();
    const kept = rawShare(4);
    await using sender = await RawClient.offering(url, channel, kept);
    const tried = fc.asyncProperty(strangers, garbage, async (role, bytes) => {
      const code = due(bytes, role);
      fc.pre(code !== undefined);
      const open = RawClient.open(url);
      await using client = await (role === undefined
        ? open
        : RawClient.greeted(url, role, randomId()));
      await using _ = await open;
      client.send(bytes);
      await expectFault(client, code);
    });
    await fc.assert(tried, { numRuns: 300 });
    await expectServed(sender, channel, kept);
  });
});
