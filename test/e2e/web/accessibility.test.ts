/** axe-core finds nothing in any state of the page; it works by keyboard alone, at 320 px and at 200 %. */
import { expect, test } from "bun:test";
import axe from "axe-core";

import { LOBBY_CODE } from "../../../protocol/mod.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import type { BrowserPage } from "../../support/browser-page.ts";
import { describeIn } from "../../support/browsers.ts";
import { makeFile } from "../../support/files.ts";
import { HoldingProxy } from "../../support/net/holding-proxy.ts";
import { agree, NO_PICKERS, openCode, pageOf } from "../../support/page-actions.ts";
import { relayAndFolder } from "../../support/relay-and-folder.ts";

const MiB = 1024 * 1024;
const at = relayAndFolder();

const WIDTHS = [320, 1280, 3840];

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Nothing to complain of in light and dark, and nothing wider than the window. */
async function isFine(page: BrowserPage, state: string): Promise<void> {
  await page.evaluate(`${axe.source}; undefined`);
  for (const theme of ["light", "dark"] as const) {
    await page.setTheme(theme);
    const violations = await page.evaluate<readonly Violation[]>(
      "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
    );
    const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    expect({ state, theme, found }).toEqual({ state, theme, found: [] });
  }
  for (const width of WIDTHS) {
    await page.raw.setViewport({ width, height: 800 });
    await fits(page, `${state} at ${width}`);
  }
  // A browser that zooms to 200 % gives the page half of the pixels, twice as large.
  await page.raw.setViewport({ width: 640, height: 400, deviceScaleFactor: 2 });
  await fits(page, `${state} at 200 %`);
  await page.raw.setViewport({ width: 1000, height: 800 });
}

async function fits(page: BrowserPage, state: string): Promise<void> {
  const overflow = await page.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  expect({ state, overflow }).toEqual({ state, overflow: 0 });
}

describeIn("chromium", (browser) => {
  test("sending", async () => {
    const { path } = makeFile(at.folder, `${"a very long name ".repeat(9)}.bin`, 3000);
    await using page = await browser().open(pageOf(at.relay));
    await page.find("button", "Receive");
    await isFine(page, "first screen");
    await page.choose([path]);
    await page.find("button", "Send");
    await isFine(page, "chosen files");
    await page.click("button", "Send");
    await page.see("Receivers can take it now.");
    await isFine(page, "offered");
    await page.click("button", "Stop");
    await page.see("Stopped");
    await isFine(page, "ended");
  });

  test("receiving", async () => {
    const { path } = makeFile(at.folder, "accessible.bin", 4 * MiB);
    const code = newCode();
    await using proxy = await HoldingProxy.start(at.relay.port, "down", 2 * MiB);
    await using page = await openCode(browser(), pageOf(proxy), code, { before: NO_PICKERS });
    await page.see("The page waits for a share with this code.");
    await isFine(page, "waiting");
    await using sender = send({ relay: `${at.relay.url}/ws`, code, path });
    await page.find("button", "Save");
    await isFine(page, "offer");
    await agree(page);
    await proxy.held;
    await page.see(/\d %/);
    await isFine(page, "transfer");
    proxy.release();
    await page.find("heading", "Saved");
    await isFine(page, "saved");
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    const own = newCode();
    const what = { from: "text", text: "a text to read" } as const;
    await using texting = send({ relay: `${at.relay.url}/ws`, code: own, what });
    await using reading = await openCode(browser(), pageOf(at.relay), own);
    await reading.see("a text to read");
    await isFine(reading, "text");
    expect(await texting.outcome).toMatchObject({ exitCode: 0 });
  });

  test("the lobby, a mistyped code and a person who stopped", async () => {
    const { path } = makeFile(at.folder, "in the lobby.bin", 1000);
    await using sender = send({ relay: `${at.relay.url}/ws`, code: LOBBY_CODE, path });
    await sender.when("source");
    await using page = await browser().open(pageOf(at.relay));
    await page.fill("Code", "no such code");
    await page.click("button", "Receive");
    await isFine(page, "mistyped");
    await page.click("button", "Open the lobby");
    await page.see("in the lobby.bin");
    await isFine(page, "lobby");
  });

  test("a person receives by the keyboard alone", async () => {
    const { path, bytes } = makeFile(at.folder, "by keys.bin", 5000);
    const code = newCode();
    await using sender = send({ relay: `${at.relay.url}/ws`, code, path });
    await using page = await browser().open(pageOf(at.relay), { before: NO_PICKERS });
    await page.find("textbox", "Code").catch(() => page.find("combobox", "Code"));
    await tabTo(page, "Code");
    await page.raw.keyboard.type(code);
    await page.press("Enter");
    await page.find("button", "Save");
    await tabTo(page, "Save");
    await page.press("Enter");
    await page.find("heading", "Saved");
    const saved = await page.downloaded("by keys.bin", bytes.length);
    expect(Buffer.compare(saved, bytes)).toBe(0);
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
  });
});

/** Presses Tab until the focus is on what has this name. */
async function tabTo(page: BrowserPage, name: string): Promise<void> {
  for (let presses = 0; presses < 30; presses++) {
    await page.press("Tab");
    const focused = await page.evaluate<string>(
      `(({ id, innerText }) =>
        (document.querySelector("label[for='" + id + "']") ?? { innerText }).innerText.trim())(document.activeElement)`,
    );
    if (focused === name) return;
  }
  throw new Error(`No Tab leads to ${name}`);
}
