/** Pages over plain http from another name than localhost: browsers give them no WebCrypto, files or service worker. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";

import { LOBBY_CODE, parseCode } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { describeIn } from "../../support/browsers.ts";
import { makeFile } from "../../support/files.ts";
import { openCode, pageOf, save, sendPaths } from "../../support/page-actions.ts";
import { relayAndFolder } from "../../support/relay-and-folder.ts";
import { lacks } from "../../needs.ts";

const MiB = 1024 * 1024;
/** The own address in a network, which browsers trust no more than any other machine's. */
const address = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;
const isAlone = lacks(address !== undefined);
const at = relayAndFolder({ hostname: "0.0.0.0" });

/** Chromium says so of every page that is not secure: the header has an effect over https alone. */
const allow = [/Cross-Origin-Opener-Policy header has been ignored/];

const here = (): string => pageOf(at.relay, address);

for (const name of ["chromium", "firefox"] as const) {
  if (isAlone) continue;
  describeIn(name, (browser) => {
    test("a page says that it came unencrypted, and receives and sends all the same", async () => {
      const { path, bytes } = makeFile(at.folder, `in the network ${name}.bin`, 2 * MiB);
      const code = newCode();
      await using sender = send({ relay: `${at.relay.url}/ws`, code, path });
      await using page = await openCode(browser(), here(), code, { allow });
      await page.see("This page came over an unencrypted connection.");
      const has = "isSecureContext || 'subtle' in crypto || 'serviceWorker' in navigator";
      expect(await page.evaluate<boolean>(has)).toBe(false);
      await save(page);
      const saved = await page.downloaded(`in the network ${name}.bin`, bytes.length);
      expect(Buffer.compare(saved, bytes)).toBe(0);
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });

      const out = join(at.folder, `out ${name}`);
      mkdirSync(out);
      await using sending = await browser().open(here(), { allow });
      const own = parseCode(await sendPaths(sending, [path]));
      await using receiver = receive({ relay: `${at.relay.url}/ws`, code: own, out });
      expect(await receiver.outcome).toMatchObject({ exitCode: 0 });
      const there = readFileSync(join(out, `in the network ${name}.bin`));
      expect(Buffer.compare(there, bytes)).toBe(0);
      await sending.see("1 receiver, 1 with everything");
    });

    test("files of the lobby are ordinary links, marked as public and unencrypted", async () => {
      const { path, bytes } = makeFile(at.folder, `public ${name}.bin`, MiB);
      await using sender = send({ relay: `${at.relay.url}/ws`, code: LOBBY_CODE, path });
      await sender.when("source");
      await using page = await browser().open(here(), { allow });
      await page.click("button", "Open the lobby");
      await page.see(/not encrypted/i);
      await page.see("public");
      await page.click("link", `public ${name}.bin`);
      const saved = await page.downloaded(`public ${name}.bin`, bytes.length);
      expect(Buffer.compare(saved, bytes)).toBe(0);
    });
  });
}
