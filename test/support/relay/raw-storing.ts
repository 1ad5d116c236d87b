import type { StoreWish } from "../../../protocol/mod.ts";
import type { TestChannel } from "./channel.ts";
import { RawClient, offerOf, type RawShare } from "./raw-client.ts";

/** A sender that offers a share to be stored, and gives what it is asked for. */
export async function storing(
  url: string,
  channel: TestChannel,
  share: RawShare,
  wish: StoreWish = { life: 1000 },
  token?: string,
): Promise<RawClient> {
  const client = await RawClient.open(url);
  await client.hello("sender", channel, token === undefined ? {} : { token });
  await client.when("welcome");
  client.onMessage = (message) => {
    if (message.t !== "want") return;
    const end = message.first + message.count;
    for (let index = message.first; index < end; index++) client.send(share.frame(index));
  };
  client.send(offerOf(share, wish));
  return client;
}

/** Stored, and its sender left. */
export async function store(
  url: string,
  channel: TestChannel,
  share: RawShare,
  wish?: StoreWish,
): Promise<void> {
  await using sender = await storing(url, channel, share, wish);
  await sender.when("stored");
}

const WINDOW = 16;

/** It takes records as they come: a receiver that does not is asked little for. */
export function acknowledging(client: RawClient, { offer }: RawShare): void {
  client.onFrame = () => client.ack(offer.share, client.frames.length, WINDOW);
}

/** A receiver that gets all of a share, and says so. */
export async function receiveAll(
  url: string,
  channel: TestChannel,
  share: RawShare,
): Promise<RawClient> {
  const client = await RawClient.greeted(url, "receiver", channel);
  await client.offered(share);
  const { offer } = share;
  acknowledging(client, share);
  client.join(offer.share, 0, WINDOW);
  await client.frame(offer.records - 1);
  client.send({
    t: "complete",
    share: offer.share,
    records: offer.records,
    mac: new Uint8Array(16),
  });
  return client;
}
