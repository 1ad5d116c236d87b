import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { LOBBY_CODE } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import { WAIT_MS } from "../../support/patience.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { Speaker } from "../../support/net/speaker.ts";

/** An HTTP server that answers so, and nothing to WebSockets that it takes (`status` 101). */
function httpServer(status: number): AsyncDisposable & { url: string } {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) =>
      status === 101 && server.upgrade(request)
        ? undefined
        : new Response("hello", { status: status === 101 ? 426 : status }),
    websocket: { message: () => undefined },
  });
  return {
    url: `ws://127.0.0.1:${server.port}/ws`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** An address where nobody listens, and its port. */
async function nobody(): Promise<{ url: string; port: number }> {
  const port = await ownPort();
  return { url: `ws://127.0.0.1:${port}/ws`, port };
}

/** A sender and a receiver that try the address for so long. */
async function bothAt(
  relay: string,
  connectTimeoutMs: number,
  check: (client: Running) => Promise<void>,
): Promise<void> {
  using folder = temporaryFolder();
  const code = newCode();
  const { path } = makeFile(folder.path, "a.bin", 100);
  await using sender = send({ relay, code, path, connectTimeoutMs });
  await using receiver = receive({ relay, code, out: folder.path, connectTimeoutMs });
  await Promise.all([check(sender), check(receiver)]);
  expect(list(folder.path)).toEqual(["a.bin"]);
}

function endsWith(code: "relay-unreachable" | "not-a-relay", relay: string) {
  return async (client: Running): Promise<void> => {
    expect(await client.outcome).toEqual({ fault: code, exitCode: 1 });
    const errors = client.all("error");
    expect(errors).toMatchObject([{ code }]);
    expect(errors[0]!.message).toContain(relay);
    expect(client.all("relay").filter(({ online }) => online)).toEqual([]);
  };
}

describe("no relay at the address", () => {
  test("ends send and receive after the time given", async () => {
    const { url } = await nobody();
    await bothAt(url, 300, endsWith("relay-unreachable", url));
  });

  test("the lobby keeps trying, says so, and takes files once a relay is there", async () => {
    using folder = temporaryFolder();
    const { url, port } = await nobody();
    const job = { relay: url, code: LOBBY_CODE };
    await using receiver = receive({ ...job, out: folder.path, lobby: true, prefix: "rcv_" });
    const offline = await receiver.when("relay", ({ online }) => !online);
    expect(offline).toMatchObject({ url, code: "relay-unreachable" });
    await using relay = await startRelay({ port });
    expect(relay.port).toBe(port);
    await receiver.when("relay", ({ online }) => online);
    const file = makeFile(folder.path, "a.bin", 5000);
    await using sender = send({ ...job, path: file.path });
    expect((await sender.outcome).exitCode).toBe(0);
    await receiver.when("saved");
    expect(bytesOf(join(folder.path, "rcv_a.bin"))).toEqual(file.bytes);
  });
});

describe("something else at the address", () => {
  test.each([{ status: 200 }, { status: 404 }, { status: 301 }])(
    "T17 an HTTP server that answers $status is no relay",
    async ({ status }) => {
      await using server = httpServer(status);
      await bothAt(server.url, WAIT_MS, endsWith("not-a-relay", server.url));
    },
  );

  test.each([
    { says: "220 mail.example.org ESMTP ready\r\n" },
    { says: "\u0000\u0001\u0002\r\n\r\n" },
    { says: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" },
  ])("T17 a server that says $says is no relay", async ({ says }) => {
    await using server = await Speaker.start(says, "at once");
    await bothAt(server.url, WAIT_MS, endsWith("not-a-relay", server.url));
  });

  test("T18 a server that accepts and never answers is given up after the time given", async () => {
    await using server = await Speaker.start();
    await bothAt(server.url, 500, endsWith("relay-unreachable", server.url));
  });

  test("T18 a WebSocket server that says no welcome is no relay", async () => {
    await using server = httpServer(101);
    // Time for a line: before there is one it is no address of anything.
    await bothAt(server.url, 3000, endsWith("not-a-relay", server.url));
  });
});

test("croc #366: a receiver with another code sees no offer and gets no record", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  await using proxy = await Proxy.start({ port: relay.port });
  const file = makeFile(folder.path, "a.bin", 3_000_000);
  const code = newCode();
  await using wrong = receive({ relay: proxy.url, code: newCode(), out: folder.path });
  await wrong.when("waiting");
  await using sender = send({ relay: `${relay.url}/ws`, code, path: file.path });
  await using right = receive({ relay: `${relay.url}/ws`, code, out: folder.path });
  for (const client of [right, sender]) expect((await client.outcome).exitCode).toBe(0);
  wrong.interrupt();
  expect(await wrong.outcome).toEqual({ fault: "interrupted", exitCode: 130 });
  expect(wrong.seen.map(({ event }) => event)).toEqual(["relay", "waiting", "error"]);
  expect(proxy.down).toEqual([]);
});
