import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { LOBBY_CODE } from "../../../protocol/mod.ts";
import { PIECE_BYTES, STEADY_PIECE_BYTES_MIN } from "../../../relay/lobby/body.ts";
import { PROVEN_BYTES } from "../../../relay/limits/memory-budget.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { receive, receiveJob, send, type Running } from "../../support/clients/clients.ts";
import { content, makeFile } from "../../support/files.ts";
import {
  OriginalReceiver,
  OriginalSender,
  originalSend,
} from "../../support/relay/original-clients.ts";

const SUCCESS = "File transfer successful";
const MiB = 1024 ** 2;

function ourReceiver(relay: Relay, out: string): Running {
  const job = { relay: `${relay.url}/ws`, code: LOBBY_CODE, out, lobby: true, prefix: "rcv_" };
  return receive(receiveJob(job));
}

describe.each([1, 2])("the original app's clients at a relay with %d workers", (workers) => {
  test("an original sender reaches original receivers and ours", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay({ workers });
    await using first = await OriginalReceiver.connect(relay.url);
    await using second = await OriginalReceiver.connect(relay.url);
    await using ours = ourReceiver(relay, folder.path);
    await ours.when("waiting");
    const bytes = content(1, 5 * MiB + 123);
    expect(await originalSend(relay.url, "report.pdf", bytes)).toBe(SUCCESS);
    for (const receiver of [first, second]) {
      const file = await receiver.file(0);
      expect(file.name).toBe("report.pdf");
      expect(Buffer.compare(file.bytes, bytes)).toBe(0);
    }
    const { path } = await ours.when("saved");
    expect(path).toBe(join(folder.path, "rcv_report.pdf"));
    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
  });

  test("our sender reaches original receivers, and knows that they have it", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay({ workers });
    await using first = await OriginalReceiver.connect(relay.url);
    await using second = await OriginalReceiver.connect(relay.url);
    const { path, bytes } = makeFile(folder.path, "a.bin", 3 * MiB);
    const job = { relay: `${relay.url}/ws`, code: LOBBY_CODE, path, receivers: 2 };
    await using sender = send(job);
    expect((await sender.outcome).exitCode).toBe(0);
    for (const receiver of [first, second]) {
      expect(Buffer.compare((await receiver.file(0)).bytes, bytes)).toBe(0);
    }
  });
});

test("a receiver that takes everything at once is given large pieces once it has taken some", async () => {
  const size = 24 * MiB;
  await using relay = await startRelay();
  const socket = new WebSocket(`${relay.url}/receiver`);
  socket.binaryType = "arraybuffer";
  const lengths: number[] = [];
  const { promise: whole, resolve } = Promise.withResolvers<void>();
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (data === "END") resolve();
    else if (typeof data !== "string") lengths.push(data.byteLength);
  });
  await new Promise((opened) => socket.addEventListener("open", opened));
  await originalSend(relay.url, "large.bin", content(4, size));
  await whole;
  socket.close();
  expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(size);
  expect(lengths[0]).toBeLessThanOrEqual(PIECE_BYTES);
  // A record's rest may be a piece of its own.
  const most = (2 * PROVEN_BYTES) / PIECE_BYTES + (2 * size) / STEADY_PIECE_BYTES_MIN;
  expect(most).toBeLessThan(size / PIECE_BYTES);
  expect(lengths.length).toBeLessThan(most);
});

test("several senders at once: files arrive whole, one after another, and none is lost", async () => {
  await using relay = await startRelay({ workers: 2 });
  await using first = await OriginalReceiver.connect(relay.url);
  await using second = await OriginalReceiver.connect(relay.url);
  const files = [1, 2, 3].map((seed) => ({ name: `${seed}.bin`, bytes: content(seed, 2 * MiB) }));
  const answers = files.map(({ name, bytes }) => originalSend(relay.url, name, bytes));
  expect(await Promise.all(answers)).toEqual([SUCCESS, SUCCESS, SUCCESS]);
  // A receiver that still takes one file misses another that ends meanwhile.
  const arrived = () => [...first.files, ...second.files];
  const isThere = (name: string) => arrived().some((file) => file.name === name);
  while (!files.every(({ name }) => isThere(name))) await Bun.sleep(1);
  for (const file of arrived()) {
    const sent = files.find(({ name }) => name === file.name);
    expect(Buffer.compare(file.bytes, sent?.bytes ?? new Uint8Array())).toBe(0);
  }
  for (const receiver of [first, second]) {
    const names = receiver.files.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  }
});

test("senders at once that wait for all receivers: each receiver gets each file, one after another", async () => {
  await using relay = await startRelay({ workers: 2 });
  await using first = await OriginalReceiver.connect(relay.url);
  await using second = await OriginalReceiver.connect(relay.url);
  const files = [1, 2, 3].map((seed) => ({ name: `${seed}.bin`, bytes: content(seed, 2 * MiB) }));
  const http = relay.url.replace("ws", "http");
  const answers = files.map(async ({ name, bytes }) => {
    const url = `${http}/lobby/${name}?receivers=2`;
    return (await fetch(url, { method: "PUT", body: bytes })).text();
  });
  for (const answer of await Promise.all(answers)) expect(answer).toContain("sent: to 2 receivers");
  for (const receiver of [first, second]) {
    await receiver.file(2);
    for (const { name, bytes } of files) {
      const came = receiver.files.find((file) => file.name === name);
      expect(Buffer.compare(came?.bytes ?? new Uint8Array(), bytes)).toBe(0);
    }
  }
});

test.each([
  { what: "an empty file", bytes: new Uint8Array(0), messageBytes: 4096 },
  { what: "one byte", bytes: content(1, 1), messageBytes: 4096 },
  { what: "messages larger than a frame", bytes: content(2, 9 * MiB), messageBytes: 5 * MiB },
  { what: "messages of 3 bytes", bytes: content(3, 10_000), messageBytes: 3 },
  { what: "a record to the byte", bytes: content(4, 65_503 * 2), messageBytes: 65_503 },
])("an original sender may send $what", async ({ bytes, messageBytes }) => {
  await using relay = await startRelay();
  await using receiver = await OriginalReceiver.connect(relay.url);
  expect(await originalSend(relay.url, "f", bytes, messageBytes)).toBe(SUCCESS);
  expect(Buffer.compare((await receiver.file(0)).bytes, bytes)).toBe(0);
});

test("a chunk that is `__end__` ends the file there, and what follows is nobody's", async () => {
  await using relay = await startRelay();
  await using receiver = await OriginalReceiver.connect(relay.url);
  await using sender = await OriginalSender.connect(relay.url);
  sender.name("f");
  sender.bytes(content(1, 1000));
  sender.end();
  sender.bytes(content(2, 1000));
  sender.end();
  expect(await sender.answer).toBe(SUCCESS);
  expect(Buffer.compare((await receiver.file(0)).bytes, content(1, 1000))).toBe(0);
});

test("bytes that arrive slowly leave at once", async () => {
  await using relay = await startRelay();
  await using receiver = await OriginalReceiver.connect(relay.url);
  await using sender = await OriginalSender.connect(relay.url);
  sender.name("log.txt");
  for (let line = 1; line <= 3; line++) {
    sender.bytes(content(line, 100));
    await receiver.until(() => receiver.taken === 100 * line);
  }
  sender.end();
  expect(await sender.answer).toBe(SUCCESS);
});

test("one that stops reading and one that leaves hold up nobody", async () => {
  await using relay = await startRelay();
  await using stopped = await OriginalReceiver.connect(relay.url);
  await using leaving = await OriginalReceiver.connect(relay.url);
  await using healthy = await OriginalReceiver.connect(relay.url);
  await using sender = await OriginalSender.connect(relay.url);
  const bytes = content(1, 24 * MiB);
  stopped.stopReading();
  sender.name("f");
  sender.bytes(bytes.subarray(0, MiB));
  await leaving.until(() => leaving.taken > 0);
  leaving.leave();
  sender.bytes(bytes.subarray(MiB));
  sender.end();
  expect(Buffer.compare((await healthy.file(0)).bytes, bytes)).toBe(0);
  stopped.leave();
  expect(await sender.answer).toBe(SUCCESS);
});

test("a sender that vanishes: no END for original receivers, a fault for ours", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  await using receiver = await OriginalReceiver.connect(relay.url);
  await using ours = ourReceiver(relay, folder.path);
  await ours.when("waiting");
  await using sender = await OriginalSender.connect(relay.url);
  sender.name("f");
  sender.bytes(content(1, MiB));
  await receiver.until(() => receiver.taken > 0);
  sender.vanish();
  await receiver.closed;
  expect(receiver.files).toEqual([]);
  expect(receiver.isInFile).toBe(true);
  expect((await ours.when("error")).code).toBe("sender-stopped");
});

test("a name that no receiver could take is made safe", async () => {
  await using relay = await startRelay();
  await using receiver = await OriginalReceiver.connect(relay.url);
  const names = [
    "../../etc/passwd",
    "C:\\temp\\a?.txt",
    "",
    "..",
    "con",
    "a\u202Eb\n",
    "ü 日本.txt",
  ];
  for (const name of names) {
    expect(await originalSend(relay.url, name, content(1, 10))).toBe(SUCCESS);
  }
  expect(receiver.files.map(({ name }) => name)).toEqual([
    "passwd",
    "a_.txt",
    "file",
    "_",
    "_con",
    "a_b_",
    "ü 日本.txt",
  ]);
});

test("a folder of ours reaches an original receiver file by file", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  await using receiver = await OriginalReceiver.connect(relay.url);
  const files = [0, 10, 2 * MiB].map((size) => makeFile(folder.path, `${size}.bin`, size));
  const what = { from: "paths", paths: [folder.path] } as const;
  await using sender = send({ relay: `${relay.url}/ws`, code: LOBBY_CODE, what });
  expect((await sender.outcome).exitCode).toBe(0);
  await receiver.file(2);
  for (const { name, bytes } of files) {
    const came = receiver.files.find((file) => file.name === name);
    expect(Buffer.compare(came?.bytes ?? new Uint8Array(1), bytes)).toBe(0);
  }
});

test("a relay without a lobby opens these doors to nobody", async () => {
  await using relay = await startRelay({ lobby: false });
  expect(OriginalReceiver.connect(relay.url)).rejects.toThrow("refused");
  expect(OriginalSender.connect(relay.url)).rejects.toThrow("refused");
  const http = relay.url.replace("ws", "http");
  expect((await fetch(`${http}/lobby`)).status).toBe(404);
  expect(await (await fetch(`${http}/`)).text()).not.toContain("lobby");
});

test.each([1, 2])(
  "one that stops holds up nobody of a file larger than the log (%d workers)",
  async (workers) => {
    await using relay = await startRelay({ workers, logBytes: 16 * MiB });
    await using stopped = await OriginalReceiver.connect(relay.url);
    await using healthy = await OriginalReceiver.connect(relay.url);
    stopped.stopReading();
    const bytes = content(1, 40 * MiB);
    expect(await originalSend(relay.url, "f", bytes, MiB)).toBe(SUCCESS);
    expect(Buffer.compare((await healthy.file(0)).bytes, bytes)).toBe(0);
  },
);
