/** Relays that end while transfers run, and the next one at the same port. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { EXIT } from "../../../protocol/mod.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { newCode, receiveJob, sendJob, type Running } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { HoldingProxy } from "../../support/net/holding-proxy.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { runInline } from "../../support/clients/inline-client.ts";

/** As many clients as both workers get some of, of each kind. */
const TRANSFERS = 12;
const FILE_BYTES = 3_000_000;
const HELD_AFTER = 1_200_000;
const authority = new Authority();

interface Transfer {
  readonly file: Uint8Array;
  readonly sender: Running;
  readonly receivers: readonly Running[];
  readonly proxy: HoldingProxy;
}

/** A relay at that port, as soon as it is free. */
async function nextAt(port: number, options: readonly string[]): Promise<RelayCommand> {
  for (;;) {
    const relay = new RelayCommand(options, port);
    const said = await relay.says();
    if (said?.event === "listening") return relay;
    expect(said?.code).toBe("port-in-use");
    await relay.exited;
  }
}

test.each(["ws", "wss"])(
  "P13 a relay at %s that ends amid transfers loses none of them",
  async (scheme) => {
    using folder = temporaryFolder();
    const { cert, key } = writeCertificate(folder.path, authority.issue());
    const tls = scheme === "wss" ? ["--tls-cert", cert, "--tls-key", key] : [];
    const options = ["--workers", "2", "--admin", "off", "--drain", "0.5", ...tls];
    await using before = await RelayCommand.start(options, await ownPort());
    await using stack = new AsyncDisposableStack();

    /** One to one or two receivers, held on its way up or down when a part is through. */
    const start = async (at: number): Promise<Transfer> => {
      const way = at % 2 === 0 ? "down" : "up";
      const proxy = stack.use(await HoldingProxy.start(before.port, way, HELD_AFTER));
      const held = `${scheme}://127.0.0.1:${proxy.port}/ws`;
      const file = makeFile(folder.path, `file${at}`, FILE_BYTES + at);
      const job = { ca: authority.cert, code: newCode() };
      const receivers: Running[] = [];
      for (const name of at % 4 === 0 ? ["one", "two"] : ["one"]) {
        const out = join(folder.path, `${at}-${name}`);
        mkdirSync(out);
        const to = receiveJob({ ...job, out, relay: way === "down" ? held : before.url });
        receivers.push(stack.use(await runInline(to)));
      }
      const from = { path: file.path, receivers: receivers.length };
      const relay = way === "up" ? held : before.url;
      const sender = stack.use(await runInline(sendJob({ ...job, relay, ...from })));
      return { file: file.bytes, sender, receivers, proxy };
    };
    const transfers = await Promise.all(Array.from({ length: TRANSFERS }, (_, at) => start(at)));
    await Promise.all(transfers.map(({ proxy }) => proxy.held));
    for (const { sender, receivers } of transfers) {
      for (const client of [sender, ...receivers]) expect(client.all("done")).toEqual([]);
    }

    before.kill("SIGTERM");
    expect(await before.says()).toMatchObject({ event: "draining" });
    // Some have time to end, if they are quick; the rest goes on at the next relay.
    for (const { proxy } of transfers.slice(0, TRANSFERS / 2)) proxy.release();
    await using after = await nextAt(before.port, options);
    expect(after.port).toBe(before.port);
    expect(await before.exited).toBe(EXIT.done);
    for (const { proxy } of transfers) proxy.release();

    for (const { file, sender, receivers } of transfers) {
      for (const client of [...receivers, sender]) {
        expect(await client.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
        expect(client.all("error")).toEqual([]);
      }
      for (const receiver of receivers) {
        expect(bytesOf((await receiver.when("saved")).path)).toEqual(file);
      }
    }
    // The test means nothing unless enough senders were cut off.
    const returned = transfers.filter(({ sender }) => sender.all("relay").length > 1);
    expect(returned.length).toBeGreaterThanOrEqual(TRANSFERS / 2);
  },
);
