/** Many receivers at once of a stored share, when its sender has gone. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { fromHex, type Offer } from "../../../protocol/mod.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { newCode, receive, ReceiverProcess, send } from "../../support/clients/clients.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { makeFile } from "../../support/files.ts";
import { startS3, type S3Server } from "../../support/net/s3-server.ts";
import { RawClient } from "../../support/relay/raw-client.ts";
import type { TestChannel } from "../../support/relay/channel.ts";

const MiB = 1024 ** 2;
/** bytes/s: its first record leaves a receiver time to be killed before the last. */
const SLOW = MiB;
/** Cheap ones, that only collect; the others are clients of the product. */
const RAW = 40;

const folder = temporaryFolder();
let s3: S3Server;
let relay: Relay;

beforeAll(async () => {
  s3 = await startS3();
});
afterAll(async () => {
  await s3?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});
afterEach(async () => {
  await relay?.stop();
});

/** Takes one record at a time. @param cut whether it breaks off after the first, and comes back */
async function collect(channel: TestChannel, share: Uint8Array, cut: boolean): Promise<string> {
  const isIt = ({ share: other }: Offer): boolean => Buffer.compare(share, other) === 0;
  const hash = new Bun.CryptoHasher("sha256");
  let taken = 0;
  for (;;) {
    await using client = await RawClient.greeted(`${relay.url}/ws`, "receiver", channel);
    const { list } = await client.when("offers", ({ list }) => list.some(isIt));
    const { records } = list.find(isIt)!;
    client.join(share, taken, 1);
    for (let at = 0; taken < records; at++) {
      hash.update(await client.frame(at));
      client.ack(share, ++taken, 1);
      if (cut && at === 0 && taken === 1) break;
    }
    if (taken === records) return hash.digest("hex");
  }
}

const PLACES = {
  folder: () => ({ kind: "disk", folder: join(folder.path, "store") }) as const,
  bucket: () => s3.place("crowd/"),
};

test.each(["folder", "bucket"] as const)(
  "50 receivers at once, some slow, some killed and back, all get the same from a %s",
  async (kind) => {
    relay = await startRelay({ workers: 2, store: PLACES[kind]() });
    const file = makeFile(folder.path, "crowd.bin", 3 * MiB);
    const code = newCode();
    const url = `${relay.url}/ws`;
    await using sender = send({ relay: url, code, path: file.path, store: { life: 3600 } });
    const share = fromHex((await sender.when("code")).share ?? "")!;
    expect(await sender.outcome).toEqual({ fault: undefined, exitCode: EXIT.done });

    const outs = Array.from({ length: 10 }, (_, at) => join(folder.path, `from ${kind} to ${at}`));
    const job = (out: string) => ({ relay: url, code, out });
    const toKill = outs.slice(0, 2).map((out) => ({
      out,
      process: new ReceiverProcess({ ...job(out), limit: SLOW }, out),
    }));
    const slow = outs.slice(2, 5).map((out) => receive({ ...job(out), limit: SLOW }));
    const fast = outs.slice(5).map((out) => receive(job(out)));
    const raw = Array.from({ length: RAW }, (_, at) => collect(keysOf(code), share, at % 4 === 0));
    const back = await Promise.all(
      toKill.map(async ({ out, process }) => {
        await process.when("progress", ({ bytes }) => bytes > 0);
        await process.kill();
        return receive(job(out), out);
      }),
    );

    for (const { outcome } of [...slow, ...fast, ...back]) {
      expect(await outcome).toEqual({ fault: undefined, exitCode: EXIT.done });
    }
    for (const one of back) expect((await one.when("resumed")).bytes).toBeGreaterThan(0);
    for (const out of outs) {
      expect(Buffer.compare(readFileSync(join(out, file.name)), file.bytes)).toBe(0);
    }
    expect(new Set(await Promise.all(raw)).size).toBe(1);
  },
);
