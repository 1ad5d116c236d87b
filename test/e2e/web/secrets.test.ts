/** The code of a link stays in the page, and the page is small and asks its own relay alone. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, connect, type AddressInfo, type Server } from "node:net";

import { startRelay, type Relay } from "../../../relay/mod.ts";
import { newCode, send } from "../../support/clients/clients.ts";
import { describeIn } from "../../support/browsers.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { openCode, pageOf, save, sendPaths } from "../../support/page-actions.ts";

/** Page, style, icon, manifest, and scripts in parts that page and worker share. */
const REQUESTS_MOST = 20;

const folder = temporaryFolder();
let relay: Relay;
let recorder: Server;
/** All that browsers sent to the relay. */
const sent: Buffer[] = [];

beforeAll(async () => {
  relay = await startRelay({ workers: 1 });
  recorder = createServer((client) => {
    const upstream = connect(relay.port, "127.0.0.1");
    client.on("data", (bytes: Buffer) => sent.push(bytes));
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => recorder.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  recorder.close();
  await relay.stop();
  folder[Symbol.dispose]();
});

const here = (): string => pageOf({ port: (recorder.address() as AddressInfo).port });

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("the code is in no request, title, address, history or referrer", async () => {
      const { path } = makeFile(folder.path, `secret ${name}.bin`, 1000);
      const code = newCode();
      await using sender = send({ relay: `${relay.url}/ws`, code, path });
      sent.length = 0;
      await using page = await openCode(browser(), here(), code);
      await save(page);
      expect(await sender.outcome).toMatchObject({ exitCode: 0 });
      expect(await page.evaluate<string>("location.href")).toBe(here());
      expect(await page.evaluate<string>("document.title + document.referrer")).not.toContain(code);
      expect(await page.evaluate<string>("JSON.stringify(history.state)")).not.toContain(code);
      await using sending = await browser().open(here());
      const own = await sendPaths(sending, [path]);
      await sending.see("Receivers can take it now.");
      expect(await sending.evaluate<string>("document.title + location.href")).not.toContain(own);
      const requests = Buffer.concat(sent).toString("latin1");
      expect(requests.includes("GET / HTTP/1.1")).toBe(true);
      for (const secret of [code, own]) {
        expect(requests.includes(secret)).toBe(false);
        expect(requests.includes(secret.split("-").slice(-3).join("-"))).toBe(false);
      }
      // Chromium names the service worker where it looks for a newer one.
      const referrers = requests.match(/^referer: .*(?=\r$)/gim) ?? [];
      expect(referrers.filter((each) => !each.endsWith("/page/service-worker.js"))).toEqual([]);
      await page.raw.goBack().catch(() => null);
      expect(await page.evaluate<string>("location.href")).not.toContain(code);
    });

    test("the first screen takes few requests, all of them to the relay", async () => {
      await using page = await browser().open(here());
      await page.find("button", "Receive");
      expect(page.requests.length).toBeLessThanOrEqual(REQUESTS_MOST);
      expect(page.foreignRequests()).toEqual([]);
    });
  });
}
