/** What WebSocket frames cost that no client sends, and what becomes of clients while a worker ends. */
import { describe, expect, test } from "bun:test";
import { concat } from "../../protocol/mod.ts";
import { TEXT_MESSAGE_BYTES } from "../../relay/worker/socket-events.ts";
import { processMemory } from "../../relay/admin/machine.ts";
import { startRelay, type Relay } from "../../relay/mod.ts";
import { receive, newCode } from "../support/clients/clients.ts";
import { temporaryFolder } from "../support/disk.ts";
import { RawClient, randomId, rawShare } from "../support/relay/raw-client.ts";
import { RawSocket } from "../support/relay/raw-socket.ts";
import { expectServed } from "../support/relay/wire-checks.ts";

const MiB = 1024 * 1024;

async function serves(relay: Relay): Promise<void> {
  const channel = randomId();
  const share = rawShare(4);
  await using sender = await RawClient.offering(`${relay.url}/ws`, channel, share);
  await expectServed(`${relay.url}/ws`, sender, channel, share);
}

function ownMemory(): number {
  Bun.gc(true);
  return processMemory()!.anonymous;
}

describe.skipIf(process.platform !== "linux")("costs next to nothing (needs /proc)", () => {
  test("T6 100,000 empty fragments of one message", async () => {
    await using relay = await startRelay();
    await serves(relay);
    const before = ownMemory();
    await using socket = RawSocket.open(relay.port);
    expect(await socket.status()).toBe(101);
    const empty = Uint8Array.of(0x00, 0x80, 0, 0, 0, 0);
    socket.write(Uint8Array.of(0x02, 0x80, 0, 0, 0, 0));
    const many = concat(...Array<Uint8Array>(10_000).fill(empty));
    for (let times = 0; times < 10; times++) socket.write(many);
    await socket.flushed();
    await serves(relay);
    expect(ownMemory() - before).toBeLessThan(64 * MiB);
  });

  test("T7 500 sockets that each say they will send 16 MiB, and send 100 bytes", async () => {
    await using relay = await startRelay();
    await serves(relay);
    const before = ownMemory();
    await using stack = new AsyncDisposableStack();
    const sockets = Array.from({ length: 500 }, () => stack.use(RawSocket.open(relay.port)));
    for (const socket of sockets) {
      expect(await socket.status()).toBe(101);
      socket.frame(0x82, new Uint8Array(100), TEXT_MESSAGE_BYTES);
    }
    await Promise.all(sockets.map((socket) => socket.flushed()));
    await serves(relay);
    expect(ownMemory() - before).toBeLessThan(100 * MiB);
    expect(500 * TEXT_MESSAGE_BYTES).toBeGreaterThan(1000 * MiB);
  });

  test("T10 200,000 pings whose pongs nobody reads", async () => {
    await using relay = await startRelay();
    await serves(relay);
    const before = ownMemory();
    await using socket = RawSocket.open(relay.port);
    expect(await socket.status()).toBe(101);
    socket.pause();
    const ping = concat(Uint8Array.of(0x89, 0x80 | 100, 0, 0, 0, 0), new Uint8Array(100));
    const many = concat(...Array<Uint8Array>(10_000).fill(ping));
    for (let times = 0; times < 20; times++) socket.write(many);
    await serves(relay);
    expect(ownMemory() - before).toBeLessThan(100 * MiB);
  });
});

test("T20 a client that comes while a worker ends is there at once again", async () => {
  const crashed = Promise.withResolvers<void>();
  await using relay = await startRelay({
    workers: 2,
    supervision: { restartMs: 1 },
    onTrouble: () => crashed.resolve(),
  });
  using folder = temporaryFolder();
  const url = `${relay.url}/ws`;
  await using stack = new AsyncDisposableStack();
  const clients = Array.from({ length: 5 }, () => {
    return stack.use(receive({ relay: url, code: newCode(), out: folder.path }));
  });
  // In the queue of a worker when it ends, or turned away by the kernel.
  const sockets = Array.from({ length: 100 }, () => RawSocket.open(relay.port));
  relay.crashWorker(0);
  await crashed.promise;
  const statuses = await Promise.all(sockets.map((socket) => socket.status()));
  // No answer at all is no number; 503 is what Bun itself says while a thread of its own ends.
  const allowed = new Set([101, 503, Number.NaN]);
  expect(statuses.filter((status) => !allowed.has(status))).toEqual([]);
  for (const socket of sockets) await socket[Symbol.asyncDispose]();
  // Those of ours try again, whatever became of their first line.
  await Promise.all(clients.map((client) => client.when("waiting")));
  await serves(relay);
  for (let again = 0; again < 20; again++) {
    await using _client = await RawClient.greeted(url, "receiver", randomId());
  }
});
