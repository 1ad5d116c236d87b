/** Limits of sockets and attempts: T4, P1 of the hostile inputs, over all workers and doors. */
import { describe, expect, test } from "bun:test";

import { type Relay } from "../../../relay/mod.ts";
import { expectOver, limitedRelay, policyOf } from "../../support/relay/limited.ts";
import { lobbyKeys } from "../../../relay/lobby/lobby-keys.ts";
import { hasNative } from "../../support/relay/log-rooms.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { RawReceiver } from "../../support/relay/raw-receiver.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { until } from "../../support/until.ts";

const MANY = 12;

/** Of a binary message, masked with zeros. */
function frameHead(length: number): Buffer {
  const bytes = Buffer.alloc(14);
  bytes[0] = 0x82;
  bytes[1] = 0x80 | 127;
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}

/** A sender of the original app that has a name, and no bytes. */
class OriginalSenderLine implements Disposable {
  readonly closed: Promise<string>;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ reason }) => resolve(reason));
    });
  }

  static async open(url: string): Promise<OriginalSenderLine> {
    const socket = new WebSocket(`${url}/sender`);
    const line = new OriginalSenderLine(socket);
    await new Promise<void>((resolve) => socket.addEventListener("open", () => resolve()));
    socket.send("name");
    return line;
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}

function ask(relay: Relay, from: string, path = "/"): Promise<Response> {
  const url = `http://127.0.0.1:${relay.port}${path}`;
  return fetch(url, { headers: { "x-forwarded-for": from } });
}

async function expectRefused(answer: Response, status: number, name: string): Promise<void> {
  expect(answer.status).toBe(status);
  expect(await answer.text()).toContain(`${name}: `);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
}

describe("T4 sockets", () => {
  test("of one address are refused over its limit, at whatever worker, and others are not", async () => {
    await using relay = await limitedRelay({ "sockets-per-address": MANY });
    await using open = new AsyncDisposableStack();
    const url = `${relay.url}/ws`;
    for (let at = 0; at < MANY; at++) {
      open.use(await RawClient.greeted(url, "receiver", randomId(), "2001:db8::1"));
    }
    // Of the same /64.
    await using more = await RawClient.open(url, "2001:db8::2");
    await expectOver(relay, more, "sockets-per-address");
    await expectRefused(
      await ask(relay, "2001:db8:0:0:ffff::", "/lobby/some"),
      429,
      "sockets-per-address",
    );
    await expectRefused(await ask(relay, "2001:db8::3", "/lobby"), 429, "sockets-per-address");
    await using other = await RawClient.greeted(url, "receiver", randomId(), "2001:db8:0:1::1");
    await open.disposeAsync();
    // As soon as the relay saw them go.
    await until(async () => {
      await using again = await RawClient.open(url, "2001:db8::2");
      await again.hello("receiver", randomId());
      const { t } = await Promise.race([again.when("welcome"), again.when("fault")]);
      return t === "welcome";
    });
    expect(await Promise.race([other.closed, Promise.resolve("open")])).toBe("open");
  });

  test("in all are refused over their limit, of this machine too", async () => {
    await using relay = await limitedRelay({ "max-sockets": MANY });
    await using open = new AsyncDisposableStack();
    const url = `${relay.url}/ws`;
    for (let at = 0; at < MANY; at++) {
      const from = at % 2 === 0 ? undefined : `192.0.2.${at}`;
      open.use(await RawClient.greeted(url, "receiver", randomId(), from));
    }
    await using more = await RawClient.open(url);
    await expectOver(relay, more, "max-sockets");
    await expectRefused(await ask(relay, "192.0.2.1", "/lobby"), 503, "max-sockets");
    // A request for help has ended before it counts.
    expect((await ask(relay, "192.0.2.1")).status).toBe(200);
  });

  test("of a worker that crashed make room", async () => {
    await using relay = await limitedRelay(
      { "max-sockets": 4 },
      { workers: 1, supervision: { restartMs: 1 } },
    );
    const url = `${relay.url}/ws`;
    const before = [1, 2, 3, 4].map(() => RawClient.greeted(url, "receiver", randomId()));
    const clients = await Promise.all(before);
    relay.crashWorker(0);
    for (const client of clients) await client.closed;
    await until(() =>
      fetch(`http://127.0.0.1:${relay.port}/`).then(
        () => true,
        () => false,
      ),
    );
    await using open = new AsyncDisposableStack();
    for (let at = 0; at < 4; at++) {
      open.use(await RawClient.greeted(url, "receiver", randomId()));
    }
    await using more = await RawClient.open(url);
    await expectOver(relay, more, "max-sockets");
  });

  test("that are let in while a limit is lowered stay", async () => {
    await using relay = await limitedRelay({});
    const url = `${relay.url}/ws`;
    await using first = await RawClient.greeted(url, "receiver", randomId());
    await using second = await RawClient.greeted(url, "receiver", randomId());
    relay.setPolicy(policyOf({ "max-sockets": 1 }));
    await until(async () => {
      await using more = await RawClient.open(url);
      await more.hello("receiver", randomId());
      const { t } = await Promise.race([more.when("welcome"), more.when("fault")]);
      return t === "fault";
    });
    for (const { socket } of [first, second]) expect(socket.readyState).toBe(WebSocket.OPEN);
    expect(() => relay.setPolicy(policyOf({ "max-sockets": NaN }))).toThrow(RangeError);
  });
});

describe("a client", () => {
  test("T2 that says no hello in time hears so", async () => {
    await using relay = await limitedRelay({ "hello-timeout": 300 });
    await using client = await RawClient.open(`${relay.url}/ws`);
    await expectOver(relay, client, "hello-timeout");
  });

  test("T10 that asks for nonsense without end hears so, and others do not", async () => {
    await using relay = await limitedRelay({ "messages-per-second": 5 });
    const url = `${relay.url}/ws`;
    await using other = await RawClient.greeted(url, "receiver", randomId());
    await using client = await RawClient.greeted(url, "receiver", randomId());
    for (let at = 0; at < 1000; at++) client.join(randomId(), 0, 1);
    await expectOver(relay, client, "messages-per-second");
    expect(client.messages.filter(({ t }) => t === "cancel").length).toBeLessThan(100);
    expect(other.socket.readyState).toBe(WebSocket.OPEN);
  });

  test("T10 that acknowledges each of many records is none", async () => {
    await using relay = await limitedRelay({ "messages-per-second": 5 });
    const url = `${relay.url}/ws`;
    const channel = randomId();
    const share = rawShare(2000, 100);
    await using sender = await RawClient.serving(url, channel, share);
    await using receiver = await RawClient.greeted(url, "receiver", channel);
    await receiver.offered(share);
    receiver.onFrame = () => receiver.ack(share.offer.share, receiver.frames.length, 16);
    receiver.join(share.offer.share, 0, 16);
    await receiver.frame(1999);
    for (const { socket } of [sender, receiver]) expect(socket.readyState).toBe(WebSocket.OPEN);
    expect(relay.refusals["messages-per-second"]).toBe(0);
  });

  test.skipIf(!hasNative)("T3 that drips a frame is told so, by whichever door", async () => {
    await using relay = await limitedRelay({ "message-timeout": 1000 });
    const options = {
      port: relay.port,
      channel: randomId(),
      share: rawShare(1),
      role: "sender",
    } as const;
    await using receiver = await RawReceiver.greeted(options);
    const { socket } = receiver;
    await using text = RawSocket.open(relay.port, {}, "/sender");
    await text.status();
    text.frame(0x82, new Uint8Array(100_000), 2 ** 20);
    // A frame that will never be whole.
    const begun = Buffer.concat([frameHead(2 ** 20), new Uint8Array(100_000)]);
    socket.write(begun);
    const drip = setInterval(() => socket.write(new Uint8Array(1)), 50);
    await socket.closed;
    clearInterval(drip);
    expect(receiver.events).toContain("fault timed-out");
    expect(receiver.faultText).toStartWith("message-timeout: ");
    expect(await text.closed).toBe(1013);
    expect(text.reason).toContain("message-timeout: ");
    expect(relay.refusals["message-timeout"]).toBe(2);
  });

  test.skipIf(!hasNative)(
    "of HTTP that waits and is not there any more is found by the kernel (GNU/Linux)",
    async () => {
      await using relay = await limitedRelay({});
      const aborted = new AbortController();
      const { signal } = aborted;
      const url = `http://127.0.0.1:${relay.port}/lobby`;
      const waits = fetch(url, { signal }).catch(() => undefined);
      // A row of the kernel's table, with the port in hex; a timer of 02 is that of keepalive.
      const port = relay.port.toString(16).toUpperCase().padStart(4, "0");
      const row = new RegExp(`^ *\\d+: 0100007F:${port} \\S+ 01 \\S+ 02:`, "m");
      while (!row.test(await Bun.file("/proc/net/tcp").text())) await Bun.sleep(1);
      aborted.abort();
      await waits;
    },
  );

  test("of another door over a limit of shares hears which", async () => {
    await using relay = await limitedRelay({ "shares-per-channel": 1 });
    const url = `http://127.0.0.1:${relay.port}/lobby/x`;
    const first = fetch(url, { method: "PUT", body: "some" });
    await using lobby = await RawClient.greeted(`${relay.url}/ws`, "receiver", lobbyKeys());
    await lobby.when("offers", ({ list }) => list.length === 1);
    using text = await OriginalSenderLine.open(relay.url);
    expect(await text.closed).toContain("shares-per-channel: ");
    const taken = await fetch(`http://127.0.0.1:${relay.port}/lobby`);
    expect(await taken.text()).toBe("some");
    expect(await (await first).text()).toContain(
      "sent: to 1 receiver that can't say that it saved it",
    );
  });
});

describe("P1 guesses", () => {
  test("of one address are refused after so many in a minute, by every door", async () => {
    // So that the next is allowed after a minute, and not amid these.
    await using relay = await limitedRelay({ "attempts-per-minute": 1 });
    const guess = `/c/${"ab".repeat(16)}/${"cd".repeat(16)}`;
    expect((await ask(relay, "192.0.2.1", guess)).status).toBe(404);
    for (let at = 0; at < 20; at++) {
      await expectRefused(await ask(relay, "192.0.2.1", guess), 429, "attempts-per-minute");
    }
    expect(relay.refusals["attempts-per-minute"]).toBe(20);
    for (const path of ["/ws", "/sender", "/lobby/x", "/nothing", "/"]) {
      await expectRefused(await ask(relay, "192.0.2.1", path), 429, "attempts-per-minute");
    }
    // Others, and who is on this machine, are not in it.
    expect((await ask(relay, "192.0.2.2", guess)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${relay.port}${guess}`)).status).toBe(404);
  });
});
