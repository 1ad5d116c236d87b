import { expect, test } from "bun:test";
import { decrypt } from "http_ece";

import {
  MANIFEST_LENGTH_BYTES,
  RECORD_SIZE,
  manifestLength,
  toHex,
  ciphertextPath,
  capabilityOf,
  fromHex,
  type Keys,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { startRelay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { RawClient, offerOf, pathOf, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { RawHttp } from "../../support/relay/raw-http.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

const MiB = 1024 ** 2;

/** Where a relay gives the ciphertext of a share of this code. */
function pathIn(keys: Keys, share: Uint8Array): string {
  return ciphertextPath(share, capabilityOf(keys, nodePrimitives, share));
}

/** The id of the share that is offered in a channel. */
async function shareIn(url: string, keys: Keys): Promise<Uint8Array> {
  await using client = await RawClient.greeted(`${url}/ws`, "receiver", keys);
  const { list } = await client.when("offers", (offers) => offers.list.length > 0);
  return list[0]!.share;
}

function plainOf(body: Uint8Array, key: Uint8Array): Uint8Array {
  const plain = decrypt(Buffer.from(body), { version: "aes128gcm", key: Buffer.from(key) });
  // Behind the file is the byte that says that it is whole.
  expect(plain.at(-1)).toBe(0);
  return plain.subarray(MANIFEST_LENGTH_BYTES + manifestLength(plain), -1);
}

/** A share of one file, whose sender runs until the block ends. */
async function offered(size: number, more: { workers?: number; ask?: boolean } = {}) {
  const { workers = 1, ask = false } = more;
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const relay = stack.use(await startRelay({ workers }));
  const { path, bytes } = makeFile(folder.path, "a.bin", size);
  const code = newCode();
  const keys = keysOf(code);
  const sender = stack.use(send({ relay: `${relay.url}/ws`, code, path, ...(ask && { ask }) }));
  await sender.when("relay", ({ online }) => online);
  const share = await shareIn(relay.url, keys);
  const http = relay.url.replace("ws", "http");
  const end = stack.move();
  return {
    bytes,
    keys,
    sender,
    share,
    http,
    url: `${http}${pathIn(keys, share)}`,
    [Symbol.asyncDispose]: () => end.disposeAsync(),
  };
}

test.each([0, 1000, 3 * MiB + 5])(
  "a share of %d bytes is the RFC 8188 body that an independent decoder reads",
  async (size) => {
    await using file = await offered(size, { workers: 2 });
    const { bytes, keys, sender, url } = file;
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-encoding")).toBe("aes128gcm");
    const body = await response.bytes();
    expect(Buffer.compare(plainOf(body, keys.content), bytes)).toBe(0);

    const head = await fetch(url, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(body.length.toString());
    expect(head.headers.get("accept-ranges")).toBe("bytes");
    // It is nobody's loss that these looked and went away.
    expect(sender.all("receiver").filter(({ state }) => state === "live")).toEqual([]);
  },
);

test("any part of a share can be had, as a resumed download wants it", async () => {
  await using file = await offered(3 * MiB);
  const { url } = file;
  const whole = await (await fetch(url)).bytes();
  const total = whole.length;
  for (const [range, first, last] of [
    ["bytes=0-0", 0, 0],
    ["bytes=5-40", 5, 40],
    ["bytes=21-21", 21, 21],
    [`bytes=${RECORD_SIZE}-`, RECORD_SIZE, total - 1],
    [`bytes=${RECORD_SIZE + 20}-${2 * RECORD_SIZE + 30}`, RECORD_SIZE + 20, 2 * RECORD_SIZE + 30],
    ["bytes=-100", total - 100, total - 1],
    [`bytes=100-${10 * total}`, 100, total - 1],
  ] as const) {
    const response = await fetch(url, { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes ${first}-${last}/${total}`);
    const part = await response.bytes();
    expect(Buffer.compare(part, whole.subarray(first, last + 1))).toBe(0);
  }
  const beyond = await fetch(url, { headers: { range: `bytes=${total}-` } });
  expect(beyond.status).toBe(416);
  expect(beyond.headers.get("content-range")).toBe(`bytes */${total}`);
  for (const range of ["bytes=9-5", "lines=1-2", "bytes=0-1,5-6", "bytes=-", "bytes=1e3-"]) {
    const response = await fetch(url, { headers: { range } });
    expect(response.status).toBe(200);
    await response.body?.cancel();
  }
});

test("an unknown share, or one asked for without its capability, is not found", async () => {
  await using file = await offered(1000);
  const { keys, sender, http } = file;
  const share = toHex(file.share);
  const none = "00".repeat(16);
  const capability = toHex(capabilityOf(keys, nodePrimitives, fromHex(share)!));
  const channel = toHex(keys.channel);
  for (const [path, status, method] of [
    [`${share}/${capability}`, 200, "GET"],
    [`${none}/${capability}`, 404, "GET"],
    [`${share}/${none}`, 404, "GET"],
    [`${share}/${channel}`, 404, "GET"],
    [`${channel}/${share}`, 404, "GET"],
    [`${share}/${none}`, 405, "PUT"],
    [`short/${capability}`, 404, "GET"],
  ] as const) {
    expect((await fetch(`${http}/c/${path}`, { method })).status).toBe(status);
  }
  // The sender's own event names the same path.
  const said = (await sender.when("code")).path;
  expect(said).toBe(`/c/${share}/${capability}`);
});

test("fileshare key prints what the decoder needs", async () => {
  const code = newCode();
  const keys = keysOf(code);
  const run = async (args: string[]): Promise<string> => {
    const child = Bun.spawn([...FILESHARE, "key", ...args], {
      env: { ...process.env, FILESHARE_CODE: code },
      stdin: "ignore",
      stdout: "pipe",
    });
    expect(await child.exited).toBe(0);
    return child.stdout.text();
  };
  const key = Buffer.from(keys.content).toString("base64url");
  expect(await run([])).toBe(`channel ${toHex(keys.channel)}\nkey     ${key}\n`);
  expect(JSON.parse(await run(["--json"]))).toEqual({
    event: "key",
    channel: toHex(keys.channel),
    key,
  });
  const share = "11".repeat(16);
  const path = ciphertextPath(fromHex(share)!, capabilityOf(keys, nodePrimitives, fromHex(share)!));
  expect(await run(["--share", share])).toEndWith(`\npath    ${path}\n`);
  expect(JSON.parse(await run(["--json", "--share", share]))).toMatchObject({ path });
});

test.each(["end", "cancel"] as const)(
  "a share with an early %s cuts the answer short",
  async (t) => {
    await using relay = await startRelay();
    const share = rawShare(5);
    const id = share.offer.share;
    await using sender = await RawClient.greeted(`${relay.url}/ws`, "sender", randomId());
    sender.onMessage = (message) => {
      if (message.t !== "want") return;
      // The last one tells the length of all.
      for (let at = message.first; at < message.first + message.count; at++) {
        if (at < 2 || at === 4) sender.send(share.frame(at));
      }
    };
    sender.send(offerOf(share));
    await sender.when("accepted");
    using reader = new RawHttp(relay.port, `GET ${pathOf(share)} HTTP/1.1\r\nHost: relay\r\n\r\n`);
    await sender.when("want", ({ first, count }) => first <= 2 && first + count > 2);
    sender.send(t === "end" ? { t, share: id } : { t, share: id, reason: "source-changed" });
    const [head = "", body = ""] = (await reader.closed).split("\r\n\r\n", 2);
    expect(head).toStartWith("HTTP/1.1 200 ");
    const length = Number(/^content-length: (\d+)\r?$/im.exec(head)?.[1]);
    expect(length).toBeGreaterThan(5000);
    expect(body.length).toBeLessThan(length);
  },
);

test("P1 a share with another capability, one that is over and one that never was are all the same", async () => {
  await using relay = await startRelay({ workers: 2 });
  const [channel, other] = [randomId(), randomId()];
  const [there, over] = [rawShare(3), rawShare(3)];
  await using _sender = await RawClient.serving(`${relay.url}/ws`, other, there);
  await using ended = await RawClient.serving(`${relay.url}/ws`, channel, over);
  await using looks = await RawClient.greeted(`${relay.url}/ws`, "receiver", channel);
  await looks.when("offers", ({ list }) => list.length > 0);
  ended.send({ t: "end", share: over.offer.share });
  await looks.when("end");
  const asked = [
    [there.offer.share, over.capability],
    [there.offer.share, randomId()],
    [over.offer.share, over.capability],
    [randomId(), there.capability],
    [randomId(), randomId()],
  ] as const;
  for (const method of ["GET", "HEAD"]) {
    for (const range of [undefined, "bytes=0-9", "bytes=99999999-"]) {
      const answers = await Promise.all(
        asked.map(async ([where, share]) => {
          const url = `${relay.url.replace("ws", "http")}/c/${toHex(where)}/${toHex(share)}`;
          const headers = range === undefined ? undefined : { range };
          const answer = await fetch(url, { method, ...(headers && { headers }) });
          const names = [...answer.headers].filter(([name]) => name !== "date");
          return JSON.stringify([answer.status, names, await answer.text()]);
        }),
      );
      expect(answers[0]).toStartWith("[404,");
      expect(answers).toEqual(answers.map(() => answers[0] ?? ""));
    }
  }
});

test("a share whose sender lets in whom it knows can't be had without a name", async () => {
  await using file = await offered(1000, { ask: true });
  const { sender, url } = file;
  const response = await fetch(url);
  expect(response.status).toBe(403);
  expect(await response.text()).toContain("fileshare recv");
  expect(sender.all("asks")).toEqual([]);
});
