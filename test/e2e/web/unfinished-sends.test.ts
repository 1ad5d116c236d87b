/** Sends of the page that a reload interrupts, and files that change under it, in Chromium and in Firefox. */
import { expect, test } from "bun:test";
import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";

import { parseCode } from "../../../protocol/mod.ts";
import { receive } from "../../support/clients/clients.ts";
import { describeIn } from "../../support/browsers.ts";
import { makeFile } from "../../support/files.ts";
import { chooseAgain, pageOf, sendPaths, shownCode } from "../../support/page-actions.ts";
import { relayAndFolder } from "../../support/relay-and-folder.ts";

const MiB = 1024 * 1024;
const at = relayAndFolder();

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("a send goes on after a reload, with the same code and the files chosen again", async () => {
      const { path, bytes } = makeFile(at.folder, "kept.bin", 3 * MiB + 1);
      await using page = await browser().open(pageOf(at.relay));
      const code = parseCode(await sendPaths(page, [path]));
      const job = { relay: `${at.relay.url}/ws`, code };
      await using one = receive({ ...job, out: at.emptyFolder() });
      expect(await one.outcome).toMatchObject({ exitCode: 0 });
      await page.see("1 receiver, 1 with everything");
      await page.reload();
      await page.click("button", "Go on with kept.bin");
      await page.see("Choose the same files again.");
      await chooseAgain(page, path);
      expect(parseCode(await shownCode(page))).toBe(code);
      await page.see("1 receiver, 1 with everything");
      const out = at.emptyFolder();
      await using two = receive({ ...job, out });
      expect(await two.outcome).toMatchObject({ exitCode: 0 });
      expect(Buffer.compare(readFileSync(join(out, "kept.bin")), bytes)).toBe(0);
      await page.see("2 receivers, 2 with everything");
    });

    test("a tab offers a send of another tab once that tab is closed", async () => {
      const { path } = makeFile(at.folder, "other tab.bin", MiB);
      await using one = await browser().open(pageOf(at.relay), { onDisk: true });
      await sendPaths(one, [path]);
      await one.see("Receivers can take it now");
      await using other = await browser().open(pageOf(at.relay), { onDisk: true });
      await other.find("button", "Choose files");
      expect(await other.text()).not.toContain("other tab.bin");
      await one[Symbol.asyncDispose]();
      await other.find("button", "Go on with other tab.bin");
      await other.click("button", "Forget other tab.bin");
      await other.seeNoMore("other tab.bin");
    });

    test("a file that became shorter ends the share with a sentence that names it", async () => {
      const { path } = makeFile(at.folder, "shorter.bin", 3 * MiB);
      await using page = await browser().open(pageOf(at.relay));
      const code = parseCode(await sendPaths(page, [path]));
      await page.see("Copy link");
      truncateSync(path, MiB);
      await using receiver = receive({ relay: `${at.relay.url}/ws`, code, out: at.emptyFolder() });
      await page.see(/The file "shorter\.bin" changed/);
      expect(receiver.all("saved")).toEqual([]);
    });
  });
}
