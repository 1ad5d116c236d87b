/** A class beside the transfer itself: typing, pasting and naming on phones, and waiting for a start. */
import { expect, test } from "bun:test";

import { abbreviateCode, parseCode } from "../../../protocol/mod.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { describeIn } from "../../support/browsers.ts";
import { makeFile } from "../../support/files.ts";
import {
  agree,
  chooseAgain,
  openCode,
  pageOf,
  save,
  saved,
  shownCode,
} from "../../support/page-actions.ts";
import { relayAndFolder } from "../../support/relay-and-folder.ts";

const PHONE = { width: 390, height: 844 };
const at = relayAndFolder();
const { path } = makeFile(at.folder, "worksheet.pdf", 50_000);

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("one press receives a code that was typed with four letters a word", async () => {
      const code = newCode();
      await using _ = send({ relay: `${at.relay.url}/ws`, code, path });
      await using page = await browser().open(pageOf(at.relay), PHONE);
      await page.fill("Code", abbreviateCode(code).replaceAll("-", " "));
      await page.see("The code is complete.");
      await page.click("button", "Receive");
      await save(page);
    });

    test("one press beside the open list of words is not lost", async () => {
      await using page = await browser().open(pageOf(at.relay), PHONE);
      await page.fill("Code", "velvet-cany");
      await page.see(/^canyon$/m);
      const place = await page.evaluate<number>(BUTTON_PLACE);
      await page.evaluate(BLUR);
      await page.seeNoMore(/^canyon$/m);
      expect(await page.evaluate<number>(BUTTON_PLACE)).toBe(place);
    });

    // Firefox gives a script's event no text.
    if (name === "chromium") {
      test("a link pasted beside the field goes into it", async () => {
        const code = newCode();
        await using _ = send({ relay: `${at.relay.url}/ws`, code, path });
        await using page = await browser().open(pageOf(at.relay), PHONE);
        await page.evaluate(pasting(`${pageOf(at.relay)}#${code}`));
        await page.see("The code is complete.");
        await page.press("Enter");
        await save(page);
      });
    }
  });
}

describeIn("chromium", (browser) => {
  test("an offer whose sender left says so, and starts when the sender is back", async () => {
    await using sender = await browser().open(pageOf(at.relay), PHONE);
    await sender.choose([path]);
    await sender.click("button", "Send");
    const code = parseCode(await shownCode(sender));
    await using page = await openCode(browser(), pageOf(at.relay), code, PHONE);
    await page.find("button", "Save");
    await sender.reload();
    await page.see("The sender is away. You can agree now");
    await agree(page);
    await sender.click("button", "Go on with worksheet.pdf");
    await chooseAgain(sender, path);
    await saved(page);
  });

  test("a receiver that came by a link names itself, and waits for the others", async () => {
    await using sender = await browser().open(pageOf(at.relay), PHONE);
    await sender.choose([path]);
    await sender.evaluate("document.querySelector('form.send summary').click()");
    await sender.fill("Wait for this many receivers before it starts", "2");
    await sender.click("button", "Send");
    const code = parseCode(await shownCode(sender));
    await sender.see("0 of 2 receivers are ready");

    await using ana = await openCode(browser(), pageOf(at.relay), code, PHONE);
    await ana.find("button", "Save");
    await ana.evaluate("document.querySelector('.rename').closest('details').open = true");
    await ana.fill("Name that the sender sees", "Ana, class 7b");
    await ana.click("button", "Use this name");
    await ana.see("Your name: Ana, class 7b");
    await agree(ana);
    await ana.see("You are ready.");
    await sender.see("1 of 2 receivers are ready");
    await sender.see(/Ana, class 7b\s+is ready/);

    await using other = await openCode(browser(), pageOf(at.relay), code, PHONE);
    await save(other);
    await saved(ana);
    await sender.see(/left before it took anything/);
  });
});

/** A window in the background keeps its events of the focus to itself, and a loaded machine has several. */
const BLUR = `{
  const field = document.activeElement;
  field.blur();
  if (!document.hasFocus()) field.dispatchEvent(new FocusEvent("blur"));
}`;
const BUTTON_PLACE = `document.querySelector(".receive > button").getBoundingClientRect().y`;

/** Gives the page a text as the browser does when a person pastes it, who has seen the page: its frame is drawn. */
function pasting(text: string): string {
  return `(async () => {
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", ${JSON.stringify(text)});
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  })()`;
}
