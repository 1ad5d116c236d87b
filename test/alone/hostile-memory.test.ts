/**
 * Clients that make a relay hold what they do not take, or do not finish, by each of its doors: what a
 * crowd of them costs a relay in a process of its own.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";

import { STILL_BYTES } from "../../relay/limits/memory-budget.ts";
import { RelayProcess } from "../support/clients/processes.ts";
import { content } from "../support/files.ts";
import {
  RawClient,
  pathOf,
  randomId,
  rawShare,
  type RawShare,
} from "../support/relay/raw-client.ts";
import { RawSocket } from "../support/relay/raw-socket.ts";

const MiB = 2 ** 20;
const CROWD = 200;
const WORKERS = 2;
/** Of one that reads nothing, ours alone: a piece, its objects, and garbage. Each was 1.1 to 2 MB. */
const UNREAD_BYTES = 96 * 1024;
/** Memory that a relay takes for the one healthy receiver, and for the lobby's records that it opened. */
const HEALTHY_BYTES = 56 * MiB;
const SIZE = 24 * MiB;
const RECORD = 900_000;

const UPGRADE =
  "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const open: Socket[] = [];

afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});

/** Asks, and never reads what comes. */
async function asks({ port }: RelayProcess, path: string, headers = ""): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1" }).pause();
  open.push(socket);
  socket.on("error", () => undefined);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("close", () => resolve());
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`, () => resolve());
  await promise;
}

/** The crowd holds less than that, once the garbage of what the kernel took is collected. */
async function holdsLess(relay: RelayProcess, before: number, bytes: number): Promise<void> {
  while (relay.anonymous - before >= bytes) await Bun.sleep(20);
}

async function crowd(ask: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: CROWD }, ask));
}

/** A file in the lobby, and one client among the crowd that takes it. */
async function throughLobby(relay: RelayProcess, path: string): Promise<void> {
  const http = `http://127.0.0.1:${relay.port}`;
  const bytes = content(5, SIZE);
  const taking = fetch(`${http}${path}`).then((response) => response.bytes());
  const sent = fetch(`${http}/lobby/some.bin`, { method: "PUT", body: bytes });
  expect(Buffer.compare(await taking, bytes)).toBe(0);
  await (await sent).body?.cancel();
}

async function serving(relay: RelayProcess): Promise<{
  channel: Uint8Array;
  share: RawShare;
  sender: RawClient;
}> {
  const channel = randomId();
  const share = rawShare(24, RECORD);
  return { channel, share, sender: await RawClient.serving(relay.url, channel, share) };
}

describe.skipIf(process.platform !== "linux")("two hundred that read nothing (needs /proc)", () => {
  test.each([
    ["the lobby", "/lobby", "/lobby", ""],
    ["a file of the lobby", "/lobby/some.bin", "/lobby/some.bin", ""],
    ["the original app's door", "/receiver", "/lobby", UPGRADE],
  ])("of %s cost a piece each, and one beside them takes all", async (_, path, own, headers) => {
    await using relay = await RelayProcess.start({ workers: WORKERS });
    await throughLobby(relay, own);
    const before = relay.anonymous;
    await crowd(() => asks(relay, path, headers));
    await throughLobby(relay, own);
    await holdsLess(relay, before, CROWD * UNREAD_BYTES + HEALTHY_BYTES);
  });

  test("of the ciphertext of a share cost a piece each, and one beside them takes all", async () => {
    await using relay = await RelayProcess.start({ workers: WORKERS });
    const { share, sender } = await serving(relay);
    await using _ = sender;
    const path = pathOf(share);
    const take = async (): Promise<void> => {
      const response = await fetch(`http://127.0.0.1:${relay.port}${path}`);
      const { length } = await response.bytes();
      expect(length).toBeGreaterThan(24 * RECORD);
    };
    // Another worker may hear of the share after its sender was accepted.
    while (
      (await fetch(`http://127.0.0.1:${relay.port}${path}`, { method: "HEAD" })).status === 404
    );
    await take();
    const before = relay.anonymous;
    await crowd(() => asks(relay, path));
    await take();
    await holdsLess(relay, before, CROWD * UNREAD_BYTES + HEALTHY_BYTES);
  });

  test("of a share by our protocol, to whom the kernel does not send, share a part of the memory", async () => {
    await using relay = await RelayProcess.start({ workers: WORKERS });
    const { channel, share, sender } = await serving(relay);
    await using _ = sender;
    await using stack = new AsyncDisposableStack();
    const before = relay.anonymous;
    const told = await Promise.all(
      Array.from({ length: CROWD }, async () => {
        // Not quiet: it may ping, so Bun sends to it, and whole frames.
        const client = stack.use(await RawClient.greeted(relay.url, "receiver", channel));
        await client.when("offers", ({ list }) => list.length > 0);
        client.join(share.offer.share, 0, 16);
        client.socket.pause();
        return client;
      }),
    );
    expect(told).toHaveLength(CROWD);
    // One of ours: it waits for nobody's memory.
    await using healthy = await RawClient.open(relay.url);
    await healthy.hello("receiver", channel, { quiet: true });
    await healthy.when("offers", ({ list }) => list.length > 0);
    let frames = 0;
    const { promise: all, resolve } = Promise.withResolvers<void>();
    healthy.onFrame = () => {
      healthy.ack(share.offer.share, ++frames, 16);
      if (frames === 24) resolve();
    };
    healthy.join(share.offer.share, 0, 16);
    await all;
    const most = WORKERS * (STILL_BYTES + MiB) + HEALTHY_BYTES;
    expect(most).toBeLessThan(CROWD * RECORD);
    await holdsLess(relay, before, most);
  });
});

const KINDS = ["stranger", "receiver", "text receiver"] as const;

describe.skipIf(process.platform !== "linux")("sixty unfinished messages (needs /proc)", () => {
  test.concurrent.each(KINDS)(
    "of 16 MB, each of a %s, are refused before they are much",
    async (kind) => {
      await using relay = await RelayProcess.start({ workers: WORKERS });
      const before = relay.anonymous;
      let peak = 0;
      const looking = setInterval(() => (peak = Math.max(peak, relay.anonymous)), 10);
      await using stack = new AsyncDisposableStack();
      const closed = Array.from({ length: 60 }, async () => {
        const path = kind === "text receiver" ? "/receiver" : "/ws";
        const socket = stack.use(RawSocket.open(relay.port, {}, path));
        expect(await socket.status()).toBe(101);
        if (kind === "receiver") await socket.hello("receiver", randomId());
        // Pieces as of a network: what is larger than the relay takes at once it does not take at all.
        socket.frame(0x82, new Uint8Array(1000), 16_000_000);
        for (let sent = 1000; sent < 15_900_000 && !socket.isClosed; sent += 4000) {
          socket.write(new Uint8Array(4000));
          await Promise.race([socket.flushed(), socket.closed]);
        }
        return await socket.closed;
      });
      const codes = await Promise.all(closed);
      clearInterval(looking);
      // Or for having said nothing whole in time, where the machine is busy.
      const allowed = new Set([kind === "text receiver" ? 1008 : 4002, 4004, undefined]);
      expect(codes.filter((code) => !allowed.has(code))).toEqual([]);
      // Nearly 1 GB were held before. A relay on a busy machine looks later than each 10 ms.
      expect(peak - before).toBeLessThan(40 * MiB);
    },
  );
});
