/** Shares that a page stores at its relay, in Chromium and in Firefox. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { decodeControl, parseCode } from "../../../protocol/mod.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { describeIn } from "../../support/browsers.ts";
import { receive } from "../../support/clients/clients.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import {
  chooseAgain,
  NO_PICKERS,
  openCode,
  pageOf,
  save,
  shownCode,
} from "../../support/page-actions.ts";

const MiB = 1024 * 1024;
/** A file of 12 MiB has more records than these, and fewer than those. */
const HELD_AFTER = 8;
const RECORDS_MOST = 1000;
const folder = temporaryFolder();
let relay: Relay;

beforeAll(async () => {
  const store = join(folder.path, "store");
  mkdirSync(store, { mode: 0o700 });
  relay = await startRelay({ workers: 1, store: { kind: "disk", folder: store } });
});
afterAll(async () => {
  await relay?.stop();
  folder[Symbol.dispose]();
});

/** The durable records that a relay tells of; undefined: the message is another one. */
function storingOf(message: Uint8Array): number | undefined {
  try {
    const told = decodeControl(message, "relay-to-sender");
    return told.t === "storing" ? told.records : undefined;
  } catch {
    return undefined; // a record, or a message of the page
  }
}

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("a person keeps a file at the relay, closes the page, and deletes it later", async () => {
      const { path, bytes } = makeFile(folder.path, `${name}.bin`, 2 * MiB);
      await using page = await browser().open(pageOf(relay));
      await page.choose([path]);
      await page.find("combobox", "Keep on the relay");
      expect(await page.raw.select("select", String(7 * 24 * 60 * 60))).toHaveLength(1);
      await page.fill("Delete it after this many receivers have everything", "5");
      await page.click("button", "Send");
      const shown = await page.see("You can close this page.");
      expect(shown).toMatch(/Stored at the relay until \w{3}, \w{3} \d+, .*for 5 more receivers\./);
      const code = parseCode(await shownCode(page));

      await page.raw.goto("about:blank");
      const out = join(folder.path, `${name}-out`);
      mkdirSync(out);
      await using terminal = receive({ relay: `${relay.url}/ws`, code, out });
      expect(await terminal.outcome).toMatchObject({ exitCode: 0 });
      expect(readFileSync(join(out, `${name}.bin`)).equals(bytes)).toBe(true);
      await using receiving = await openCode(browser(), pageOf(relay), code, {
        before: NO_PICKERS,
      });
      expect(await receiving.see("Stored at the relay until")).toContain("for 4 more receivers");
      await save(receiving);

      await page.goTo(pageOf(relay));
      await page.find("heading", "Stored at the relay");
      expect(await page.text()).toContain(`${name}.bin`);
      await page.click("button", "Delete");
      await page.click("button", "Delete it for all receivers");
      await page.seeNoMore("Stored at the relay");
      await using late = await openCode(browser(), pageOf(relay), code, { before: NO_PICKERS });
      await late.see("The sender deleted the stored share");
    });

    test("a page that went away amid an upload goes on later, and sends nothing stored twice", async () => {
      const { path, bytes } = makeFile(folder.path, `${name} half.bin`, 12 * MiB + 1);
      let durable = 0;
      const onMessage = (message: Uint8Array): void => {
        const told = storingOf(message);
        if (told !== undefined) durable = told;
      };
      await using proxy = await Proxy.start({ port: relay.port, onMessage });
      const address = `http://localhost:${new URL(proxy.url).port}/`;
      await using page = await browser().open(address);
      await page.choose([path]);
      await page.find("combobox", "Keep on the relay");
      expect(await page.raw.select("select", String(24 * 60 * 60))).toHaveLength(1);
      // The proxy reads the second request of a browser's HTTP connection as a frame.
      const passed = (): number[] => proxy.up.filter((index) => index < RECORDS_MOST);
      const held = proxy.holdAfter(HELD_AFTER, "up");
      await page.click("button", "Send");
      await held;
      const code = parseCode(await shownCode(page));
      await page.see(/Stored [1-9]\d* %/);
      await page.raw.goto("about:blank");
      const [stored, sent] = [durable, passed().length];
      expect(stored).toBeGreaterThan(0);
      proxy.cut();

      await page.goTo(address);
      await page.click("button", `Go on with ${name} half.bin`);
      await chooseAgain(page, path);
      expect(parseCode(await shownCode(page))).toBe(code);
      await page.see("You can close this page.");
      const again = passed().slice(sent);
      const records = Math.max(...passed()) + 1;
      expect(again.length).toBeGreaterThan(0);
      expect(again.length).toBeLessThanOrEqual(records - stored);
      expect(again.filter((index) => index < stored)).toEqual([]);
      expect(new Set(passed()).size).toBe(records);
      await page.goTo(address);
      await page.find("heading", "Stored at the relay");
      expect(await page.text()).not.toContain("Go on with");
      const out = join(folder.path, `${name}-half`);
      mkdirSync(out);
      await using terminal = receive({ relay: `${relay.url}/ws`, code, out });
      expect(await terminal.outcome).toMatchObject({ exitCode: 0 });
      expect(readFileSync(join(out, `${name} half.bin`)).equals(bytes)).toBe(true);
    });
  });
}
