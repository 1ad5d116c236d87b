import { expect, test } from "bun:test";

import { RelayProcess } from "../support/clients/processes.ts";
import { RawClient, randomId, rawShare } from "../support/relay/raw-client.ts";

const MiB = 2 ** 20;
const STALLED = 200;
const RECORDS = 1000;
const RECORD = 60_000;

test.skipIf(process.platform !== "linux")(
  "T11 two hundred receivers that read nothing cost memory once, and hold up nobody (needs /proc)",
  async () => {
    await using relay = await RelayProcess.start({ logBytes: 64 * MiB });
    const url = relay.url;
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
