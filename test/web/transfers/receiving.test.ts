/** The page's worker receives from senders in terminals. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataPerRecord, LOBBY_CODE, RECORD_SIZE } from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { content, headBytes, makeFile } from "../../support/files.ts";
import { BOTH_PRIMITIVES, PageReceiver } from "../support/page-receiver.ts";

const MiB = 1024 ** 2;
const DATA = dataPerRecord(RECORD_SIZE);

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay({ workers: 1 });
});
afterAll(() => relay.stop());

const address = (): string => `${relay.url}/ws`;

describe.each([...BOTH_PRIMITIVES])("with the primitives of $name", (primitives) => {
  test("files of all sizes around the borders of records arrive byte for byte", async () => {
    using folder = temporaryFolder();
    const probe = makeFile(folder.path, "size0", DATA);
    utimesSync(probe.path, 1_700_000_000, 1_700_000_000);
    const head = headBytes(probe.path) + 1;
    const sizes = [0, 1, ...[1, 2].flatMap((n) => [-1, 0, 1].map((d) => n * DATA - head + d))];
    for (const [at, size] of sizes.entries()) {
      const code = newCode();
      const file = makeFile(folder.path, `size${at}`, size);
      utimesSync(file.path, 1_700_000_000, 1_700_000_000);
      await using sender = send({ relay: address(), code, path: file.path });
      await using page = new PageReceiver({ relay: address(), code }, { primitives });
      expect(await page.when("end")).toEqual({ t: "end" });
      expect(page.files).toEqual({ [file.name]: new Uint8Array(file.bytes) });
      expect(page.all("offer")).toMatchObject([
        { offer: { kind: "files", bytes: size, open: false } },
      ]);
      expect(page.all("save")).toEqual([{ t: "save", unsound: [] }]);
      expect(page.all("over")).toEqual([{ t: "over", confirmed: true }]);
      expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
    }
  });
});

test("a tree arrives whole, with its empty files and folders", async () => {
  using folder = temporaryFolder();
  const tree = join(folder.path, "tree");
  mkdirSync(join(tree, "deep", "empty"), { recursive: true });
  const due: Record<string, Uint8Array> = { "tree/deep/empty/": new Uint8Array() };
  for (let i = 0; i < 300; i++) {
    const name = `f${String(i).padStart(3, "0")}`;
    const bytes = content(i, i % 7 === 0 ? 0 : 1000 * i);
    writeFileSync(join(tree, name), bytes);
    due[`tree/${name}`] = new Uint8Array(bytes);
  }
  const code = newCode();
  await using sender = send({ relay: address(), code, path: tree });
  await using page = new PageReceiver({ relay: address(), code });
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.files).toEqual(due);
  const last = page.all("progress").at(-1);
  expect(last).toEqual({ t: "progress", bytes: last!.size, size: last!.size });
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
});

test("a text is shown, and is saved when it is", async () => {
  const code = newCode();
  const text = "Grüße, שלום, 你好\n".repeat(1000);
  await using sender = send({ relay: address(), code, what: { from: "text", text } });
  await using page = new PageReceiver({ relay: address(), code });
  expect(await page.when("end")).toEqual({ t: "end" });
  expect(page.all("text")).toEqual([{ t: "text", text }]);
  expect(page.all("piece")).toEqual([]);
  expect(page.all("offer")).toMatchObject([{ offer: { kind: "text" } }]);
  expect(page.all("over")).toEqual([{ t: "over", confirmed: true }]);
  expect(await sender.outcome).toMatchObject({ exitCode: 0 });
});

test("the lobby's page takes share after share", async () => {
  using folder = temporaryFolder();
  await using page = new PageReceiver({ relay: address(), code: LOBBY_CODE, lobby: true });
  for (let i = 0; i < 3; i++) {
    const file = makeFile(folder.path, `file${i}`, 100_000 * i);
    await using sender = send({ relay: address(), code: LOBBY_CODE, path: file.path });
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    expect(page.files).toEqual({ [file.name]: new Uint8Array(file.bytes) });
  }
  await page.when("waiting");
  page.command({ t: "stop" });
  expect(await page.when("end")).toMatchObject({ fault: "interrupted" });
});

test("a share that is declined goes to nobody, and the sender hears of it", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", MiB);
  const code = newCode();
  await using sender = send({ relay: address(), code, path: file.path });
  await using page = new PageReceiver({ relay: address(), code }, { asks: true });
  const { offer } = await page.when("offer");
  page.command({ t: "decline", share: "00".repeat(16) });
  page.command({ t: "decline", share: offer.share });
  expect(await page.when("end")).toMatchObject({ fault: "declined" });
  await sender.when("receiver", ({ state }) => state === "left");
});

test("a page with a code that nobody sends under waits, and says so", async () => {
  await using page = new PageReceiver({ relay: address(), code: newCode() });
  await page.when("waiting");
  expect(page.all("link")).toEqual([{ t: "link", online: true }]);
});
