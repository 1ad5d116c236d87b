/** Peers and relays that lie to a page: nothing of theirs runs, navigates or looks like what it is not. */
import { expect, test } from "bun:test";

import { decodeFrame } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { parseCode } from "../../../protocol/mod.ts";
import { describeIn } from "../../support/browsers.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { content, makeFile } from "../../support/files.ts";
import { HostileSender } from "../../support/hostile/sender.ts";
import { TamperingRelay } from "../../support/hostile/tampering.ts";
import {
  agree,
  NO_PICKERS,
  openCode,
  pageOf,
  PICKERS_OF_STORE,
  save,
  sendPaths,
  storedFiles,
} from "../../support/page-actions.ts";
import { relayAndFolder } from "../../support/relay-and-folder.ts";

const at = relayAndFolder();

const HTML = '<img src=x onerror="document.title=1">.txt';
/** Whether anything that a peer said became an element, a title or an address. */
const IS_HARMED = `document.querySelector("main img[src='x'], main script, main iframe") !== null
  || document.title === "1" || location.pathname !== "/"`;

describeIn("chromium", (browser) => {
  test("keeps every name of a hostile manifest inside of the chosen folder", async () => {
    const names = [
      "../up.txt",
      "/etc/passwd",
      "a/../../b.txt",
      "C:\\w.txt",
      "nul\u0000.txt",
      "CON",
    ];
    const code = newCode();
    await using _ = await HostileSender.start(`${at.relay.url}/ws`, code, {
      files: names.map((path) => ({ path, type: "file", size: 10 })),
      content: content(1, 10 * names.length),
    });
    await using page = await openCode(browser(), pageOf(at.relay), code, {
      before: PICKERS_OF_STORE,
    });
    await save(page);
    const stored = (await storedFiles(page)).map(({ path }) => path);
    expect(stored).toHaveLength(names.length);
    for (const path of stored) {
      expect(path).toMatch(/^chosen\/[^<>:"|?*\\]+$/);
      expect(path.split("/")).not.toContain("..");
      expect(path).not.toEndWith("/CON");
    }
  });

  test("shows names that deceive as they are, with a flag for what the system would run", async () => {
    const code = newCode();
    const names = ["photo\u202egpj.exe", "link.lnk", "site.url", "start.desktop"];
    const files = names.map((path) => ({ path, type: "file", size: 10 }));
    await using _ = await HostileSender.start(`${at.relay.url}/ws`, code, {
      files,
      content: content(1, 10 * names.length),
    });
    await using page = await openCode(browser(), pageOf(at.relay), code);
    expect(await page.see("Look twice")).not.toContain("\u202e");
    expect(await page.evaluate<boolean>(IS_HARMED)).toBe(false);
  });

  test("takes markup in a name, a text and a receiver's name as text", async () => {
    const { path } = makeFile(at.folder, "a &lt;b&gt; c.txt", 100);
    await using sending = await browser().open(pageOf(at.relay));
    const code = parseCode(await sendPaths(sending, [path]));
    const out = temporaryFolder();
    await using receiver = receive({
      relay: `${at.relay.url}/ws`,
      code,
      out: out.path,
      name: HTML,
    });
    expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
    await sending.see(HTML);
    expect(await sending.evaluate<boolean>(IS_HARMED)).toBe(false);
    await using page = await openCode(browser(), pageOf(at.relay), code, {
      before: PICKERS_OF_STORE,
    });
    await page.see("a &lt;b&gt; c.txt");
    await save(page);
    expect(await page.evaluate<boolean>(IS_HARMED)).toBe(false);
    const own = newCode();
    const what = { from: "text", text: `<script>document.title=1</script>${HTML}` } as const;
    await using sender = send({ relay: `${at.relay.url}/ws`, code: own, what });
    await using reading = await openCode(browser(), pageOf(at.relay), own);
    await reading.see("<script>document.title=1</script>");
    expect(await reading.evaluate<boolean>(IS_HARMED)).toBe(false);
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    out[Symbol.dispose]();
  });

  test("does not save a record that the relay changed", async () => {
    const code = newCode();
    const { path } = makeFile(at.folder, "tampered.bin", 3 * 1024 * 1024);
    await using liar = new TamperingRelay(`${at.relay.url}/ws`, (frame) => {
      return decodeFrame(frame).index === 1 ? [frame.with(200, frame[200]! ^ 1)] : [frame];
    });
    await using sender = send({ relay: `${at.relay.url}/ws`, code, path, stay: true });
    await sender.when("source");
    await using page = await openCode(browser(), pageOf({ port: liar.port }), code, {
      before: PICKERS_OF_STORE,
    });
    await agree(page);
    await page.see("It did not work");
    await page.see(/damaged|corrupt|changed|decrypt/i);
    // A part of it stays, under a name that says so.
    const stored = (await storedFiles(page)).map(({ path: name }) => name);
    expect(stored.filter((name) => !name.endsWith(".fileshare-part"))).toEqual([]);
  });

  test("does not download a record that the relay changed", async () => {
    const code = newCode();
    const { path } = makeFile(at.folder, "tampered too.bin", 3 * 1024 * 1024);
    await using liar = new TamperingRelay(`${at.relay.url}/ws`, (frame) => {
      return decodeFrame(frame).index === 1 ? [frame.with(200, frame[200]! ^ 1)] : [frame];
    });
    await using sender = send({ relay: `${at.relay.url}/ws`, code, path, stay: true });
    await sender.when("source");
    await using page = await openCode(browser(), pageOf({ port: liar.port }), code, {
      before: NO_PICKERS,
    });
    await agree(page);
    await page.see("It did not work");
    expect(page.finished()).toEqual([]);
  });
});
