/** Tests of the browsers themselves: they notice what a page must not do, and they leave nothing behind. */
import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryFolder } from "../../support/disk.ts";
import { describeIn } from "../../support/browsers.ts";

const PAGE = `<!doctype html><title>A page</title><link rel="icon" href="data:,">
<label>Code <input></label><button id="do">Receive</button><input type="file" aria-label="Files"><p id="said"></p>
<a href="/file" download="made here.bin">Save</a><script src="/script"></script>`;

const SCRIPT = `
document.querySelector("#do").onclick = () => {
  document.querySelector("#said").textContent = "typed " + document.querySelector("input").value;
};
document.querySelector("input[type=file]").onchange = async ({ target }) => {
  document.querySelector("#said").textContent = "chose " + (await target.files[0].text());
};`;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: {
    "/": () =>
      new Response(PAGE, {
        headers: {
          "Content-Type": "text/html",
          "Content-Security-Policy":
            "default-src 'none'; script-src 'self'; img-src data: http://localhost:*",
        },
      }),
    "/script": () => new Response(SCRIPT, { headers: { "Content-Type": "text/javascript" } }),
    "/file": () => new Response("content"),
  },
});
afterAll(() => server.stop(true));

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("types, presses, chooses and downloads as a person does", async () => {
      using folder = temporaryFolder();
      const path = join(folder.path, "chosen.txt");
      writeFileSync(path, "of the disk");
      await using page = await browser().open(server.url.href);
      await page.fill("Code", "some words");
      await page.click("button", "Receive");
      await page.see("typed some words");
      await page.choose([path]);
      await page.see("chose of the disk");
      await page.click("link", "Save");
      expect((await page.downloaded("made here.bin", 7)).toString()).toBe("content");
      expect(browser().memory).toBeGreaterThan(50 * 1024 ** 2);
    });

    const wrong = {
      "an error of a script": "void Promise.reject(new Error('not caught'))",
      "an error in the console": "console.error('said')",
      "what the security policy refuses":
        "document.body.append(Object.assign(new Image(), { src: '/image' }))",
      "a request to another origin": `new Promise((done) => {
        const image = Object.assign(new Image(), { onerror: done, src: "http://localhost:${server.port}/" });
        document.body.append(image);
      }).then(() => undefined)`,
    };
    for (const [what, script] of Object.entries(wrong)) {
      test(`notices ${what}`, async () => {
        await using page = await browser().open(server.url.href);
        await page.evaluate(script);
        await page.until("the browser complains", async () => {
          await Promise.resolve();
          return page.complaints.length + page.foreignRequests().length > 0 || undefined;
        });
        await page[Symbol.asyncDispose]();
        expect(browser().takeComplaints()).not.toBeEmpty();
      });
    }
  });
}
