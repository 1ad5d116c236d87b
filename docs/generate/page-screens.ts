/**
 * Makes docs/screens/*.webp, the screens of the page in light, dark and on a phone, and docs/pictures/phone.png, a phone
 * that receives beside a terminal. `bun docs/generate/page-screens.ts`; it needs Debian's chromium.
 *
 * Everything is real: a relay of this machine, terminals and pages that send to each other.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Terminal } from "@xterm/headless";

import { LOBBY_CODE, parseCode } from "../../protocol/mod.ts";
import { startRelay } from "../../relay/mod.ts";
import type { BrowserPage } from "../../test/support/browser-page.ts";
import { TestBrowser } from "../../test/support/browsers.ts";
import { receive, send } from "../../test/support/clients/clients.ts";
import { temporaryFolder } from "../../test/support/disk.ts";
import { makeFile } from "../../test/support/files.ts";
import { HoldingProxy } from "../../test/support/net/holding-proxy.ts";
import { agree, NO_PICKERS, openCode, pageOf, sendPaths } from "../../test/support/page-actions.ts";
import { draw, snapshot } from "./draw.ts";

const MiB = 1024 * 1024;
const CODE = parseCode("pig-hobby-cross-wink-phone-hero-knock");
const TEXT_CODE = parseCode("candy-ketchup-harbor-tilt-useful-drip-subject");
const root = join(import.meta.dir, "..");
const folder = join(root, "screens");
mkdirSync(folder, { recursive: true });

const DESKTOP = { width: 800, height: 600 };
const PHONE = { width: 360, height: 640 };

/** The screen as it is now, in three ways. */
async function shoot(page: BrowserPage, name: string): Promise<void> {
  for (const [way, viewport, theme] of [
    ["light", DESKTOP, "light"],
    ["dark", DESKTOP, "dark"],
    ["phone", PHONE, "light"],
  ] as const) {
    await page.raw.setViewport(viewport);
    await page.setTheme(theme);
    // WebP is a third of PNG.
    const picture = await page.raw.screenshot({ type: "webp", quality: 85, fullPage: true });
    writeFileSync(join(folder, `${name}-${way}.webp`), picture);
    console.log(`docs/screens/${name}-${way}.webp: ${Math.round(picture.length / 1024)} KiB`);
  }
  await page.raw.setViewport(DESKTOP);
}

using files = temporaryFolder();
const slides = makeFile(files.path, "slides.pdf", 8 * MiB).path;
const photo = makeFile(files.path, "group photo.jpg", 3 * MiB).path;
await using relay = await startRelay({ workers: 1 });
await using browser = await TestBrowser.start("chromium");
const url = `${relay.url}/ws`;

{
  await using page = await browser.open(pageOf(relay));
  await page.find("button", "Receive");
  await shoot(page, "start");
  await page.choose([slides, photo]);
  await page.find("button", "Send");
  await shoot(page, "chosen");
}
{
  await using page = await browser.open(pageOf(relay));
  const code = parseCode(await sendPaths(page, [slides]));
  await using stack = new AsyncDisposableStack();
  for (const name of ["Ada's laptop", "room 12", "أمينة"]) {
    const out = join(files.path, crypto.randomUUID());
    mkdirSync(out);
    stack.use(receive({ relay: url, code, out, name }));
  }
  await page.see("3 receivers, 3 with everything");
  await page.see("Receivers can take it now.");
  await shoot(page, "sending");
}
{
  await using proxy = await HoldingProxy.start(relay.port, "down", 5 * MiB);
  await using page = await openCode(browser, pageOf(proxy), CODE, { before: NO_PICKERS });
  await page.see("The page waits for a share with this code.");
  await shoot(page, "waiting");
  const what = { from: "paths", paths: [slides] } as const;
  await using _ = send({ relay: url, code: CODE, what, stay: true });
  await page.find("button", "Save");
  await shoot(page, "offer");
  await agree(page);
  await proxy.held;
  await page.see(/[1-9]\d? %/);
  await shoot(page, "receiving");
  proxy.release();
  await page.find("heading", "Saved");
  await shoot(page, "saved");
}
{
  const text = "The room for the workshop is 12.\nhttps://example.org/agenda";
  await using _ = send({ relay: url, code: TEXT_CODE, what: { from: "text", text }, stay: true });
  await using page = await openCode(browser, pageOf(relay), TEXT_CODE);
  await page.see("The room for the workshop");
  await shoot(page, "text");
}
{
  await using sender = send({ relay: url, code: LOBBY_CODE, path: photo, stay: true });
  await sender.when("source");
  await using page = await browser.open(pageOf(relay));
  await page.click("button", "Open the lobby");
  await page.see("group photo.jpg");
  await shoot(page, "lobby");
}
await phoneBesideTerminal();

/** A terminal sends, a phone receives: both at the same moment of the same share. */
async function phoneBesideTerminal(): Promise<void> {
  const size = { cols: 104, rows: 15 };
  const terminal = new Terminal({ ...size, allowProposedApi: true });
  const cli = new URL("../../cli/main.ts", import.meta.url).pathname;
  const args = ["send", "--relay", pageOf(relay), "--stay", slides];
  const child = Bun.spawn([process.execPath, cli, ...args], {
    env: { ...process.env, TERM: "xterm-256color", FORCE_COLOR: "1", XDG_STATE_HOME: files.path },
    terminal: { ...size, data: (_, bytes) => terminal.write(bytes) },
  });
  try {
    await using proxy = await HoldingProxy.start(relay.port, "down", 6 * MiB);
    const shown = (): string => snapshot(terminal).join("\n");
    const words = /#((?:[a-z]+-){6}[a-z]+)|\b((?:[a-z]+-){6}[a-z]+)\b/;
    while (!words.test(shown())) await Bun.sleep(50);
    const [, link, plain] = words.exec(shown()) ?? [];
    const code = link ?? plain ?? "";
    await using page = await openCode(browser, pageOf(proxy), code, { before: NO_PICKERS });
    await agree(page);
    await proxy.held;
    await page.see(/[1-9]\d? %/);
    while (!/\d %/.test(shown())) await Bun.sleep(50);
    await page.raw.setViewport({ ...PHONE, height: 600, deviceScaleFactor: 2 });
    await page.setTheme("light");
    const phone = Buffer.from(await page.raw.screenshot({ type: "png" })).toString("base64");
    const svg = draw(
      [{ at: 0, lines: snapshot(terminal) }],
      { columns: size.cols, rows: size.rows },
      "A terminal that sends",
    );
    await using canvas = await browser.open("about:blank");
    await canvas.raw.setViewport({ width: 1120, height: 660 });
    await canvas.raw
      .setContent(`<style>svg{display:block;width:100%;height:auto}</style><body style="margin:0;display:flex;gap:24px;align-items:center;justify-content:center;height:660px;background:#eef1f5">
      <div style="width:690px;border-radius:10px;overflow:hidden;box-shadow:0 8px 30px #0004">${svg}</div>
      <img style="width:345px;height:575px;border:10px solid #16181d;border-radius:34px" src="data:image/png;base64,${phone}"></body>`);
    const png = await canvas.raw.screenshot({ type: "png" });
    writeFileSync(join(root, "pictures/phone.png"), png);
    console.log(`docs/pictures/phone.png: ${Math.round(png.length / 1024)} KiB`);
    proxy.release();
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}
