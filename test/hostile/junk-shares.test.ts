/** Shares of somebody who has the code and sends what is no share: receivers pass them over, and they keep no sender out. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  LOBBY_CODE,
  OFFERS_PER_MESSAGE,
  type Code,
  type Keys,
  type Message,
} from "../../protocol/mod.ts";
import { startRelay } from "../../relay/mod.ts";
import { temporaryFolder } from "../support/disk.ts";
import { newCode, receive, send } from "../support/clients/clients.ts";
import { makeFile } from "../support/files.ts";
import { RawClient, rawShare, type RawShare } from "../support/relay/raw-client.ts";
import { HostileSender } from "../support/hostile/sender.ts";
import { keysOf } from "../support/clients/known-codes.ts";

const relay = await startRelay({ workers: 2 });
afterAll(() => relay.stop());
const url = `${relay.url}/ws`;

const channelOf = (code: Code): Keys => keysOf(code);

/** A stranger's share, of ciphertext that no key opens. */
async function junk(channel: Keys, share: RawShare = rawShare(3)): Promise<RawClient> {
  const client = await RawClient.offering(url, channel, share);
  client.onMessage = (message: Message) => {
    if (message.t !== "want") return;
    const end = Math.min(message.first + message.count, share.offer.records);
    for (let at = message.first; at < end; at++) client.socket.send(share.frame(at));
  };
  return client;
}

async function leaves(client: RawClient): Promise<void> {
  client.socket.close();
  await client.closed;
}

describe("a receiver with the code", () => {
  test("takes what its sender sends, however many shares of strangers are newer", async () => {
    using folder = temporaryFolder();
    const code = newCode();
    const { path, bytes } = makeFile(folder.path, "a.bin", 100_000);
    await using sender = send({ path, relay: url, code });
    await sender.when("relay");
    const channel = channelOf(code);
    const others = [];
    for (let at = 0; at < 5; at++) others.push(await junk(channel));
    // The sender's is there, and not the last one.
    await using looks = await RawClient.greeted(url, "receiver", channel);
    await looks.when("offers", ({ list }) => list.length === others.length + 1);
    using out = temporaryFolder();
    await using receiver = receive({ relay: url, code, out: out.path });
    const { fault } = await receiver.outcome;
    expect(fault).toBeUndefined();
    expect(Buffer.compare(readFileSync(join(out.path, "a.bin")), bytes)).toBe(0);
    expect((await sender.outcome).exitCode).toBe(0);
    const told = receiver.all("unreadable").map(({ code: why, count }) => [why, count]);
    expect(told).toEqual([1, 2, 4].map((count) => ["corrupt-record", count]));
    for (const other of others) await other[Symbol.asyncDispose]();
  });

  test("waits for it when there is nothing else, and says why", async () => {
    using folder = temporaryFolder();
    using out = temporaryFolder();
    const code = newCode();
    await using _other = await junk(channelOf(code));
    await using receiver = receive({ relay: url, code, out: out.path });
    expect(await receiver.when("unreadable")).toMatchObject({ code: "corrupt-record", count: 1 });
    await receiver.when("waiting");
    const { path } = makeFile(folder.path, "a.bin", 1000);
    await using sender = send({ path, relay: url, code });
    expect((await receiver.outcome).fault).toBeUndefined();
    expect((await sender.outcome).exitCode).toBe(0);
  });

  test("ends at a share of names that are not safe when there is nothing else", async () => {
    using out = temporaryFolder();
    const code = newCode();
    await using _wrong = await HostileSender.start(url, code, { files: [{ path: "../x" }] });
    await using receiver = receive({ relay: url, code, out: out.path });
    expect(await receiver.outcome).toMatchObject({ fault: "unsafe-name", exitCode: 1 });
  });

  test("goes on waiting when a share ends of which it has read nothing", async () => {
    using folder = temporaryFolder();
    using out = temporaryFolder();
    const code = newCode();
    const share = rawShare(3);
    const channel = channelOf(code);
    // It offers, and gives nothing.
    await using silent = await RawClient.offering(url, channel, share);
    await using receiver = receive({ relay: url, code, out: out.path });
    await silent.when("want");
    silent.send({ t: "cancel", share: share.offer.share, reason: "source-changed" });
    await receiver.when("waiting");
    const { path } = makeFile(folder.path, "a.bin", 1000);
    await using _sender = send({ path, relay: url, code });
    expect((await receiver.outcome).fault).toBeUndefined();
  });
});

test("a client of HTTP in the lobby gets the file behind a share that does not open", async () => {
  using folder = temporaryFolder();
  await using _other = await junk(channelOf(LOBBY_CODE));
  const { path, bytes } = makeFile(folder.path, "a.bin", 100_000);
  await using sender = send({ path, relay: url, code: LOBBY_CODE });
  await sender.when("relay");
  const response = await fetch(`${relay.url.replace("ws", "http")}/lobby`);
  expect(response.status).toBe(200);
  expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0);
  expect((await sender.outcome).exitCode).toBe(0);
});

describe("a channel full of shares", () => {
  test("whose owners have left, and that no receiver took, keeps no sender out", async () => {
    using folder = temporaryFolder();
    using out = temporaryFolder();
    const code = newCode();
    const channel = channelOf(code);
    const others = [];
    for (let at = 0; at < OFFERS_PER_MESSAGE; at++) others.push(await junk(channel));
    const refused = await RawClient.greeted(url, "sender", channel);
    const one = rawShare(1);
    refused.send({ t: "offer", ...one.offer, proof: one.proof });
    expect(await refused.when("fault")).toMatchObject({ code: "too-many", retry: true });
    for (const other of others) await leaves(other);
    const { path, bytes } = makeFile(folder.path, "a.bin", 1000);
    await using sender = send({ path, relay: url, code });
    await using receiver = receive({ relay: url, code, out: out.path });
    expect((await receiver.outcome).fault).toBeUndefined();
    expect(Buffer.compare(readFileSync(join(out.path, "a.bin")), bytes)).toBe(0);
    expect((await sender.outcome).exitCode).toBe(0);
    expect(sender.all("relay").filter(({ online }) => !online)).toEqual([]);
  });

  test("keeps those that a receiver has begun to take, though their owners are away", async () => {
    const code = newCode();
    const channel = channelOf(code);
    const taken = rawShare(3);
    const owner = await junk(channel, taken);
    const others = [];
    for (let at = 1; at < OFFERS_PER_MESSAGE; at++) others.push(await junk(channel));
    await using receiver = await RawClient.greeted(url, "receiver", channel);
    receiver.join(taken.offer.share, 0, 16);
    await receiver.frame(0);
    receiver.send({ t: "ack", share: taken.offer.share, next: 1, window: 16 });
    await owner.when("receivers", ({ list }) => list.some(({ next }) => next === 1));
    await leaves(owner);
    await receiver.when("presence", ({ senderHere }) => !senderHere);
    const late = await RawClient.greeted(url, "sender", channel);
    const one = rawShare(1);
    late.send({ t: "offer", ...one.offer, proof: one.proof });
    expect(await late.when("fault")).toMatchObject({ code: "too-many" });
    await leaves(others[0]!);
    const next = await RawClient.greeted(url, "sender", channel);
    await looksGone(channel);
    next.send({ t: "offer", ...one.offer, proof: one.proof });
    await next.when("accepted");
    for (const other of [...others, next]) await other[Symbol.asyncDispose]();
  });
});

/** Until the relay has seen that a sender left, besides the one that is away. */
async function looksGone(channel: Keys): Promise<void> {
  for (;;) {
    await using looks = await RawClient.greeted(url, "receiver", channel);
    const { list } = await looks.when("offers");
    if (list.filter(({ senderHere }) => !senderHere).length > 1) return;
  }
}
