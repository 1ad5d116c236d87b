/** Pages send and receive shares, from an empty file to a tree of 1,000 files, and how transfers end otherwise. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parseCode } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { describeIn } from "../../support/browsers.ts";
import { listTree } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { limitedRelay } from "../../support/relay/limited.ts";
import { policyWith, token } from "../../support/relay/tokens.ts";
import {
  agree,
  NO_PICKERS,
  openCode,
  pageOf,
  PICKERS_OF_STORE,
  save,
  sendFolder,
  sendPaths,
  sendText,
  sha256,
  storedFiles,
} from "../../support/page-actions.ts";
import { relayAndFolder } from "../../support/relay-and-folder.ts";

const TREE_FILES = 1000;
/** A browser takes 10 ms for each file that it writes by itself. */
const FEW_FILES = 60;
const NAMES = [
  "weiß über — ñandú.bin",
  "日本語の名前.bin",
  "ملف عربي.bin",
  "קובץ.bin",
  "😀🎉.bin",
  "\u00e9 composed.bin",
  "ไทย ελληνικά.bin",
];
const at = relayAndFolder();

function treeOf(name: string, files: number): string {
  const path = join(at.folder, name);
  for (let at = 0; at < files; at++) {
    const inside = join(path, `folder ${at % 40}`);
    mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, `file ${at}.txt`), `content of ${at}`);
  }
  return path;
}

describeIn("chromium", (browser) => {
  describe("a page and a terminal", () => {
    test.each([
      ["empty.txt", 0],
      ["one byte.txt", 1],
      ["ملف عربي 日本語 😀.bin", 999],
    ] as const)("give each other %s of %d bytes", async (name, size) => {
      const there = at.emptyFolder();
      const { path, bytes } = makeFile(there, name, size);
      const code = newCode();
      await using sender = send({ relay: `${at.relay.url}/ws`, code, path });
      await using page = await openCode(browser(), pageOf(at.relay), code, { before: NO_PICKERS });
      await save(page);
      expect(Buffer.compare(await page.downloaded(name, size), bytes)).toBe(0);
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });
      const out = at.emptyFolder();
      await using sending = await browser().open(pageOf(at.relay));
      const own = parseCode(await sendPaths(sending, [path]));
      await using receiver = receive({ relay: `${at.relay.url}/ws`, code: own, out });
      expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
      expect(listTree(out)).toEqual([name]);
      expect(Buffer.compare(readFileSync(join(out, name)), bytes)).toBe(0);
    });

    test("give each other names of many scripts", async () => {
      const there = join(at.folder, "names");
      mkdirSync(there);
      const files = NAMES.map((name, at) => makeFile(there, name, 100 + at));
      await using sending = await browser().open(pageOf(at.relay));
      const code = parseCode(
        await sendPaths(
          sending,
          files.map(({ path }) => path),
        ),
      );
      const out = at.emptyFolder();
      await using receiver = receive({ relay: `${at.relay.url}/ws`, code, out });
      expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
      expect(listTree(out).map((name) => name.normalize("NFC"))).toEqual(NAMES.toSorted());
      await using page = await openCode(browser(), pageOf(at.relay), code, {
        before: PICKERS_OF_STORE,
      });
      await save(page);
      const due = files.map(({ name, bytes }) => ({
        path: `chosen/${name}`,
        bytes: bytes.length,
        sha256: sha256(bytes),
      }));
      expect(await storedFiles(page)).toEqual(due.toSorted((a, b) => (a.path < b.path ? -1 : 1)));
    });

    test("give each other texts, which are read and copied and never run", async () => {
      const text = "<b>bold</b> & \u202eesrever\nأهلا 👋";
      const code = newCode();
      const what = { from: "text", text } as const;
      await using sender = send({ relay: `${at.relay.url}/ws`, code, what });
      await using page = await openCode(browser(), pageOf(at.relay), code);
      await page.see("<b>bold</b> &");
      await page.find("button", "Copy");
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });
      await using sending = await browser().open(pageOf(at.relay));
      const own = await sendText(sending, text);
      await using reading = await openCode(browser(), pageOf(at.relay), own);
      await reading.see("أهلا 👋");
      await sending.see("1 with everything");
    });
  });

  describe("a tree", () => {
    test(`of ${FEW_FILES} files goes from a page to a folder of a page`, async () => {
      await using sender = await browser().open(pageOf(at.relay));
      const code = await sendFolder(sender, treeOf("few", FEW_FILES));
      await using page = await openCode(browser(), pageOf(at.relay), code, {
        before: PICKERS_OF_STORE,
      });
      await page.see(`${FEW_FILES} files`);
      await save(page);
      const stored = await storedFiles(page);
      expect(stored).toHaveLength(FEW_FILES);
      const due = sha256(new TextEncoder().encode("content of 57"));
      expect(stored).toContainEqual({
        path: "chosen/few/folder 17/file 57.txt",
        bytes: 13,
        sha256: due,
      });
      await sender.see("1 with everything");
    });

    test(`of ${TREE_FILES} files goes from a page to a ZIP of a page`, async () => {
      await using sender = await browser().open(pageOf(at.relay));
      const code = await sendFolder(sender, treeOf("many", TREE_FILES));
      await using zipped = await openCode(browser(), pageOf(at.relay), code, {
        before: NO_PICKERS,
      });
      await zipped.see("1,000 files");
      await save(zipped);
      const zip = await zipped.until("the ZIP is downloaded", async () => {
        await Promise.resolve();
        return zipped.unfinished().length === 0 ? zipped.finished()[0] : undefined;
      });
      expect(zip).toBe("many.zip");
      const out = join(at.folder, "unzipped");
      const from = join(zipped.downloads, "many.zip");
      const ran = Bun.spawnSync(["python3", "-m", "zipfile", "-e", from, out]);
      expect(ran.stderr.toString()).toBe("");
      expect(listTree(out).filter((each) => !each.endsWith("/"))).toHaveLength(TREE_FILES);
      await sender.see("1 with everything");
    });
  });

  describe("a page that gets nothing", () => {
    test("waits with a code that nobody sends with, and takes the share when it comes", async () => {
      const { path, bytes } = makeFile(at.folder, "late.bin", 5000);
      const code = newCode();
      await using page = await openCode(browser(), pageOf(at.relay), code, { before: NO_PICKERS });
      await page.see("The page waits for a share with this code.");
      await using sender = send({ relay: `${at.relay.url}/ws`, code, path });
      await save(page);
      expect(Buffer.compare(await page.downloaded("late.bin", 5000), bytes)).toBe(0);
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    });

    test("says of a mistyped word which one it may have been", async () => {
      await using page = await browser().open(pageOf(at.relay));
      await page.fill("Code", "candy-ketchup-harbor-tilt-useful-drip-subjekt");
      await page.click("button", "Receive");
      await page.see(/subjekt/);
      expect(await page.text()).not.toContain("The page waits for a share with this code.");
    });

    test("hears that the sender stopped", async () => {
      const { path } = makeFile(at.folder, "stopped.bin", 4 * 1024 * 1024);
      const code = newCode();
      await using sender = send({ relay: `${at.relay.url}/ws`, code, path, limit: 1024 * 1024 });
      await using page = await openCode(browser(), pageOf(at.relay), code, { before: NO_PICKERS });
      await agree(page);
      await sender.when("receiver", ({ state }) => state === "live");
      sender.interrupt();
      await page.see("It did not work");
      await page.see(/sender/);
      expect(page.finished()).toEqual([]);
    });

    test("hears that the relay is full", async () => {
      await using full = await limitedRelay({ "max-shares": 1 }, { workers: 1 });
      const { path } = makeFile(at.folder, "first.bin", 10);
      await using first = await browser().open(pageOf(full));
      await sendPaths(first, [path]);
      await first.see("Receivers can take it now.");
      await using page = await browser().open(pageOf(full));
      await sendPaths(page, [path]);
      await page.see("The relay is full: max-shares: shares at once, 1 at most");
    });

    test("asks for the token of a relay that wants one, and goes on with it", async () => {
      const { text, known } = token(["send", "receive"]);
      const policy = policyWith({ mode: "closed", tokens: [known] });
      await using closed = await startRelay({ workers: 1, policy });
      const { path, bytes } = makeFile(at.folder, "with token.bin", 5000);
      const code = newCode();
      await using sender = send({ relay: `${closed.url}/ws`, code, path, token: text });
      await using page = await openCode(browser(), pageOf(closed), code, {
        before: NO_PICKERS,
        allow: [/WebSocket|401/],
      });
      await page.fill("Token", text);
      await page.click("button", "Use token");
      await save(page);
      expect(Buffer.compare(await page.downloaded("with token.bin", 5000), bytes)).toBe(0);
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    });

    test("is not there at a relay without a page, which says how to receive instead", async () => {
      await using without = await startRelay({ workers: 1, page: false });
      const icon = { allow: [/favicon|404/] };
      await using page = await browser().open(pageOf(without), icon);
      await page.see(/fileshare/);
      expect(await page.evaluate<number>("document.scripts.length")).toBe(0);
    });
  });
});
