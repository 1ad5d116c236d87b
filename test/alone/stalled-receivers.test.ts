import { expect, test } from "bun:test";

import { temporaryFolder } from "../support/disk.ts";
import { Authority, writeCertificate } from "../support/net/certificates.ts";
import { RelayProcess } from "../support/clients/processes.ts";
import { RawClient, randomId, rawShare } from "../support/relay/raw-client.ts";

const MiB = 2 ** 20;
const STALLED = 200;
const RECORDS = 1000;
const RECORD = 60_000;

/** To clients that may ping Bun sends each frame; where lines have TLS it publishes to the live lane. */
const WAYS = ["sends", "topics"] as const;

test.skipIf(process.platform !== "linux").each(WAYS)(
  "T11 two hundred receivers that read nothing cost memory once, and hold up nobody: %s (needs /proc)",
  async (way) => {
    using folder = temporaryFolder();
    const tls =
      way === "topics" ? writeCertificate(folder.path, new Authority().issue()) : undefined;
    const logBytes = 64 * MiB;
    await using relay = await RelayProcess.start(tls ? { logBytes, tls } : { logBytes });
    const url = tls ? relay.url.replace("ws:", "wss:") : relay.url;
    const channel = randomId();
    const share = rawShare(RECORDS, RECORD);
    await using _ = await RawClient.serving(url, channel, share);
    await using open = new AsyncDisposableStack();
    const stalled = Array.from({ length: STALLED }, async () => {
      const client = open.use(await RawClient.greeted(url, "receiver", channel));
      await client.when("offers", ({ list }) => list.length > 0);
      client.join(share.offer.share, 0, 4);
      await client.frame(0);
      client.socket.pause();
    });
    await Promise.all(stalled);
    const take = async (): Promise<void> => {
      await using receiver = await RawClient.greeted(url, "receiver", channel);
      await receiver.when("offers", ({ list }) => list.length > 0);
      let frames = 0;
      const { promise, resolve } = Promise.withResolvers<void>();
      receiver.onFrame = () => {
        receiver.frames.length = 0;
        frames++;
        receiver.ack(share.offer.share, frames, 16);
        if (frames === RECORDS) resolve();
      };
      receiver.join(share.offer.share, 0, 16);
      await promise;
    };
    // The first round warms everything up.
    await take();
    const before = relay.memory;
    for (let round = 0; round < 3; round++) await take();
    // If each of those kept what it could not take, it would be 34 GiB.
    expect(relay.peakMemory - before).toBeLessThan(48 * MiB);
  },
);
