/** The page in a browser at relays of one cluster: pages and other clients meet, wherever each is. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT, parseCode } from "../../../protocol/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { describeIn } from "../../support/browsers.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { openCode, pageOf, save, sendPaths } from "../../support/page-actions.ts";
import { ClusterRelays, outFolder } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };

if (!lacksNats) {
  describeIn("chromium", (browser) => {
    const folder = temporaryFolder();
    let cluster: ClusterRelays;
    beforeAll(async () => {
      cluster = await ClusterRelays.open({ workers: [1, 2] });
    });
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    });

    test("what a page sends at one relay, a page and a terminal at another one save", async () => {
      const file = makeFile(folder.path, "page.bin", 3 * MiB);
      await using sender = await browser().open(pageOf(cluster.at(1).relay));
      const code = parseCode(await sendPaths(sender, [file.path]));
      const out = outFolder(folder.path);
      await using terminal = receive({ relay: cluster.at(2).url, code, out });
      await using page = await openCode(browser(), pageOf(cluster.at(2).relay), code);
      await save(page);
      expect(await terminal.outcome).toEqual(DONE);
      expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    });

    test("a page saves what a terminal sends at another relay, which hears of it", async () => {
      const file = makeFile(folder.path, "terminal.bin", 3 * MiB);
      const code = newCode();
      await using sender = send({ relay: cluster.at(2).url, code, path: file.path });
      await using page = await openCode(browser(), pageOf(cluster.at(1).relay), code);
      await save(page);
      expect(await sender.outcome).toEqual(DONE);
    });
  });
}
