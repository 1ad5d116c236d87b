/** Clients at the doors for HTTP and the original app that are there and do nothing: T1, T11 of the hostile inputs. */
import { describe, expect, test } from "bun:test";

import { type RelayLimitName } from "../../../relay/limits/operator-limits.ts";
import { StallTimer } from "../../../relay/limits/stall-timer.ts";
import { progressOf } from "../../../relay/lobby/body.ts";
import type { Relay } from "../../../relay/mod.ts";
import { content } from "../../support/files.ts";
import { limitedRelay } from "../../support/relay/limited.ts";
import { RawClient, randomId, rawShare, pathOf } from "../../support/relay/raw-client.ts";
import { RawHttp, rawHttp } from "../../support/relay/raw-http.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { OriginalSender } from "../../support/relay/original-clients.ts";
import { until } from "../../support/until.ts";

const MiB = 2 ** 20;
/** Enough for a client that has its name ready, on a machine that is busy. */
const HELLO_MS = 2000;
/** More than the kernel takes for who reads nothing. */
const BYTES = content(3, 48 * MiB);

function http({ url }: Relay): string {
  return url.replace("ws", "http");
}

/** Asks, and reads nothing before it is told to. */
function stillReader({ port }: Relay, path: string): RawHttp {
  return new RawHttp(port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, { isPaused: true });
}

/** Of a file that is larger than what kernels and the relay hold. */
class Upload implements AsyncDisposable {
  readonly #aborted = new AbortController();
  readonly #response: Promise<Response>;

  constructor(relay: Relay) {
    const { signal } = this.#aborted;
    this.#response = fetch(`${http(relay)}/lobby/x`, { method: "PUT", body: BYTES, signal });
  }

  /** Reads its lines up to this. */
  async says(words: string): Promise<void> {
    const { body } = await this.#response;
    let said = "";
    for await (const text of body!.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (said.includes(words)) return;
    }
    throw new Error(`it ended without that: ${said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#aborted.abort();
    await this.#response.catch(() => undefined);
  }
}

async function counted(relay: Relay, name: RelayLimitName): Promise<void> {
  while (relay.refusals[name] === 0) await Bun.sleep(1);
}

async function nobodyLeft({ port }: Relay, from: string): Promise<void> {
  // As soon as there is room for one more.
  await until(async () => {
    const { status } = await fetch(`http://127.0.0.1:${port}/lobby/none`, {
      method: "HEAD",
      headers: { "x-forwarded-for": from },
    });
    return status === 404;
  });
}

describe("T1 a download that is not read", () => {
  test.each([
    ["T1 of the lobby", "/lobby"],
    ["T11 of a file by its name", "/lobby/some.bin"],
  ])("%s is cut, counted, and holds up nobody else", async (_, path) => {
    await using relay = await limitedRelay({ "unread-timeout": 1500 });
    using still = stillReader(relay, path);
    const healthy = fetch(`${http(relay)}${path}`).then((response) => response.bytes());
    const sent = await fetch(`${http(relay)}/lobby/some.bin?receivers=2`, {
      method: "PUT",
      body: BYTES,
    });
    expect(Buffer.compare(await healthy, BYTES)).toBe(0);
    expect(await sent.text()).toContain("sent: to 1 receiver that can't say that it saved it");
    still.read();
    const came = await still.closed;
    expect(came.length).toBeLessThan(BYTES.length);
    // The end of a body in chunks.
    expect(came.endsWith("0\r\n\r\n")).toBe(false);
    expect(relay.refusals["unread-timeout"]).toBe(1);
  });

  test("T1 of the ciphertext of a share is cut with a reset", async () => {
    // Another worker may hear of the share after its sender was accepted.
    const limits = { "unread-timeout": 1500, "max-sockets": 2 };
    await using relay = await limitedRelay(limits, { workers: 1 });
    const channel = randomId();
    const share = rawShare(48, 900_000);
    await using sender = await RawClient.serving(`${relay.url}/ws`, channel, share);
    using still = stillReader(relay, pathOf(share));
    await counted(relay, "unread-timeout");
    await nobodyLeft(relay, "192.0.2.1");
    expect(sender.socket.readyState).toBe(WebSocket.OPEN);
    still.read();
    expect((await still.closed).length).toBeLessThan(48 * 900_000);
    if (process.platform === "linux") expect(still.code).toBe("ECONNRESET");
    expect(relay.refusals["unread-timeout"]).toBe(1);
  });

  test("T1 of the only one of a share is cut too, and its sender told", async () => {
    await using relay = await limitedRelay({ "unread-timeout": 1500 });
    using still = stillReader(relay, "/lobby");
    await using upload = new Upload(relay);
    await upload.says("went away");
    still.read();
    expect((await still.closed).length).toBeLessThan(BYTES.length);
    expect(relay.refusals["unread-timeout"]).toBe(1);
  });
});

test("T11 a receiver of the original app that says it is there and reads nothing is cut", async () => {
  await using relay = await limitedRelay({ "unread-timeout": 1500 });
  const socket = new WebSocket(`${relay.url}/receiver`);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
  socket.pause();
  const alive = setInterval(() => socket.send("alive"), 100);
  await using upload = new Upload(relay);
  await upload.says("went away");
  clearInterval(alive);
  socket.resume();
  await closed;
  expect(relay.refusals["unread-timeout"]).toBe(1);
});

describe("a client that waits, or is slow,", () => {
  type Step = readonly [isFull: boolean, taken: number, now: number, stalledMs: number];

  test.each<readonly [string, readonly Step[]]>([
    [
      "T11 takes a piece now and then",
      [
        [true, 0, 0, 0],
        [true, 0, 99, 99],
        [true, 1, 150, 0],
        [true, 1, 250, 100],
      ],
    ],
    [
      "T1 waits for a sender",
      [
        [false, 3, 0, 0],
        [false, 3, 1e9, 0],
        [true, 3, 1e9 + 1, 0],
      ],
    ],
  ])("%s, and is not late", (_, steps) => {
    const stall = new StallTimer();
    for (const [isFull, taken, now, stalledMs] of steps) {
      expect(stall.stalledFor(progressOf({ isFull, taken }), now)).toBe(stalledMs);
    }
    const held = { isFull: true, taken: 9, isHeldBack: true };
    expect(stall.stalledFor(progressOf(held), 2e9)).toBe(0);
  });

  test("T1 gets the file of a sender that comes later, over real sockets", async () => {
    await using relay = await limitedRelay({ "unread-timeout": 500, "message-timeout": 500 });
    const taking = fetch(`${http(relay)}/lobby/x`).then((response) => response.text());
    // One that drips, and does not say how long it is: nobody knows whether it is slow.
    const chunked = "PUT /lobby/x HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n";
    const put = new RawHttp(relay.port, chunked, { until: "sent: " });
    // Half a chunk, then the other half.
    put.write("4\r\nab");
    // As long as one waits that does.
    const other = await fetch(`${http(relay)}/lobby/y`, {
      method: "PUT",
      headers: { "content-length": "1000" },
      body: new ReadableStream(),
    }).catch(() => undefined);
    await counted(relay, "message-timeout");
    await other?.body?.cancel().catch(() => undefined);
    put.write("cd\r\n0\r\n\r\n");
    expect(await taking).toBe("abcd");
    expect(await put.closed).toContain("sent: to 1 receiver that can't say that it saved it");
  });
});

describe("a sender that does nothing", () => {
  test("T1 by HTTP, of a length that nobody knows, is ended when nobody came for so long", async () => {
    await using relay = await limitedRelay({ "join-timeout": 500 });
    const chunked = "PUT /lobby/x HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect(await rawHttp(relay.port, chunked)).toContain("failed: ");
    expect(relay.refusals["join-timeout"]).toBe(1);
  });

  test("T2 of the original app that says no name is closed, and told why", async () => {
    await using relay = await limitedRelay({ "hello-timeout": 300 });
    await using socket = RawSocket.open(relay.port, {}, "/sender");
    expect(await socket.closed).toBe(1013);
    expect(relay.refusals["hello-timeout"]).toBe(1);
  });

  test("T2 of the original app that was told of its success and stays is closed", async () => {
    await using relay = await limitedRelay({ "hello-timeout": HELLO_MS });
    const taking = fetch(`${http(relay)}/lobby`).then((response) => response.text());
    const socket = new WebSocket(`${relay.url}/sender`);
    const told: unknown[] = [];
    socket.addEventListener("message", ({ data }) => told.push(data));
    const closed = new Promise<number>((resolve) => {
      socket.addEventListener("close", ({ code }) => resolve(code));
    });
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    socket.send("x");
    socket.send(new TextEncoder().encode("some"));
    socket.send(new TextEncoder().encode("__end__"));
    expect(await taking).toBe("some");
    expect(await closed).toBe(1000);
    expect(told).toEqual(["File transfer successful"]);
    expect(relay.refusals["hello-timeout"]).toBe(0);
  });

  test("T2 of the original app that has a name may be silent", async () => {
    await using relay = await limitedRelay({ "hello-timeout": HELLO_MS });
    await using sender = await OriginalSender.connect(relay.url);
    sender.name("x");
    await using other = RawSocket.open(relay.port, {}, "/sender");
    await other.closed;
    const taking = fetch(`${http(relay)}/lobby`).then((response) => response.text());
    sender.bytes(new TextEncoder().encode("some"));
    sender.end();
    expect(await taking).toBe("some");
    expect(await sender.answer).toBe("File transfer successful");
  });
});
