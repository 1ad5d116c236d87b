/** Pages, terminals, curl and original clients with each other, in Chromium and in Firefox. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { LOBBY_CODE, parseCode } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { describeIn, TestBrowser } from "../../support/browsers.ts";
import { content, makeFile } from "../../support/files.ts";
import {
  NO_PICKERS,
  openCode,
  pageOf,
  save,
  sendPaths,
  shownCode,
} from "../../support/page-actions.ts";
import { OriginalReceiver, OriginalSender } from "../../support/relay/original-clients.ts";
import { relayAndFolder } from "../../support/relay-and-folder.ts";

const MiB = 1024 * 1024;
const at = relayAndFolder();

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("a terminal sends to a page", async () => {
      const { path, bytes } = makeFile(at.folder, "to a page.bin", 2 * MiB + 1);
      const code = newCode();
      await using sender = send({ relay: `${at.relay.url}/ws`, code, path });
      await using page = await openCode(browser(), pageOf(at.relay), code);
      await page.see("to a page.bin");
      await save(page);
      expect(Buffer.compare(await page.downloaded("to a page.bin", bytes.length), bytes)).toBe(0);
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    });

    test("a page sends to a page and a terminal at once", async () => {
      const { path, bytes } = makeFile(at.folder, "to both.bin", 2 * MiB + 3);
      const out = at.emptyFolder();
      await using sender = await browser().open(pageOf(at.relay));
      const code = parseCode(await sendPaths(sender, [path]));
      await using terminal = receive({ relay: `${at.relay.url}/ws`, code, out });
      await using page = await openCode(browser(), pageOf(at.relay), code);
      await save(page);
      expect(Buffer.compare(await page.downloaded("to both.bin", bytes.length), bytes)).toBe(0);
      expect(await terminal.outcome).toMatchObject({ exitCode: 0 });
      expect(Buffer.compare(readFileSync(join(out, "to both.bin")), bytes)).toBe(0);
      await sender.see("2 receivers, 2 with everything");
      await sender.click("button", "Stop");
      await sender.see("Stopped");
    });
  });
}

describeIn("chromium", (browser) => {
  test("a page in the lobby takes what curl and an original sender give", async () => {
    // Receivers of another test may still be in the lobby of the shared relay.
    await using relay = await startRelay({ workers: 1 });
    const bytes = content(7, MiB);
    await using page = await browser().open(pageOf(relay), { before: NO_PICKERS });
    await page.click("button", "Open the lobby");
    // The list moves the buttons below it when it comes.
    await page.see("Nothing is offered at this moment");
    await page.click("button", "Receive in this page");
    const { path } = makeFile(at.folder, "of curl.bin", MiB, 8);
    const http = relay.url.replace("ws", "http");
    const curl = Bun.spawn(["curl", "-sS", "-T", path, `${http}/lobby/`], {
      stdout: "pipe",
      stderr: "inherit",
    });
    await page.see("of curl.bin");
    await page.click("button", "Save");
    await page.downloaded("of curl.bin", MiB);
    expect(await curl.stdout.text()).toContain("1 receiver");
    await using theirs = await OriginalSender.connect(relay.url);
    theirs.name("original.bin");
    theirs.bytes(bytes);
    await page.see("original.bin");
    await page.click("button", "Save");
    theirs.end();
    expect(Buffer.compare(await page.downloaded("original.bin", MiB), bytes)).toBe(0);
    expect(await theirs.answer).toBe("File transfer successful");
  });

  test("a page sends to curl, an original receiver and a terminal in the lobby", async () => {
    // Receivers of another test may still be in the lobby of the shared relay.
    await using relay = await startRelay({ workers: 1 });
    const { path, bytes } = makeFile(at.folder, "for all.bin", 2 * MiB, 9);
    const out = at.emptyFolder();
    const there = at.emptyFolder();
    const http = relay.url.replace("ws", "http");
    const curl = Bun.spawn(["curl", "-sS", "-OJ", `${http}/lobby`], {
      cwd: there,
      stderr: "inherit",
    });
    await using original = await OriginalReceiver.connect(relay.url);
    const job = { relay: `${relay.url}/ws`, code: LOBBY_CODE, out, lobby: true };
    await using terminal = receive(job);
    await terminal.when("waiting");
    await using page = await browser().open(pageOf(relay));
    await page.click("button", "Open the lobby");
    // The list moves the buttons below it when it comes.
    await page.see("Nothing is offered at this moment");
    await page.click("button", "Offer files to everyone here");
    await page.choose([path]);
    await page.click("button", "Send");
    await page.see("Stop");
    expect(await curl.exited).toBe(0);
    expect(Buffer.compare(readFileSync(join(there, "for all.bin")), bytes)).toBe(0);
    expect(Buffer.compare((await original.file(0)).bytes, bytes)).toBe(0);
    const saved = await terminal.when("saved");
    expect(Buffer.compare(readFileSync(saved.path), bytes)).toBe(0);
    await page.see("3 with everything");
    // Receivers in the lobby would look at this share first for as long as its page may come back.
    await page.click("button", "Stop");
    await page.see("Stopped");
  });
});

describe("two browsers", () => {
  // The other tests skip a browser that is not here.
  describeIn("firefox", (firefox) => {
    test("give each other files, and the typed code of a send is enough", async () => {
      await using chromium = await TestBrowser.start("chromium");
      const { path, bytes } = makeFile(at.folder, "across.bin", MiB + 5);
      await using sender = await chromium.open(pageOf(at.relay));
      await sender.choose([path]);
      await sender.click("button", "Send");
      const code = await shownCode(sender);
      await using receiver = await firefox().open(pageOf(at.relay));
      await receiver.fill("Code", code);
      await receiver.click("button", "Receive");
      await save(receiver);
      expect(Buffer.compare(await receiver.downloaded("across.bin", bytes.length), bytes)).toBe(0);
      await sender.see("1 receiver, 1 with everything");
      await sender[Symbol.asyncDispose]();
      expect(chromium.takeComplaints()).toEqual([]);
    });
  });
});
