/** Two real relays, and a share that can't be read again: its sender is at one, its receivers at the other. */
import { expect, test } from "bun:test";
import { Proxy } from "../../support/net/proxy.ts";
import { EdgeRelay } from "../../support/relay/edge-relay.ts";
import { RawClient, rawShare, randomId } from "../../support/relay/raw-client.ts";
import { RawReceiver, framesUpTo } from "../../support/relay/raw-receiver.ts";

const RECORDS = 80;

async function pair() {
  await using stack = new AsyncDisposableStack();
  const raw = rawShare(RECORDS, 20_000);
  const share = { ...raw, offer: { ...raw.offer, seekable: false } };
  const channel = randomId();
  const owner = stack.use(await EdgeRelay.open());
  const edge = stack.use(await EdgeRelay.open());
  const proxy = stack.use(await Proxy.start({ port: owner.clusterPort }));
  const sender = stack.use(await RawClient.serving(owner.url, channel, share));
  const open = stack.move();
  const receivers = async (relay: EdgeRelay, count: number): Promise<RawReceiver[]> => {
    const options = { port: relay.port, channel, share };
    const opened = Array.from({ length: count }, () => RawReceiver.open(options));
    return (await Promise.all(opened)).map((each) => open.use(each));
  };
  const link = (): number => {
    return edge.link({ relay: owner.relay, address: new URL(proxy.url).host }, channel);
  };
  const dispose = (): Promise<void> => open.disposeAsync();
  return { owner, edge, proxy, sender, receivers, link, [Symbol.asyncDispose]: dispose };
}

test("receivers of the edge get all of it, though the line breaks and one is slower", async () => {
  await using at = await pair();
  at.link();
  const [fast, slow] = await at.receivers(at.edge, 2);
  const [near] = await at.receivers(at.owner, 1);
  for (const each of [fast, slow, near]) each!.join();
  await Promise.all([fast!.takeAll(0, 20), slow!.takeAll(0, 6), near!.takeAll(0, 12)]);
  at.proxy.cut();
  await fast!.until("presence false");
  await fast!.until("presence true");
  await Promise.all([fast!.takeAll(20), slow!.takeAll(6), near!.takeAll(12)]);
  for (const each of [fast, slow, near]) expect(each!.frames).toEqual(framesUpTo(RECORDS));
  const down = at.proxy.down.toSorted((a, b) => a - b);
  expect([...new Set(down)]).toEqual(framesUpTo(RECORDS).map((_, index) => index));
});

test("a receiver that comes from the owner to the edge goes on where it was", async () => {
  await using at = await pair();
  const [moving, staying] = await at.receivers(at.owner, 2);
  for (const each of [moving, staying]) each!.join();
  await Promise.all([moving!.takeAll(0, 40), staying!.takeAll(0, 5)]);
  await moving![Symbol.asyncDispose]();
  at.link();
  const [again] = await at.receivers(at.edge, 1);
  again!.join(40, 16, moving!.id);
  await Promise.all([again!.takeAll(40), staying!.takeAll(5)]);
  expect(again!.frames).toEqual(framesUpTo(RECORDS, 40));
  expect(staying!.frames).toEqual(framesUpTo(RECORDS));
});
