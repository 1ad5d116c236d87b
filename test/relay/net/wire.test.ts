import { describe, expect, test } from "bun:test";
import {
  CLIENT_CONTROL_BYTES,
  encodeControl,
  FRAME_BYTES,
  PROTOCOL_VERSION,
  type Message,
} from "../../../protocol/mod.ts";
import { TEXT_MESSAGE_BYTES } from "../../../relay/worker/socket-events.ts";
import { startRelay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { relayOfFile } from "../../support/relay/relay-of-file.ts";
import { expectFault, unprovedHello } from "../../support/relay/wire-checks.ts";

const file = relayOfFile();

describe("messages that are none", () => {
  test("T9 a text message is refused", async () => {
    await using client = await RawClient.open(file.url);
    client.send('{"t":"hello"}');
    await expectFault(client, "bad-message");
  });

  test("a control message over its limit is refused", async () => {
    await using client = await RawClient.open(file.url);
    client.send(new Uint8Array(CLIENT_CONTROL_BYTES + 1).fill(0x80));
    await expectFault(client, "bad-message");
  });

  test("anything before hello, and another version, is refused", async () => {
    await using early = await RawClient.open(file.url);
    early.ack(randomId(), 0, 1);
    await expectFault(early, "bad-message");
    await using old = await RawClient.open(file.url);
    old.send({ ...unprovedHello("receiver"), v: PROTOCOL_VERSION + 1 } as Message);
    await expectFault(old, "version-mismatch");
  });

  test("T5 a message over the limit is refused from its header with 1009", async () => {
    await using closed = await startRelay({ lobby: false });
    for (const [{ port }, claims] of [
      [closed, FRAME_BYTES + 1],
      [closed, 2 ** 40],
      [file.relay, TEXT_MESSAGE_BYTES + 1],
      [file.relay, 2 ** 40],
    ] as const) {
      await using socket = RawSocket.open(port);
      expect(await socket.status()).toBe(101);
      socket.frame(0x82, new Uint8Array(10), claims);
      expect(await socket.closed).toBe(1009);
    }
    await using socket = RawSocket.open(file.relay.port);
    expect(await socket.status()).toBe(101);
    socket.frame(0x82, new Uint8Array(10), 2n ** 63n);
    expect([1009, 1002, undefined]).toContain(await socket.closed);
  });

  test("T5 a frame over its limit is refused, where clients of the original app may send more", async () => {
    await using client = await RawClient.greeted(file.url, "sender", randomId());
    client.send(new Uint8Array(FRAME_BYTES + 1).fill(0xc1));
    await expectFault(client, "bad-message");
  });

  test("T6 fragments that together are over the limit are refused", async () => {
    await using closed = await startRelay({ lobby: false });
    await using socket = RawSocket.open(closed.port);
    expect(await socket.status()).toBe(101);
    // Of a client that may not send frames the kernel takes little at a time.
    await socket.hello("sender", randomId());
    const half = new Uint8Array(FRAME_BYTES / 2);
    socket.frame(0x02, half);
    socket.frame(0x00, half);
    socket.frame(0x00, half);
    socket.frame(0x80, half);
    expect([1009, undefined]).toContain(await socket.closed);
  });

  test("T8 T9 compression is not agreed to, and what claims it is refused", async () => {
    await using socket = RawSocket.open(file.relay.port, {
      "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    });
    expect(await socket.status()).toBe(101);
    expect((await socket.head).toLowerCase()).not.toContain("extensions");
    socket.frame(0xc2, encodeControl(unprovedHello("receiver")));
    expect([1002, undefined]).toContain(await socket.closed);
  });
});

describe("requests that are none", () => {
  test.each(["https://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:1", "x"])(
    "T12 a page of %s gets 403",
    async (origin) => {
      await using socket = RawSocket.open(file.relay.port, { Origin: origin });
      expect(await socket.status()).toBe(403);
    },
  );

  test("T12 a page of the relay itself, and a client without origin, are welcome", async () => {
    const origin = `http://127.0.0.1:${file.relay.port}`;
    await using page = RawSocket.open(file.relay.port, { Origin: origin });
    expect(await page.status()).toBe(101);
    await using client = RawSocket.open(file.relay.port);
    expect(await client.status()).toBe(101);
  });

  test("T15 without an upgrade, or with half of one, there is 426 and no more", async () => {
    const http = file.url.replace("ws:", "http:");
    const plain = await fetch(http);
    expect(plain.status).toBe(426);
    expect(plain.headers.get("upgrade")).toBe("websocket");
    await using keyless = RawSocket.open(file.relay.port, { "Sec-WebSocket-Key": "short" });
    expect([400, 426]).toContain(await keyless.status());
    const posted = await fetch(http, { method: "POST", body: "x".repeat(100) });
    expect([413, 426]).toContain(posted.status);
  });

  test("P9 other paths tell nothing", async () => {
    const base = file.url.replace("ws:", "http:").replace("/ws", "");
    const paths = ["/metrics", "/health", "/ws/", "/ws/../ws/x", "/shares", "/%77s"];
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
    { t: "challenge", nonce: new Uint8Array(32) },
    { t: "welcome", session: new Uint8Array(8), limits: { frame: 1, window: 1, credit: 1 } },
    { t: "want", share: id, first: 0, count: 1 },
    { t: "completed", share: id },
    { t: "fault", code: "relay-error", message: "", retry: false },
  ];

  const hellos = [unprovedHello("sender"), unprovedHello("receiver")];

  test.each([
    { role: "receiver" as const, others: fromSenders },
    { role: "sender" as const, others: fromReceivers },
  ])("a $role is refused what is not for it to say", async ({ role, others }) => {
    for (const message of [...others, ...fromRelays, ...hellos]) {
      await using client = await RawClient.greeted(file.url, role, randomId());
      client.send(message);
      await expectFault(client, "wrong-role");
    }
  });

  test("a receiver is refused frames, and so is a sender of those of another share", async () => {
    const channel = randomId();
    await using sender = await RawClient.offering(file.url, channel, share);
    await using receiver = await RawClient.greeted(file.url, "receiver", channel);
    receiver.send(share.frame(0));
    await expectFault(receiver, "wrong-role");

    const other = rawShare(4);
    await using stranger = await RawClient.offering(file.url, channel, other);
    stranger.send(share.frame(0));
    await expectFault(stranger, "bad-message");
    await using silent = await RawClient.greeted(file.url, "sender", channel);
    silent.send(share.frame(0));
    await expectFault(silent, "bad-message");
    sender.send({ t: "end", share: id });
  });
});
