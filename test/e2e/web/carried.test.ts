/** The page of a relay that a send carries: its receiver is served, and strangers are told that they are not. */
import { expect, test } from "bun:test";

import { fileshare } from "../../support/clients/command.ts";
import { heard, start } from "../../support/clients/program.ts";
import { describeIn } from "../../support/browsers.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { save, NO_PICKERS } from "../../support/page-actions.ts";

/** Chromium says so of every page that is not secure, and of what it asks for when the relay has ended. */
const allow = [/Cross-Origin-Opener-Policy header has been ignored/, /ERR_CONNECTION_REFUSED/];

describeIn("chromium", (browser) => {
  test("the printed link receives, and the sender counts the browser and ends", async () => {
    using folder = temporaryFolder();
    const { path, bytes } = makeFile(folder.path, "carried.bin", 2 * 1024 ** 2);
    const env = { XDG_STATE_HOME: "/dev/null" };
    const sending = start(["send", path, "--carry", "--port", "0"], { env });
    const said = await heard(sending.stdout, "Using the relay");
    const link = /^Or open in a browser: (.*)$/m.exec(said)?.[1] ?? "";
    await using page = await browser().open(link, { before: NO_PICKERS, allow });
    await save(page);
    const saved = await page.downloaded("carried.bin", bytes.length);
    expect(Buffer.compare(saved, bytes)).toBe(0);
    expect(await sending.exited).toBe(0);
    // The relay ended with its sender, after the page had its last word.
    await page.see("Saved");
  });

  test("a stranger cannot send there, and the page says why", async () => {
    using folder = temporaryFolder();
    const { path } = makeFile(folder.path, "strange.bin", 1000);
    await using sending = fileshare(["send", "--text", "mine", "--carry", "--port", "0"]);
    const carrying = await sending.events((event) => event.event === "carrying");
    if (carrying?.event !== "carrying") throw new Error("nothing is carried");
    await using page = await browser().open(`http://localhost:${carrying.port}/`, { allow });
    await page.choose([path]);
    await page.click("button", "Send");
    await page.see("This relay is here for one code alone, and not for this one");
    await page.see("To send files of your own, use another relay.");
  });
});
