/** Transfers of pages that are interrupted: by a reload, a relay that is killed, a page that is closed. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { dataPerRecord, parseCode, RECORD_SIZE } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { RelayProcess } from "../../support/clients/processes.ts";
import { describeIn } from "../../support/browsers.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
import { HoldingProxy } from "../../support/net/holding-proxy.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { Proxy } from "../../support/net/proxy.ts";
import {
  agree,
  openCode,
  pageOf,
  PICKERS_OF_STORE,
  save,
  saved,
  sendPaths,
  sha256,
  storedFiles,
} from "../../support/page-actions.ts";

const MiB = 1024 * 1024;
const DATA = dataPerRecord(RECORD_SIZE);
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** The words of browsers about a connection that is lost. */
const LOST = [
  /WebSocket|ERR_|can’t establish a connection|was interrupted|Failed to load resource/,
];

function outFolder(): string {
  const path = join(folder.path, crypto.randomUUID());
  mkdirSync(path);
  return path;
}

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("a relay that is killed and started again ends no receive of a page", async () => {
      const { path, bytes } = makeFile(folder.path, `survivor ${name}.bin`, 8 * MiB);
      const code = newCode();
      const port = await ownPort();
      const first = await RelayProcess.start({ workers: 1, port });
      await using proxy = await HoldingProxy.start(port, "up", 3 * MiB);
      await using sender = send({ relay: `ws://127.0.0.1:${proxy.port}/ws`, code, path });
      await using page = await openCode(browser(), pageOf(first), code, { allow: LOST });
      await agree(page);
      await page.see(/[1-9]\d? %/);
      await first.kill();
      await page.see(/connect/);
      await using second = await RelayProcess.start({ workers: 1, port });
      expect(second.port).toBe(port);
      proxy.release();
      await saved(page);
      const arrived = await page.downloaded(`survivor ${name}.bin`, bytes.length);
      expect(Buffer.compare(arrived, bytes)).toBe(0);
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    });
  });
}

describeIn("chromium", (browser) => {
  test("a tree goes on after a reload with what is not on the disk yet", async () => {
    const tree = join(folder.path, "tree");
    mkdirSync(tree);
    const files = ["a", "b", "c", "d"].map((each, at) => ({
      path: `chosen/tree/${each}.bin`,
      bytes: content(at, 3 * MiB),
    }));
    for (const { path, bytes } of files) writeFileSync(join(tree, path.slice(12)), bytes);
    await using relay = await startRelay({ workers: 1 });
    await using proxy = await Proxy.start({ port: relay.port });
    const code = newCode();
    const what = { from: "paths", paths: [tree] } as const;
    await using sender = send({ relay: `${relay.url}/ws`, code, what });
    const address = pageOf({ port: Number(new URL(proxy.url).port) });
    await using page = await openCode(browser(), address, code, { before: PICKERS_OF_STORE });
    await page.find("button", "Save");
    const held = proxy.holdAfter(Math.ceil((8 * MiB) / DATA));
    await agree(page);
    await held;
    // Two files of three MiB are whole, and written.
    await page.until("two files are on the disk", async () => {
      const sizes = (await storedFiles(page)).map(({ bytes }) => bytes);
      return sizes.filter((size) => size === 3 * MiB).length >= 2 ? true : undefined;
    });
    proxy.release();
    proxy.cut();
    const before = proxy.down.length;
    await page.reload();
    await page.click("button", "Go on with tree");
    await saved(page);
    const due = files.map(({ path, bytes }) => ({
      path,
      bytes: bytes.length,
      sha256: sha256(bytes),
    }));
    expect(await storedFiles(page)).toEqual(due);
    // The manifest's record comes again, and at most the two files that were not whole.
    expect(proxy.down.length - before).toBeLessThanOrEqual(2 + Math.ceil((6 * MiB) / DATA));
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  });

  test("a send goes on after a reload with the same code, when its files are chosen again", async () => {
    const { path, bytes } = makeFile(folder.path, "goes on.bin", 6 * MiB);
    const out = outFolder();
    await using relay = await startRelay({ workers: 1 });
    await using proxy = await HoldingProxy.start(relay.port, "down", 3 * MiB);
    await using page = await browser().open(pageOf(relay));
    const code = parseCode(await sendPaths(page, [path]));
    await using receiver = receive({ relay: `ws://127.0.0.1:${proxy.port}/ws`, code, out });
    await proxy.held;
    await page.reload();
    await page.click("button", "Go on with goes on.bin");
    await page.find("button", "Choose the files again");
    await page.choose([path], "Files of before");
    await page.see(code);
    proxy.release();
    expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
    expect(Buffer.compare(readFileSync(join(out, "goes on.bin")), bytes)).toBe(0);
    await page.see("1 with everything");
  });

  test("a page that is closed in the middle holds up nobody", async () => {
    const { path, bytes } = makeFile(folder.path, "others go on.bin", 4 * MiB);
    const out = outFolder();
    const code = newCode();
    await using relay = await startRelay({ workers: 1 });
    await using proxy = await HoldingProxy.start(relay.port, "down", 2 * MiB);
    await using _ = send({ relay: `${relay.url}/ws`, code, path, receivers: 2 });
    await using other = await openCode(browser(), pageOf(relay), code);
    await using closed = await openCode(browser(), pageOf(proxy), code);
    await agree(closed);
    await proxy.held;
    await closed[Symbol.asyncDispose]();
    await using terminal = receive({ relay: `${relay.url}/ws`, code, out });
    await save(other);
    const saved = await other.downloaded("others go on.bin", bytes.length);
    expect(Buffer.compare(saved, bytes)).toBe(0);
    expect(await terminal.outcome).toMatchObject({ exitCode: 0 });
  });
});
