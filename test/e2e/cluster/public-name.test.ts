/** Relays of a cluster behind one name with several addresses: clients know the name alone, the page among them. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { EXIT, parseCode } from "../../../protocol/mod.ts";
import { describeIn } from "../../support/browsers.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { lacksNats, startNats } from "../../support/net/nats.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { agree, openCode, saved, sendPaths } from "../../support/page-actions.ts";
import { policyWith } from "../../support/relay/tokens.ts";
import { openMember, outFolder, type Member } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: EXIT.done };
const SLOW = 4 * MiB;
/** Longer than any test: a relay that waits for it fails the test. */
const DRAIN_MS = 3_600_000;

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** A relay at the first address of a name, and later one at the second. */
async function named() {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startNats());
  const port = await ownPort();
  const origin = `http://localhost:${port}`;
  const policy = policyWith({ publicOrigin: origin });
  const at = (hostname: string): Promise<Member> => {
    return openMember(nats.urls, { hostname, port, policy, page: true });
  };
  const first = stack.use(await at("127.0.0.1"));
  const open = stack.move();
  /** The first relay drains when another one is there, and ends. */
  const move = async (): Promise<Member> => {
    const second = open.use(await at("::1"));
    await first.relay.drain(DRAIN_MS);
    return second;
  };
  return {
    page: `${origin}/`,
    relay: `ws://localhost:${port}/ws`,
    move,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

describe.skipIf(lacksNats)(
  "clients of a relay that drains, by a name that leads to another one",
  () => {
    test("go on there by themselves", async () => {
      await using at = await named();
      const file = makeFile(folder.path, "name.bin", 32 * MiB);
      const code = newCode();
      await using sender = send({ relay: at.relay, code, path: file.path, limit: SLOW });
      const out = outFolder(folder.path);
      await using receiver = receive({ relay: at.relay, code, out });
      await receiver.when("progress", ({ bytes }) => bytes >= MiB);
      await at.move();
      expect(receiver.all("saved")).toEqual([]);
      for (const one of [receiver, sender]) {
        expect(await one.outcome).toEqual(DONE);
        expect(one.all("relay").map(({ online, code: why }) => why ?? online)).toEqual([
          true,
          "going-away",
          true,
        ]);
      }
      expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    });
  },
);

if (!lacksNats) {
  describeIn("chromium", (browser) => {
    test("a page goes on there with what it receives", async () => {
      await using at = await named();
      const file = makeFile(folder.path, "received.bin", 40 * MiB);
      const code = newCode();
      await using sender = send({ relay: at.relay, code, path: file.path, limit: SLOW });
      await using page = await openCode(browser(), at.page, code);
      await agree(page);
      await sender.when("progress", ({ bytes }) => bytes >= 3 * MiB);
      await at.move();
      expect(sender.all("done")).toEqual([]);
      await saved(page);
      expect(await sender.outcome).toEqual(DONE);
    });

    test("a page goes on there with what it sends", async () => {
      await using at = await named();
      const file = makeFile(folder.path, "sent.bin", 40 * MiB);
      await using page = await browser().open(at.page);
      const code = parseCode(await sendPaths(page, [file.path]));
      const out = outFolder(folder.path);
      await using receiver = receive({ relay: at.relay, code, out, limit: SLOW });
      await receiver.when("progress", ({ bytes }) => bytes >= MiB);
      await at.move();
      expect(receiver.all("saved")).toEqual([]);
      expect(await receiver.outcome).toEqual(DONE);
      expect(bytesOf(join(out, file.name))).toEqual(file.bytes);
    });
  });
}
