/** The page sends, and receivers of the terminal take it over a real relay. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { dataPerRecord, RECORD_SIZE } from "../../../protocol/wire/sizes.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, listTree, temporaryFolder } from "../../support/disk.ts";
import { content } from "../../support/files.ts";
import { newCode, receive } from "../../support/clients/clients.ts";
import { chosen, PageSend } from "../support/page-send.ts";

const MiB = 1024 ** 2;
const DATA = dataPerRecord(RECORD_SIZE);

function folderIn(dir: string, name: string): string {
  const path = join(dir, name);
  mkdirSync(path, { recursive: true });
  return path;
}

describe("a file from the page", () => {
  test.each([0, 1, DATA - 200, DATA, DATA + 1, 2 * MiB + 7])(
    "of %i bytes arrives byte for byte",
    async (size) => {
      using folder = temporaryFolder();
      await using relay = await startRelay();
      const bytes = content(size, size);
      const at = { relay: `${relay.url}/ws`, code: newCode() };
      await using sender = new PageSend({ ...at, files: [chosen("a.bin", bytes)] });
      expect(await sender.when("code")).toMatchObject({ code: at.code, bytes: size, files: 1 });
      await using receiver = receive({ ...at, out: folder.path });
      expect(await sender.end).toMatchObject({ verified: 1, failed: 0, fault: undefined });
      expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
      expect(bytesOf(join(folder.path, "a.bin"))).toEqual(bytes);
      expect(Math.floor(statSync(join(folder.path, "a.bin")).mtimeMs)).toBe(1_700_000_000_000);
      expect(sender.receivers).toMatchObject([{ state: "done", verified: true }]);
      if (size > 0)
        expect(sender.all("progress").at(-1)).toEqual({ t: "progress", bytes: size, size });
    },
  );
});

test("the page makes a code that a receiver can use", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws` };
  await using sender = new PageSend({ ...at, files: [chosen("a.bin", content(1, 10))] });
  const code = parseCode((await sender.when("code")).code);
  await using receiver = receive({ ...at, code, out: folder.path });
  expect(await sender.end).toMatchObject({ verified: 1, fault: undefined });
  expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
});

test("a tree from the page arrives with empty folders, many small files and odd names", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const small = Array.from({ length: 300 }, (_, i) => {
    return chosen(`tree/many/${i}.txt`, content(i, i * 11));
  });
  const files = [
    chosen("tree/Привет 世界 ‏שלום‎.txt".replaceAll(/[\u200E\u200F]/g, ""), content(1, 100)),
    { path: "tree/nothing/in here", file: undefined },
    ...small,
    chosen("tree/big.bin", content(2, 3 * MiB)),
    chosen("beside.bin", content(3, 5)),
  ];
  await using sender = new PageSend({ ...at, files });
  await using receiver = receive({ ...at, out: folder.path });
  expect(await sender.end).toMatchObject({ verified: 1, failed: 0, fault: undefined });
  expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
  for (const { path, file } of files) {
    const there = join(folder.path, path);
    if (file === undefined) expect(readdirSync(there)).toEqual([]);
    else expect(bytesOf(there)).toEqual(new Uint8Array(await file.arrayBuffer()));
  }
  expect(listTree(folder.path).length).toBeGreaterThan(files.length);
});

test("a text from the page is shown by the receiver", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const text = "Grüße,\n世界 👋";
  await using sender = new PageSend({ ...at, content: { kind: "text", text } });
  await using receiver = receive({ ...at, out: folder.path });
  expect(await receiver.when("text")).toMatchObject({ text });
  expect(await sender.end).toMatchObject({ verified: 1, fault: undefined });
});

test("one upload of the page serves several receivers, and one that comes late", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const bytes = content(5, 6 * MiB);
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  await using sender = new PageSend({ ...at, files: [chosen("a.bin", bytes)], receivers: 3 });
  await using one = receive({ ...at, out: folderIn(folder.path, "one"), name: "one" });
  await using two = receive({ ...at, out: folderIn(folder.path, "two"), name: "two" });
  await Promise.all([one.when("saved"), two.when("saved")]);
  await using late = receive({ ...at, out: folderIn(folder.path, "late"), name: "late" });
  expect(await sender.end).toMatchObject({ verified: 3, failed: 0, fault: undefined });
  expect(await late.outcome).toMatchObject({ exitCode: 0 });
  for (const name of ["one", "two", "late"]) {
    expect(readFileSync(join(folder.path, name, "a.bin")).equals(bytes)).toBe(true);
  }
  expect(sender.receivers.map(({ name }) => name).toSorted()).toEqual(["late", "one", "two"]);
});

test("the start gate of the page holds the content back until enough agreed", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const files = [chosen("a.bin", content(5, 2 * MiB))];
  await using sender = new PageSend({ ...at, files, startWhen: 2, receivers: 2 });
  await using one = receive({ ...at, out: folderIn(folder.path, "one") });
  expect(await sender.when("gate")).toMatchObject({ agreed: 1, wanted: 2, open: false });
  await one.when("offer");
  expect(sender.all("progress").every(({ bytes }) => bytes === 0)).toBe(true);
  await using two = receive({ ...at, out: folderIn(folder.path, "two") });
  expect(await sender.when("gate", ({ open }) => open)).toMatchObject({ agreed: 2 });
  expect(await sender.end).toMatchObject({ verified: 2, failed: 0, fault: undefined });
  expect(await two.outcome).toMatchObject({ exitCode: 0 });
});

test("the page asks about each receiver, lets one in and turns one away", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  await using sender = new PageSend({
    ...at,
    files: [chosen("a.bin", content(5, MiB))],
    ask: true,
  });
  await using good = receive({ ...at, out: folderIn(folder.path, "good"), name: "good" });
  await using bad = receive({ ...at, out: folderIn(folder.path, "bad"), name: "bad" });
  const goodAsks = await sender.when("asks", ({ receiver }) => receiver.name === "good");
  const badAsks = await sender.when("asks", ({ receiver }) => receiver.name === "bad");
  sender.command({ t: "admit", receiver: badAsks.receiver.id, admit: false });
  expect(await sender.when("dismissed")).toEqual({ t: "dismissed", id: badAsks.receiver.id });
  expect(await bad.outcome).toMatchObject({ fault: "not-admitted" });
  sender.command({ t: "admit", receiver: goodAsks.receiver.id, admit: true });
  expect(await sender.end).toMatchObject({ verified: 1, failed: 0, fault: undefined });
  expect(await good.outcome).toMatchObject({ exitCode: 0 });
  expect(readdirSync(join(folder.path, "bad"))).toEqual([]);
});

test("a page that stays serves on until it is stopped", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const files = [chosen("a.bin", content(5, 1000))];
  await using sender = new PageSend({ ...at, files, stay: true });
  for (const name of ["one", "two"]) {
    await using receiver = receive({ ...at, out: folderIn(folder.path, name), name });
    expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
  }
  await sender.when("receiver", ({ receiver }) => receiver.name === "two" && receiver.verified);
  expect(sender.all("end")).toEqual([]);
  sender.command({ t: "stop" });
  expect(await sender.end).toMatchObject({ verified: 2, failed: 0, fault: undefined });
});

test("a stop of the page ends the share for its receivers", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const at = { relay: `${relay.url}/ws`, code: newCode() };
  const files = [chosen("a.bin", content(5, 2 * MiB))];
  await using sender = new PageSend({ ...at, files, startWhen: 2 });
  await using receiver = receive({ ...at, out: folder.path });
  await sender.when("gate");
  sender.command({ t: "stop" });
  expect(await sender.end).toMatchObject({ verified: 0, failed: 1, fault: "interrupted" });
  expect(await receiver.outcome).toMatchObject({ fault: "sender-stopped" });
  expect(await sender.end).toMatchObject({ message: "You stopped the send." });
});

test("a stop before the page reached a relay ends the send at once", async () => {
  await using sender = new PageSend({
    relay: "ws://127.0.0.1:1/ws",
    files: [chosen("a", content(1, 1))],
  });
  sender.command({ t: "stop" });
  expect(await sender.end).toMatchObject({ verified: 0, failed: 0, fault: "interrupted" });
});

describe("the page refuses", () => {
  test.each([
    { what: "no file at all", files: [], fault: "no-such-file" },
    { what: "a name that leads out", files: ["../a"], fault: "unsendable-name" },
    { what: "a name that reorders text", files: ["x/a\u202etxt"], fault: "unsendable-name" },
    { what: "a folder in a home", files: ["~x/a"], fault: "unsendable-name" },
    { what: "one name twice", files: ["a", "a"], fault: "unsendable-name" },
  ])("$what", async ({ files, fault }) => {
    const given = files.map((path) => chosen(path, content(1, 1)));
    const sender = new PageSend({ relay: "ws://127.0.0.1:1/ws", files: given });
    const end = await sender.end;
    expect(end).toMatchObject({ verified: 0, fault });
    expect(end.message).toEndWith(".");
    expect(sender.all("code")).toEqual([]);
  });

  test("a text that is too long for one", async () => {
    const text = "a".repeat(64 * 1024 + 1);
    const sender = new PageSend({ relay: "ws://127.0.0.1:1/ws", content: { kind: "text", text } });
    expect(await sender.end).toMatchObject({ fault: "share-too-big" });
  });

  test.each(["lobb", "abandon abandon abandon abandon abandon abandon", "my-own-code-1234567890"])(
    "%s as a code",
    async (code) => {
      const files = [chosen("a", content(1, 1))];
      const sender = new PageSend({ relay: "ws://127.0.0.1:1/ws", code, files });
      expect(["bad-code", "weak-code"]).toContain((await sender.end).fault ?? "");
    },
  );
});
