/** The ways in which a page saves: files and folders that a person chose, downloads, memory; on disk or in the browser. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parseCode } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { describeIn } from "../../support/browsers.ts";
import { listTree } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
import { HoldingProxy } from "../../support/net/holding-proxy.ts";
import {
  agree,
  NO_PICKERS,
  NO_WAY_BUT_MEMORY,
  openCode,
  pageOf,
  PICKERS_OF_STORE,
  save,
  sendFolder,
  sha256,
  storedFiles,
} from "../../support/page-actions.ts";
import { relayAndFolder } from "../../support/relay-and-folder.ts";

const MiB = 1024 * 1024;
const NAMES = ["a.txt", "sub/b.bin", "sub/deep/c.bin", "sub/empty.txt"];
const at = relayAndFolder();

/** A tree on disk with NAMES, and their bytes by name. */
function makeTree(name: string): {
  readonly path: string;
  readonly bytes: Map<string, Uint8Array>;
} {
  const path = join(at.folder, name);
  const bytes = new Map<string, Uint8Array>();
  for (const [at, file] of NAMES.entries()) {
    mkdirSync(join(path, file, ".."), { recursive: true });
    const made = content(at, at === 3 ? 0 : (at + 1) * 300_000);
    writeFileSync(join(path, file), made);
    bytes.set(file, made);
  }
  return { path, bytes };
}

/** The ZIP unpacked by a program that is not ours. */
function unpacked(zip: Uint8Array): string {
  const path = join(at.folder, crypto.randomUUID());
  writeFileSync(`${path}.zip`, zip);
  const ran = Bun.spawnSync(["python3", "-m", "zipfile", "-e", `${path}.zip`, path]);
  expect(ran.stderr.toString()).toBe("");
  return path;
}

const ways = { download: NO_PICKERS, memory: NO_WAY_BUT_MEMORY };

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    for (const [way, before] of Object.entries(ways)) {
      test(`a tree becomes one ZIP by ${way}`, async () => {
        const { path, bytes } = makeTree(`tree ${way} ${name}`);
        const what = { from: "paths", paths: [path] } as const;
        const code = newCode();
        await using sender = send({ relay: `${at.relay.url}/ws`, code, what });
        await using page = await openCode(browser(), pageOf(at.relay), code, { before });
        await page.see("All files come in one ZIP.");
        await save(page);
        const zip = await page.until("the ZIP is downloaded", async () => {
          await Promise.resolve();
          const [found] = page.finished();
          return found !== undefined && page.unfinished().length === 0 ? found : undefined;
        });
        expect(await sender.outcome).toMatchObject({ exitCode: 0 });
        const there = unpacked(readFileSync(join(page.downloads, zip)));
        for (const [file, made] of bytes) {
          const saved = readFileSync(join(there, `tree ${way} ${name}`, file));
          expect(Buffer.compare(saved, made)).toBe(0);
        }
      });
    }

    test("a file comes by memory, and nothing is saved of it before it is whole", async () => {
      const { path, bytes } = makeFile(at.folder, `memory ${name}.bin`, 4 * MiB);
      const code = newCode();
      await using proxy = await HoldingProxy.start(at.relay.port, "down", 2 * MiB);
      await using sender = send({ relay: `${at.relay.url}/ws`, code, path });
      await using page = await openCode(browser(), pageOf(proxy), code, {
        before: NO_WAY_BUT_MEMORY,
      });
      await page.see("This page collects it in memory");
      await agree(page);
      await proxy.held;
      expect(page.finished()).toEqual([]);
      proxy.release();
      const saved = await page.downloaded(`memory ${name}.bin`, bytes.length);
      expect(Buffer.compare(saved, bytes)).toBe(0);
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    });
  });
}

describeIn("chromium", (browser) => {
  test("a folder of a page arrives in a terminal as it is", async () => {
    const { path, bytes } = makeTree("folder of a page");
    const out = join(at.folder, "out");
    mkdirSync(out);
    await using page = await browser().open(pageOf(at.relay));
    const code = parseCode(await sendFolder(page, path));
    const job = { relay: `${at.relay.url}/ws`, code, out };
    await using receiver = receive(job);
    expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
    for (const [file, made] of bytes) {
      expect(Buffer.compare(readFileSync(join(out, "folder of a page", file)), made)).toBe(0);
    }
    expect(listTree(out).filter((each) => !each.endsWith("/"))).toHaveLength(NAMES.length);
  });

  test("a file goes where the person chose", async () => {
    const { path, bytes } = makeFile(at.folder, "chosen.bin", 2 * MiB);
    const code = newCode();
    await using sender = send({ relay: `${at.relay.url}/ws`, code, path });
    await using page = await openCode(browser(), pageOf(at.relay), code, {
      before: PICKERS_OF_STORE,
    });
    await page.see("Saves to a file that you choose.");
    await save(page);
    const due = { path: "chosen.bin", bytes: bytes.length, sha256: sha256(bytes) };
    expect(await storedFiles(page)).toEqual([due]);
    expect(page.finished()).toEqual([]);
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  });

  test("a tree goes into the folder that the person chose", async () => {
    const { path, bytes } = makeTree("chosen tree");
    const what = { from: "paths", paths: [path] } as const;
    const code = newCode();
    await using sender = send({ relay: `${at.relay.url}/ws`, code, what });
    await using page = await openCode(browser(), pageOf(at.relay), code, {
      before: PICKERS_OF_STORE,
    });
    await page.see("Saves into a folder that you choose.");
    await save(page);
    const due = NAMES.map((file) => {
      const made = bytes.get(file)!;
      return { path: `chosen/chosen tree/${file}`, bytes: made.length, sha256: sha256(made) };
    });
    expect(await storedFiles(page)).toEqual(due);
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  });

  test("a download that the person stops leaves nothing that looks complete", async () => {
    const { path } = makeFile(at.folder, "stopped.bin", 4 * MiB);
    const code = newCode();
    await using proxy = await HoldingProxy.start(at.relay.port, "down", 2 * MiB);
    await using sender = send({ relay: `${at.relay.url}/ws`, code, path, stay: true });
    await using page = await openCode(browser(), pageOf(proxy), code);
    await agree(page);
    await proxy.held;
    await page.click("button", "Stop");
    await page.see("You stopped this receive.");
    expect(page.finished()).toEqual([]);
    await sender.when("receiver", ({ state }) => state === "left");
  });

  test("a disk that is full ends the receive with a sentence, and the sender hears of it", async () => {
    const { path } = makeFile(at.folder, "too large.bin", 8 * MiB);
    const code = newCode();
    await using sender = send({ relay: `${at.relay.url}/ws`, code, path, stay: true });
    await using page = await openCode(browser(), pageOf(at.relay), code, {
      before: PICKERS_OF_STORE,
    });
    await page.find("button", "Save");
    const session = await page.raw.createCDPSession();
    const origin = new URL(pageOf(at.relay)).origin;
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 3 * MiB });
    await agree(page);
    await page.see("The disk has too little free space.");
    const stored = await storedFiles(page);
    expect(stored.filter(({ bytes }) => bytes === 8 * MiB)).toEqual([]);
    await sender.when("receiver", ({ state }) => state === "left");
  });
});
