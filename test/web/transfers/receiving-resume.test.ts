/** Receives that go on: behind what a saver has, after a relay that died, and in the place of another share. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, utimesSync, writeFileSync, rmSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { concat, dataPerRecord, RECORD_SIZE } from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send, SenderProcess } from "../../support/clients/clients.ts";
import { content, headBytes, makeFile } from "../../support/files.ts";
import { HOSTILE_RECORD_SIZE, HostileSender } from "../../support/hostile/sender.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { BOTH_PRIMITIVES, PageReceiver } from "../support/page-receiver.ts";

const MiB = 1024 ** 2;
const DATA = dataPerRecord(RECORD_SIZE);

let relay: Relay;
beforeEach(async () => {
  relay = await startRelay({ workers: 1, port: await ownPort() });
});
afterEach(() => relay.stop());

const address = (): string => `${relay.url}/ws`;

describe("behind what the saver has", () => {
  test.each([...BOTH_PRIMITIVES])(
    "only the rest comes, from the record that holds it ($name)",
    async (primitives) => {
      using folder = temporaryFolder();
      await using proxy = await Proxy.start({ port: relay.port });
      const probe = makeFile(folder.path, "a.bin", 2 * DATA);
      utimesSync(probe.path, 1_700_000_000, 1_700_000_000);
      const head = headBytes(probe.path);
      // The states are alone in the last record.
      const size = 3 * DATA - head;
      const file = makeFile(folder.path, "a.bin", size);
      utimesSync(file.path, 1_700_000_000, 1_700_000_000);
      const code = newCode();
      await using sender = send({ relay: address(), code, path: file.path, stay: true });
      const positions = [
        1,
        DATA - head - 1,
        DATA - head,
        DATA - head + 1,
        2 * DATA - head,
        size - 1,
      ];
      for (const position of [0, ...positions, size]) {
        const before = proxy.down.length;
        await using page = new PageReceiver({ relay: proxy.url, code }, { primitives, position });
        expect(await page.when("end")).toEqual({ t: "end" });
        expect(page.files["a.bin"]).toEqual(new Uint8Array(file.bytes.subarray(position)));
        const due = [0];
        const first = Math.max(1, Math.floor((head + position) / DATA));
        for (let index = first; index < 4; index++) due.push(index);
        expect(proxy.down.slice(before)).toEqual(due);
        expect(page.all("progress").at(-1)).toEqual({ t: "progress", bytes: size, size });
        expect(page.all("over")).toEqual([{ t: "over", confirmed: true }]);
      }
      expect(sender.all("error")).toEqual([]);
    },
  );

  test("each piece is of the file that it belongs to, at every byte of small files", async () => {
    const parts = [0, 1, 70_000, 0, 3, 130_000, 1].map((size, at) => content(at + 1, size));
    const files = parts.map(({ length }, at) => ({ path: `f${at}`, size: length }));
    const all = concat(...parts);
    const code = newCode();
    await using _ = await HostileSender.start(address(), code, { files, content: all });
    const data = HOSTILE_RECORD_SIZE - 17;
    const borders = [0, 1, 70_001, 70_004, 200_004, 200_005, data, 2 * data];
    const positions = new Set(borders.flatMap((at) => [at - 1, at, at + 1]));
    for (const position of positions) {
      if (position < 0 || position > all.length) continue;
      await using page = new PageReceiver({ relay: address(), code }, { position });
      expect(await page.when("end")).toEqual({ t: "end" });
      let begin = 0;
      for (const [at, part] of parts.entries()) {
        const skip = Math.min(Math.max(position - begin, 0), part.length);
        expect(page.files[`f${at}`]).toEqual(new Uint8Array(part.subarray(skip)));
        begin += part.length;
      }
    }
  });

  test("a reload goes on as the same receiver, and takes no other share", async () => {
    using folder = temporaryFolder();
    const other = makeFile(folder.path, "other.bin", MiB);
    const file = makeFile(folder.path, "a.bin", 12 * MiB);
    const code = newCode();
    await using sender = send({ relay: address(), code, path: file.path });
    let before: { share: string; receiver: string };
    let had: Uint8Array;
    {
      await using page = new PageReceiver({ relay: address(), code }, { slow: true });
      await page.holds(3 * MiB);
      before = page.share.offer;
      had = page.files["a.bin"]!;
    }
    // Newer, so every other receiver would take it.
    await using second = send({ relay: address(), code, path: other.path });
    await second.when("relay", ({ online }) => online);
    const { share, receiver } = before;
    await using page = new PageReceiver(
      { relay: address(), code, resume: { share, receiver } },
      { position: had.length },
    );
    expect(await page.when("end")).toEqual({ t: "end" });
    expect(concat(had, page.files["a.bin"]!)).toEqual(new Uint8Array(file.bytes));
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    expect(new Set(sender.all("receiver").map(({ id }) => id))).toEqual(new Set([receiver]));
  });
});

test("a receive that goes on says when only other shares of its code are offered", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 1000);
  const code = newCode();
  await using _ = send({ relay: address(), code, path: file.path });
  const resume = { share: "5a".repeat(16), receiver: "3c".repeat(16) };
  await using page = new PageReceiver({ relay: address(), code, resume });
  await page.when("elsewhere");
  expect(page.all("offer")).toEqual([]);
  expect(page.all("elsewhere")).toHaveLength(1);
});

test("a receive that goes on after a reload finds the share that takes its place later", async () => {
  using folder = temporaryFolder();
  const tree = await plant(folder.path);
  await using proxy = await Proxy.start({ port: relay.port });
  const job = { relay: address(), code: newCode() };
  await using sender = send({ ...job, path: tree, receivers: 3 });
  let before: { share: string; receiver: string };
  {
    await using page = new PageReceiver(job, { asks: true });
    const { share, receiver } = (await page.when("offer")).offer;
    before = { share, receiver };
  }
  await using page = new PageReceiver({ ...job, relay: proxy.url, resume: before }, { asks: true });
  await page.when("offer");
  const held = proxy.holdAfter(3);
  page.accept();
  await held;
  await using early = receive({ ...job, out: placeIn(folder.path, "early") });
  expect(await early.outcome).toMatchObject({ exitCode: 0 });
  writeFileSync(join(tree, "b150"), "quite another");
  await using late = receive({ ...job, out: placeIn(folder.path, "late") });
  await sender.when("edition");
  proxy.cut();
  await page.when("edition");
  await page.when("offer", ({ offer }) => offer.share !== before.share);
  page.accept();
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.files).toEqual(filesIn(tree));
  expect(await late.outcome).toMatchObject({ exitCode: 0 });
});

test.each([...BOTH_PRIMITIVES])(
  "a relay that dies and starts again amid a share loses nothing ($name)",
  async (primitives) => {
    using folder = temporaryFolder();
    const file = makeFile(folder.path, "a.bin", 30 * MiB);
    const code = newCode();
    await using sender = send({ relay: address(), code, path: file.path });
    await using page = new PageReceiver({ relay: address(), code }, { primitives, slow: true });
    await page.holds(6 * MiB);
    const { port } = relay;
    await relay.stop();
    relay = await startRelay({ workers: 1, port });
    page.hurry();
    expect(await page.when("end")).toEqual({ t: "end" });
    expect(page.files["a.bin"]).toEqual(new Uint8Array(file.bytes));
    expect(page.all("link").map(({ online }) => online)).toEqual([true, false, true]);
    // A relay waits a second for its last word to arrive, and this page takes its time.
    expect(page.all("link")[1]!.message).toMatch(
      /^The (?:relay is shutting down|connection to the relay broke)\. /,
    );
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  },
);

test("a sender that is killed is said to be away, and the receive goes on with its return", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 40 * MiB);
  const job = {
    relay: address(),
    code: newCode(),
    path: file.path,
    limit: MiB,
    keep: { again: { cwd: "/", words: ["send"] }, anew: false, codeChosen: false },
  };
  const sender = new SenderProcess(job);
  await using page = new PageReceiver({ relay: address(), code: job.code });
  await page.when("piece");
  await sender.kill();
  await page.when("sender", ({ here }) => !here);
  await using again = new SenderProcess({ ...job, limit: undefined });
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.files["a.bin"]).toEqual(new Uint8Array(file.bytes));
  await again.outcome;
});

/** A relay that forgets soon, and a tree of more than it keeps. */
async function plant(folder: string): Promise<string> {
  await relay.stop();
  relay = await startRelay({ workers: 1, logBytes: 6 * MiB });
  const tree = join(folder, "tree");
  mkdirSync(tree);
  makeFile(tree, "a-first", 3 * MiB, 1);
  for (let i = 0; i < 100; i++) makeFile(tree, `b${100 + i}`, 20_000 + i);
  makeFile(tree, "c-large", 12 * MiB, 2);
  return tree;
}

function filesIn(tree: string): Record<string, Uint8Array> {
  const names = readdirSync(tree);
  return Object.fromEntries(names.map((name) => [`tree/${name}`, bytesOf(join(tree, name))]));
}

function placeIn(folder: string, name: string): string {
  mkdirSync(join(folder, name));
  return join(folder, name);
}

test("files that change are offered anew, and the page hears that another share takes the place", async () => {
  using folder = temporaryFolder();
  const tree = await plant(folder.path);
  const job = { relay: address(), code: newCode() };
  await using sender = send({ ...job, path: tree, receivers: 2 });
  await using early = receive({ ...job, out: placeIn(folder.path, "early") });
  expect(await early.outcome).toMatchObject({ exitCode: 0 });
  writeFileSync(join(tree, "b150"), "quite another");
  rmSync(join(tree, "b160"));
  await using page = new PageReceiver(job);
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.all("edition")).toHaveLength(1);
  expect(page.shares).toHaveLength(2);
  expect(page.files).toEqual(filesIn(tree));
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
});

test("a page that missed the word of a new edition finds it, and is moved to it", async () => {
  using folder = temporaryFolder();
  const tree = await plant(folder.path);
  await using proxy = await Proxy.start({ port: relay.port });
  const job = { relay: address(), code: newCode() };
  await using sender = send({ ...job, path: tree, receivers: 3 });
  await using page = new PageReceiver({ ...job, relay: proxy.url }, { asks: true });
  await page.when("offer");
  const held = proxy.holdAfter(3);
  page.accept();
  await held;
  await using early = receive({ ...job, out: placeIn(folder.path, "early") });
  expect(await early.outcome).toMatchObject({ exitCode: 0 });
  writeFileSync(join(tree, "b150"), "quite another");
  await using late = receive({ ...job, out: placeIn(folder.path, "late") });
  await sender.when("edition");
  proxy.cut();
  await page.when("edition");
  await page.when("offer", ({ offer }) => offer.share !== page.shares[0]!.offer.share);
  page.accept();
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.files).toEqual(filesIn(tree));
  expect(await late.outcome).toMatchObject({ exitCode: 0 });
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
});

test("another share of the code takes no place: the page goes back to its own, and goes on there", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 30 * MiB);
  const other = makeFile(folder.path, "other.bin", MiB);
  const code = newCode();
  const keep = { again: { cwd: "/", words: ["send"] }, anew: false, codeChosen: false };
  const job = { relay: address(), code, path: file.path, keep };
  const sender = new SenderProcess({ ...job, limit: MiB });
  await using page = new PageReceiver({ relay: address(), code });
  await page.when("piece");
  await sender.kill();
  const { port } = relay;
  await relay.stop();
  relay = await startRelay({ workers: 1, port });
  // The page looks at it, and leaves it.
  await using stranger = send({ relay: address(), code, path: other.path });
  await stranger.when("receiver", ({ state }) => state === "left");
  await using again = new SenderProcess(job);
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.all("edition")).toEqual([]);
  expect(page.shares).toHaveLength(1);
  expect(page.files).toEqual({ "a.bin": new Uint8Array(file.bytes) });
  await again.outcome;
});
