/** A receiver that has the code, and takes all that it can get before the sender begins. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack } from "msgpackr";
import {
  decodeFrame,
  decodeHead,
  isFrame,
  keysOfMaster,
  LOBBY_CODE,
  manifestLength,
  recordCipher,
  unpackMap,
  type Code,
  type Keys,
  type Manifest,
  type OfferSeen,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import type { ClientEvent } from "../../cli/job/event-schema.ts";
import type { SendJob } from "../../cli/job/jobs.ts";
import { keptSends } from "../../cli/send/kept-sends.ts";
import { startRelay } from "../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../support/disk.ts";
import { fileshare } from "../support/clients/command.ts";
import { newCode, receive, send } from "../support/clients/clients.ts";
import { content, makeFile } from "../support/files.ts";
import { masterOf } from "../support/clients/known-codes.ts";
import { Proxy } from "../support/net/proxy.ts";
import { RawClient, randomId } from "../support/relay/raw-client.ts";
import { LyingRelay } from "../support/hostile/lying-relay.ts";
import { stateOfEachTest } from "../support/clients/own-state.ts";

const MiB = 1024 * 1024;
const WINDOW = 16;
const TWO = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };

stateOfEachTest();

function keysOf(code: Code): Keys {
  return keysOfMaster(Buffer.from(masterOf(code) ?? "", "hex"), nodePrimitives);
}

/** A relay, a sender's line to it whose frames are kept, and a folder. */
async function stage() {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const relay = stack.use(await startRelay());
  const sent: Uint8Array[] = [];
  const onMessage = (message: Uint8Array): void => void (isFrame(message) && sent.push(message));
  const proxy = stack.use(await Proxy.start({ port: relay.port, onMessage }));
  const out = join(folder, "out");
  mkdirSync(out);
  return {
    folder,
    out,
    http: relay.url.replace("ws", "http"),
    relay: `${relay.url}/ws`,
    proxy: proxy.url,
    /** All frames that left the sender. */
    sent,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Joins as a receiver that has agreed, and asks for every record. */
async function greedy(relay: string, keys: Keys): Promise<{ client: RawClient; offer: OfferSeen }> {
  const client = await RawClient.greeted(relay, "receiver", keys);
  const { list } = await client.when("offers", ({ list }) => list.length > 0);
  const offer = list[0]!;
  const { share, records } = offer;
  client.onFrame = (frame) => client.ack(share, decodeFrame(frame).index + 1, WINDOW);
  client.join(share, 0, WINDOW, randomId(), keys);
  for (const from of [1, 2, 7, records - 1].filter((from) => from < records)) {
    const other = await RawClient.greeted(relay, "receiver", keys);
    other.join(share, from, WINDOW);
    void client.closed.then(() => other[Symbol.asyncDispose]());
  }
  return { client, offer };
}

/** The frames as a holder of the code reads them: a manifest, and not one byte of content. */
function onlyManifest(frames: readonly Uint8Array[], share: Uint8Array, keys: Keys): Manifest {
  const cipher = recordCipher(keys.content, share, nodePrimitives);
  const decoded = frames.map(decodeFrame).toSorted((a, b) => a.index - b.index);
  expect(decoded.map(({ index }) => index)).toEqual(decoded.map((_, at) => at));
  const plain = Buffer.concat(
    decoded.map(({ index, ciphertext }) => cipher.openAny(index, ciphertext).data),
  );
  expect(plain.length).toBe(4 + manifestLength(plain));
  const { pad = new Uint8Array(0) } = unpackMap(plain.subarray(4), plain.length);
  expect(Buffer.from(pad as Uint8Array).every((byte) => byte === 0)).toBe(true);
  return decodeHead(new Uint8Array(plain));
}

type Kind = Partial<SendJob> & { readonly path?: string };

/** So many paths of some 1000 bytes that their list is longer than a record. */
function longList(folder: string): string {
  const deep = join(folder, "many", ...Array.from("abcd", (letter) => letter.repeat(190)));
  mkdirSync(deep, { recursive: true });
  for (let i = 0; i < 1300; i++) writeFileSync(join(deep, `${i}-${"e".repeat(190)}`), "secret");
  return join(folder, "many");
}

const KINDS: readonly (readonly [string, (folder: string) => Kind])[] = [
  ["a file of 1 KiB", (folder) => ({ path: makeFile(folder, "a", 1024).path })],
  ["a file of 20 MiB", (folder) => ({ path: makeFile(folder, "a", 20 * MiB).path })],
  ["a text", () => ({ what: { from: "text", text: "meet at nine" } })],
  ["a folder whose list is longer than a record", (folder) => ({ path: longList(folder) })],
];

describe("before a gate opens, a receiver that takes every record has the manifest alone", () => {
  test.each(KINDS)("of %s", async (_, make) => {
    await using at = await stage();
    const code = newCode();
    const keys = keysOf(code);
    const job = { relay: at.proxy, code, ...make(at.folder) };
    await using sender = send({ ...job, startWhen: TWO });
    const { client, offer } = await greedy(at.relay, keys);
    await using _client = client;
    await sender.when("gate", ({ agreed, open }) => agreed === 1 && !open);
    const { path } = await sender.when("code");
    let answered = false;
    const web = fetch(`${at.http}${path}`).then(() => (answered = true));
    await using honest = receive({ relay: at.relay, code, out: at.out, ask: true });
    await honest.when("offer");
    const { bytes, files } = onlyManifest(at.sent, offer.share, keys);
    expect(bytes).toBeGreaterThan(0);
    expect(answered).toBe(false);
    honest.answer({ accept: true });
    await sender.when("gate", ({ open }) => open);
    expect(await honest.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect((await honest.when("done")).bytes).toBe(bytes);
    expect(files.length).toBeGreaterThan(0);
    expect(await web).toBe(true);
  });

  test("of a stream, and when the gate is a time", async () => {
    await using at = await stage();
    const code = newCode();
    const keys = keysOf(code);
    const env = { FILESHARE_CODE: code, FILESHARE_RELAY: at.proxy };
    const { promise: agreed, resolve } = Promise.withResolvers<void>();
    const seen = (event: ClientEvent): void => {
      if (event.event === "gate" && event.agreed === 1) resolve();
    };
    const bytes = content(1, MiB);
    await using sender = fileshare(["send", "-", "--min-wait", "3600"], env, seen, bytes);
    const told = sender.events();
    const { client, offer } = await greedy(at.relay, keys);
    await using _client = client;
    await agreed;
    await using honest = receive({ relay: at.relay, code, out: at.out, ask: true });
    await honest.when("offer");
    expect(onlyManifest(at.sent, offer.share, keys).open).toBe(true);
    sender.kill("SIGINT");
    await told;
  });

  test("of an upload to the lobby that waits for two", async () => {
    await using at = await stage();
    const { bytes } = makeFile(at.folder, "a.bin", 1000);
    const url = `${at.http}/lobby/a.bin?receivers=2`;
    const body = new Blob([new Uint8Array(bytes)]);
    const sending = fetch(url, { method: "PUT", body }).then((response) => response.text());
    const keys = keysOfMaster(Buffer.from(masterOf(LOBBY_CODE) ?? "", "hex"), nodePrimitives);
    const client = await RawClient.greeted(at.relay, "receiver", keys);
    await using _client = client;
    const { list } = await client.when("offers", ({ list }) => list.length > 0);
    const { share } = list[0]!;
    client.join(share, 0, WINDOW, randomId(), keys);
    const frame = await client.frame(0);
    onlyManifest([frame], share, keys);
    expect(client.frames).toHaveLength(1);
    const got = await fetch(`${at.http}/lobby`);
    expect(Buffer.compare(await got.bytes(), bytes)).toBe(0);
    client.send({ t: "leave", share, reason: "declined" });
    expect(await sending).toContain(
      "sent: to 1 receiver that can't say that it saved it, 1 went away before the end",
    );
  });
});

test("a sender that asks gives a relay that wants everything nothing before its first yes", async () => {
  using folder = temporaryFolder();
  const { path } = makeFile(folder.path, "a.bin", 1000);
  const frames: Uint8Array[] = [];
  await using relay = new LyingRelay(
    ({ share, records }) => [
      pack({ t: "want", share, first: 0, count: records }),
      pack({ t: "fault", code: "removed", message: "", retry: false }),
    ],
    (frame) => frames.push(frame),
  );
  await using sender = send({ relay: relay.url, code: newCode(), path, ask: true });
  expect(await sender.outcome).toMatchObject({ fault: "removed" });
  expect(frames).toEqual([]);
});

describe("a share that is gone on with", () => {
  const keep = { again: { cwd: "/", words: ["send"] }, anew: false, codeChosen: false };

  test("keeps its records apart, with the gate and without", async () => {
    await using at = await stage();
    const { path, bytes } = makeFile(at.folder, "a.bin", 1000);
    const job = { relay: at.proxy, path, keep };
    await using first = send({ ...job, code: newCode(), startWhen: TWO });
    const { share, code } = await first.when("code");
    await using early = receive({ relay: at.relay, code: code as Code, out: at.out, ask: true });
    await early.when("offer");
    first.interrupt();
    await first.outcome;
    await early.outcome;
    await using second = send({ ...job, code: newCode() });
    expect(await second.when("code")).toMatchObject({ share, code });
    await using receiver = receive({ relay: at.relay, code: code as Code, out: at.out });
    expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: 0 });
    expect(bytesOf(join(at.out, "a.bin"))).toEqual(bytes);
    expect(await second.outcome).toEqual({ fault: undefined, exitCode: 0 });
  });

  test("is a new one under the same code when it began without a gate and has one now", async () => {
    await using at = await stage();
    const { path } = makeFile(at.folder, "a.bin", 1000);
    const job = { relay: at.proxy, path, keep };
    await using first = send({ ...job, code: newCode() });
    const known = await first.when("code");
    await using other = await RawClient.greeted(at.relay, "receiver", keysOf(known.code as Code));
    await other.when("offers", ({ list }) => list.length > 0);
    // It is kept once the relay took it.
    await first.when("relay", ({ online }) => online);
    first.interrupt();
    await first.outcome;
    await using second = send({ ...job, code: newCode(), startWhen: TWO });
    const next = await second.when("code");
    expect(next.code).toBe(known.code);
    expect(next.share).not.toBe(known.share);
    await second.when("relay", ({ online }) => online);
    expect(keptSends().map(({ share }) => share)).toEqual([next.share!]);
    const code = known.code as Code;
    await using receiver = receive({ relay: at.relay, code, out: at.out, ask: true });
    await receiver.when("offer");
    onlyManifest(at.sent, Buffer.from(next.share!, "hex"), keysOf(code));
  });
});
