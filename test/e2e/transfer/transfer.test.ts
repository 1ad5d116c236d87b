import { describe, expect, test } from "bun:test";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  dataPerRecord,
  LOBBY_CODE,
  RECORD_SIZE,
  recordCount,
  type Code,
} from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import { RawClient } from "../../support/relay/raw-client.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { headBytes, makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { keysOf } from "../../support/clients/known-codes.ts";

const MiB = 1024 * 1024;
const DATA = dataPerRecord(RECORD_SIZE);

/** A path inside, made if need be. */
function folderIn(dir: string, name: string): string {
  const path = join(dir, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Linux alone shares a port among workers. */
const WORKERS = process.platform === "linux" ? [{ workers: 1 }, { workers: 2 }] : [{ workers: 1 }];

describe.each(WORKERS)("a relay with $workers workers", ({ workers }) => {
  test("carries every size around a record's border, byte for byte", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay({ workers });
    const probe = makeFile(folder.path, "size0", DATA);
    utimesSync(probe.path, 1_700_000_000, 1_700_000_000);
    // With the byte that says what became of the file.
    const head = headBytes(probe.path) + 1;
    const sizes = [0, 1, ...[1, 2].flatMap((n) => [-1, 0, 1].map((d) => n * DATA - head + d))];
    const job = { relay: `${relay.url}/ws`, code: newCode() };
    const out = folderIn(folder.path, "out");
    // Takes all of them; a file by itself is received in the other tests.
    await using receiver = receive({ ...job, out, lobby: true });
    for (const [at, size] of sizes.entries()) {
      const file = makeFile(folder.path, `size${at}`, size);
      utimesSync(file.path, 1_700_000_000, 1_700_000_000);
      await using sender = send({ ...job, path: file.path });
      expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
      const path = join(out, file.name);
      expect(await receiver.when("saved", (saved) => saved.path === path)).toMatchObject({
        bytes: size,
      });
      expect(bytesOf(path)).toEqual(file.bytes);
      const records = recordCount(headBytes(file.path) + size + 1, RECORD_SIZE);
      expect(sender.all("source")).toMatchObject([{ bytes: size, records }]);
      expect(sender.all("done")).toMatchObject([{ bytes: size, receivers: 1 }]);
    }
    expect(list(out)).toEqual(sizes.map((_, at) => `size${at}`));
    expect(sizes.map((size) => recordCount(head + size, RECORD_SIZE))).toEqual([
      1, 1, 1, 1, 2, 2, 2, 3,
    ]);
  });

  test("gives 20 MiB to five receivers, one slow and one late, by one upload", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay({ workers });
    await using proxy = await Proxy.start({ port: relay.port });
    const file = makeFile(folder.path, "big.bin", 20 * MiB);
    const code = newCode();
    const job = (out: string) => ({
      relay: `${relay.url}/ws`,
      code,
      name: out,
      out: folderIn(folder.path, out),
    });
    // A receiver that is alone may take records past the log, which the sender then gives again.
    const startWhen = { receivers: 4, minWaitMs: 0, maxWaitMs: undefined };
    await using sender = send({
      relay: proxy.url,
      code,
      path: file.path,
      receivers: 5,
      startWhen,
    });
    await using one = receive(job("one"));
    await using two = receive(job("two"));
    await using three = receive(job("three"));
    await using slow = receive({ ...job("slow"), limit: 16 * MiB });
    await Promise.all([one, two, three].map((receiver) => receiver.when("saved")));
    await using late = receive(job("late"));
    for (const receiver of [one, two, three, slow, late]) {
      expect(await receiver.outcome).toEqual({ fault: undefined, exitCode: 0 });
    }
    expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    const names = ["one", "two", "three", "slow", "late"];
    for (const name of names) {
      expect(bytesOf(join(folder.path, name, "big.bin"))).toEqual(file.bytes);
    }
    const done = sender.all("receiver").filter((event) => event.done);
    expect(done.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    expect(sender.all("done")).toMatchObject([{ bytes: 20 * MiB, receivers: 5 }]);
    // Every record left the sender once.
    const [source] = sender.all("source");
    expect(source?.records).toBeGreaterThan(20);
    expect(proxy.up).toEqual([...Array(source?.records).keys()]);
  });
});

describe("the lobby", () => {
  test("takes file after file under new names, and none over another", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const out = folderIn(folder.path, "out");
    writeFileSync(join(out, "rcv_other.bin"), "mine");
    const job = { relay: `${relay.url}/ws`, code: LOBBY_CODE };
    await using receiver = receive({ ...job, out, lobby: true, prefix: "rcv_" });
    const files = [
      makeFile(folderIn(folder.path, "1"), "same.bin", 3000, 1),
      makeFile(folderIn(folder.path, "2"), "same.bin", 2 * MiB, 2),
      makeFile(folderIn(folder.path, "3"), "other.bin", 10, 3),
    ];
    for (const { path } of files) {
      await using sender = send({ ...job, path });
      expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    }
    const names = ["rcv_same.bin", "rcv_same (1).bin", "rcv_other (1).bin"];
    await receiver.when("saved", ({ path }) => path === join(out, names[2]!));
    expect(receiver.all("saved").map(({ path }) => path)).toEqual(
      names.map((name) => join(out, name)),
    );
    for (const [at, name] of names.entries()) {
      expect(bytesOf(join(out, name))).toEqual(files[at]!.bytes);
    }
    expect(await Bun.file(join(out, "rcv_other.bin")).text()).toBe("mine");
    receiver.interrupt();
    expect(await receiver.outcome).toEqual({ fault: "interrupted", exitCode: 130 });
    expect(list(out)).toEqual([...names, "rcv_other.bin"].toSorted());
  });
});

describe("a file of that name", () => {
  const setUp = (dir: string): { code: Code; out: string; path: string; bytes: Uint8Array } => {
    const out = folderIn(dir, "out");
    writeFileSync(join(out, "a.txt"), "mine");
    return { code: newCode(), out, ...makeFile(dir, "a.txt", 5000) };
  };

  test("CVE-2023-43616 is left alone unless the person says otherwise", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const { code, out, path, bytes } = setUp(folder.path);
    await using sender = send({ relay: `${relay.url}/ws`, code, path });
    await using receiver = receive({ relay: `${relay.url}/ws`, code, out });
    expect(await receiver.when("offer")).toMatchObject({ exists: true, names: ["a.txt"] });
    expect((await receiver.outcome).exitCode).toBe(0);
    expect((await sender.outcome).exitCode).toBe(0);
    expect(await Bun.file(join(out, "a.txt")).text()).toBe("mine");
    expect(bytesOf(join(out, "a (1).txt"))).toEqual(bytes);
  });

  test("is replaced when the job says so, or the answer", async () => {
    for (const answered of [false, true]) {
      using folder = temporaryFolder();
      await using relay = await startRelay();
      const { code, out, path, bytes } = setUp(folder.path);
      await using sender = send({ relay: `${relay.url}/ws`, code, path });
      const onExists = answered ? "number" : "overwrite";
      const job = { relay: `${relay.url}/ws`, code, out, ask: answered, onExists } as const;
      await using receiver = receive(job);
      const { question } = await receiver.when("offer");
      expect(question).toBe(answered);
      if (question) receiver.answer({ accept: true, onExists: "overwrite" });
      expect((await receiver.outcome).exitCode).toBe(0);
      expect((await sender.outcome).exitCode).toBe(0);
      expect(bytesOf(join(out, "a.txt"))).toEqual(bytes);
      expect(list(out)).toEqual(["a.txt"]);
    }
  });

  test("F30 two receivers in one folder get a whole file each", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const { path, bytes } = makeFile(folder.path, "a.bin", 5 * MiB);
    const out = folderIn(folder.path, "out");
    const code = newCode();
    // A receiver that came after the other one ended would find that one's file, and fetch nothing.
    const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };
    await using sender = send({ relay: `${relay.url}/ws`, code, path, receivers: 2, startWhen });
    await using one = receive({ relay: `${relay.url}/ws`, code, out });
    await using two = receive({ relay: `${relay.url}/ws`, code, out });
    for (const client of [one, two, sender]) expect((await client.outcome).exitCode).toBe(0);
    expect(list(out)).toEqual(["a (1).bin", "a.bin"]);
    for (const name of list(out)) expect(bytesOf(join(out, name))).toEqual(bytes);
  });
});

test("a declined offer writes nothing, and the sender goes on waiting", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const { path } = makeFile(folder.path, "a.bin", 3 * MiB);
  const out = folderIn(folder.path, "out");
  const code = newCode();
  await using sender = send({ relay: `${relay.url}/ws`, code, path });
  await using receiver = receive({ relay: `${relay.url}/ws`, code, out, ask: true });
  expect(await receiver.when("offer")).toMatchObject({
    names: ["a.bin"],
    bytes: 3 * MiB,
    question: true,
    exists: false,
  });
  expect(list(out)).toEqual([]);
  receiver.answer({ accept: false });
  expect(await receiver.outcome).toEqual({ fault: "declined", exitCode: 1 });
  expect(list(out)).toEqual([]);
  await sender.when("receiver", ({ state }) => state === "left");
  await using second = receive({ relay: `${relay.url}/ws`, code, out });
  expect((await second.outcome).exitCode).toBe(0);
  expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
});

describe("a transfer that stands still", () => {
  test("says of how much it has received, however quickly that came", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    await using proxy = await Proxy.start({ port: relay.port });
    const file = makeFile(folder.path, "a.bin", 8 * MiB);
    const code = newCode();
    const out = folderIn(folder.path, "out");
    const held = proxy.holdAfter(5);
    await using _ = send({ relay: `${relay.url}/ws`, code, path: file.path });
    await using receiver = receive({ relay: proxy.url, code, out });
    await held;
    await receiver.when("progress", ({ bytes }) => bytes === 5 * DATA - headBytes(file.path));
    proxy.release();
  });

  test("says of how much it has sent", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const file = makeFile(folder.path, "a.bin", 24 * MiB);
    const url = `${relay.url}/ws`;
    const code = newCode();
    await using sender = send({ relay: url, code, path: file.path });
    await sender.when("code");
    const keys = keysOf(code);
    await using receiver = await RawClient.greeted(url, "receiver", keys);
    const offers = await receiver.when("offers", (message) => message.list.length > 0);
    // It acknowledges nothing: the sender is asked for its window, and for nothing ahead.
    const window = 2;
    receiver.join(offers.list[0]!.share, 0, window);
    await sender.when("progress", ({ bytes }) => bytes === window * DATA - headBytes(file.path));
  });
});
