/** Stored shares by curl, when their senders have gone: whole, in parts, resumed, and counted. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { decrypt } from "http_ece";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { StoreWish } from "../../../protocol/wire/control.ts";
import {
  MANIFEST_LENGTH_BYTES,
  RECORD_SIZE,
  decodeHead,
  manifestLength,
  type Code,
} from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { newCode, receive, send, type sendJob } from "../../support/clients/clients.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { until } from "../../support/until.ts";

const MiB = 1024 ** 2;
const WEEK_S = 7 * 24 * 60 * 60;
const folder = temporaryFolder();
const store = join(folder.path, "store");
let relay: Relay;

beforeAll(async () => {
  mkdirSync(store, { mode: 0o700 });
  relay = await startRelay({ workers: 2, store: { kind: "disk", folder: store } });
});
afterAll(async () => {
  await relay?.stop();
  folder[Symbol.dispose]();
});

interface Stored {
  readonly code: Code;
  /** Where its ciphertext is. */
  readonly url: string;
}

type What = Parameters<typeof sendJob>[0]["what"];

/** Stores it; its sender has ended. */
async function stored(what: What, wish: Partial<StoreWish> = {}): Promise<Stored> {
  const code = newCode();
  const job = { relay: `${relay.url}/ws`, code, store: { life: WEEK_S, ...wish } };
  await using sender = send({ ...job, ...(what && { what }) });
  const { path } = await sender.when("code");
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  return { code, url: `${relay.url.replace("ws", "http")}${path}` };
}

function pathsOf(...paths: readonly string[]): What {
  return { from: "paths", paths };
}

/** Runs curl. @returns what it wrote to its output */
async function curl(...words: readonly string[]): Promise<Buffer> {
  const child = Bun.spawn(["curl", "--silent", "--show-error", "--fail", ...words], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
  expect({ exitCode: await child.exited, err }).toEqual({ exitCode: 0, err: "" });
  return Buffer.from(out);
}

/** The content of a share, as an independent decoder reads it. */
function contentOf(body: Buffer, code: Code): Buffer {
  const key = Buffer.from(keysOf(code).content);
  const plain = decrypt(body, { version: "aes128gcm", key });
  const head = MANIFEST_LENGTH_BYTES + manifestLength(plain);
  const { files } = decodeHead(plain.subarray(0, head));
  const end = head + files.reduce((sum, { size }) => sum + size, 0);
  // Behind the content each entry may have a byte, which says that it is whole.
  expect(plain.subarray(end).every((state) => state === 0)).toBe(true);
  return plain.subarray(head, end);
}

test.each([0, 1000, 3 * MiB + 5])("a stored file of %d bytes comes whole", async (size) => {
  const { path, bytes } = makeFile(folder.path, `whole-${size}.bin`, size);
  const { code, url } = await stored(pathsOf(path));
  expect(contentOf(await curl(url), code).equals(bytes)).toBe(true);
});

test("any part of a stored share can be had, and a download goes on where it was cut", async () => {
  const { path, bytes } = makeFile(folder.path, "parts.bin", 3 * MiB);
  const { code, url } = await stored(pathsOf(path));
  const whole = await curl(url);
  const length = await curl("--head", url);
  expect(length.toString().toLowerCase()).toContain(`content-length: ${whole.length}\r\n`);
  for (const [first, last] of [
    [0, 0],
    [RECORD_SIZE - 3, RECORD_SIZE + 40],
    [whole.length - 100, whole.length - 1],
  ] as const) {
    const part = await curl("--range", `${first}-${last}`, url);
    expect(part.equals(whole.subarray(first, last + 1))).toBe(true);
  }
  const out = join(folder.path, "resumed.bin");
  writeFileSync(out, whole);
  truncateSync(out, RECORD_SIZE + 777);
  await curl("--continue-at", "-", "--output", out, url);
  expect(contentOf(readFileSync(out), code).equals(bytes)).toBe(true);
});

test("a stored folder and a stored text come as they were sent", async () => {
  const top = join(folder.path, "top");
  mkdirSync(join(top, "inside"), { recursive: true });
  writeFileSync(join(top, "a.txt"), "one ");
  writeFileSync(join(top, "inside/b.txt"), "two");
  const tree = await stored(pathsOf(top));
  expect(contentOf(await curl(tree.url), tree.code).toString()).toBe("one two");
  const text = await stored({ from: "text", text: "see you at eight" });
  expect(contentOf(await curl(text.url), text.code).toString()).toBe("see you at eight");
});

test("a download by curl counts, and a share that is used up is not found", async () => {
  const { path } = makeFile(folder.path, "once.bin", 2 * MiB);
  const { code, url } = await stored(pathsOf(path), { downloads: 1 });
  await curl("--range", "0-99", url);
  await curl(url);
  // Once the count is durable.
  await until(async () => (await fetch(url, { method: "HEAD" })).status === 404);
  await using late = receive({ relay: `${relay.url}/ws`, code, out: folder.path });
  expect(await late.outcome).toMatchObject({ exitCode: 1 });
  expect(late.all("error")).toMatchObject([{ code: "exhausted" }]);
});
