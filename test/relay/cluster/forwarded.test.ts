/** Senders that another relay of the cluster carries here: real lines to a real relay with a store, nothing behind them. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isFrame, type Message, type SocketFault } from "../../../protocol/mod.ts";
import { encodeCluster } from "../../../relay/cluster/wire.ts";
import { startRelay, type RelayOptions } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { channelId } from "../../support/relay/channel.ts";
import { policyOf } from "../../support/relay/limited.ts";
import { offerOf, randomId, rawShare, type RawShare } from "../../support/relay/raw-client.ts";
import { receiveAll } from "../../support/relay/raw-storing.ts";
import { EdgeLine, edgesMayCome, type LineOptions } from "../../support/relay/scripted-edge.ts";

const LIFE = { life: 1000 };

/** A relay with a store, and the lines by which another one carries senders to it. */
async function ownerStage(options: Partial<RelayOptions> = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const store = { kind: "disk", folder: join(folder.path, "store") } as const;
  const relay = stack.use(
    await startRelay({ workers: 1, store, supervision: edgesMayCome(), ...options }),
  );
  const code = randomId();
  const forward = { mayStore: true };
  return {
    relay,
    url: `${relay.url}/ws`,
    code,
    carry: async (more: Partial<LineOptions> = {}) => {
      const channel = channelId(code);
      const line = await EdgeLine.open({ port: relay.clusterPort, channel, forward, ...more });
      return stack.use(line);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The sender gives what it is asked for. */
function serve(line: EdgeLine, share: RawShare, given: number[] = []): void {
  line.onMessage = (message) => {
    if (message.t !== "want") return;
    for (let index = message.first; index < message.first + message.count; index++) {
      given.push(index);
      line.send(share.frame(index));
    }
  };
}

async function store(line: EdgeLine, share: RawShare): Promise<void> {
  serve(line, share);
  line.send(offerOf(share, LIFE));
  await line.when("stored");
}

async function expectFault(line: EdgeLine, code: SocketFault): Promise<void> {
  expect((await line.fault()).code).toBe(code);
}

test("a sender by another relay stores a share, asks about it, and takes it back", async () => {
  await using at = await ownerStage();
  const share = rawShare(5, 20_000);
  const line = await at.carry();
  await store(line, share);
  await using receiver = await receiveAll(at.url, at.code, share);
  expect(receiver.frames).toHaveLength(5);
  const { proof, offer } = share;
  const asks = await at.carry({ channel: randomId() });
  asks.send({ t: "inspect", share: offer.share, proof });
  expect(await asks.when("inspected")).toMatchObject({ state: "stored", downloads: 1 });
  asks.send({ t: "revoke", share: offer.share, proof });
  expect(await asks.when("revoked")).toMatchObject({ known: true });
});

test("a sender by another relay sees its receivers, and its end ends a live share", async () => {
  await using at = await ownerStage();
  const share = rawShare(3, 20_000);
  const line = await at.carry();
  serve(line, share);
  line.send(offerOf(share));
  await line.when("accepted");
  await using receiver = await receiveAll(at.url, at.code, share);
  await line.when("receivers");
  const { receiver: id } = await line.when("receipt");
  line.send({ t: "receipted", share: share.offer.share, receiver: id });
  await receiver.when("completed");
  line.send({ t: "end", share: share.offer.share });
  await receiver.when("end");
});

test("a share of a sender whose line broke goes on by another line, and nothing is asked again", async () => {
  await using at = await ownerStage();
  const share = rawShare(20, 20_000);
  const first = await at.carry();
  first.onMessage = (message) => {
    if (message.t !== "want") return;
    for (let index = 0; index < 7; index++) first.send(share.frame(index));
  };
  first.send(offerOf(share, LIFE));
  await first.when("storing", ({ records }) => records === 7);
  await first[Symbol.asyncDispose]();
  const given: number[] = [];
  const second = await at.carry();
  serve(second, share, given);
  second.send(offerOf(share, LIFE));
  await second.when("stored");
  expect(given.toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: 13 }, (_, at) => at + 7),
  );
});

test("a connection of the sender that broke at the other relay makes this one ask again", async () => {
  await using at = await ownerStage();
  const share = rawShare(3, 20_000);
  const line = await at.carry();
  line.send(offerOf(share, LIFE));
  line.send({ t: "further", isOpen: true });
  const asked = async (times: number) =>
    await line.when("want", () => line.messages.filter(({ t }) => t === "want").length >= times);
  await asked(1);
  const before = line.messages.filter(({ t }) => t === "want").length;
  line.send({ t: "further", isOpen: false });
  await asked(before + 1);
  serve(line, share);
  for (let index = 0; index < 3; index++) line.send(share.frame(index));
  await line.when("stored");
});

describe("limits per address", () => {
  const policy = policyOf({ "shares-per-address": 1 });
  const at2 = { mayStore: true, address: "192.0.2.2" };
  const at3 = { mayStore: true, address: "192.0.2.3" };

  test("count the address that the other relay gives", async () => {
    await using at = await ownerStage({ policy });
    const [one, two, three] = [
      await at.carry({ forward: at2 }),
      await at.carry({ forward: at3 }),
      await at.carry({ forward: at2 }),
    ];
    for (const line of [one, two]) {
      line.send(offerOf(rawShare(1)));
      await line.when("accepted");
    }
    three.send(offerOf(rawShare(1)));
    await expectFault(three, "too-many");
  });

  test("of a store count it too", async () => {
    const policy = policyOf({ "store-bytes-per-address": 100_000 });
    await using at = await ownerStage({ policy });
    await store(await at.carry({ forward: at2 }), rawShare(3, 20_000));
    const over = await at.carry({ forward: at2 });
    over.send(offerOf(rawShare(3, 20_000), LIFE));
    await expectFault(over, "store-full");
    await store(await at.carry({ forward: at3 }), rawShare(3, 20_000));
  });
});

test("a sender that the other relay lets store nothing may send alone", async () => {
  await using at = await ownerStage();
  const forward = { mayStore: false };
  const line = await at.carry({ forward });
  line.send(offerOf(rawShare(1), LIFE));
  await expectFault(line, "no-store");
  const live = await at.carry({ forward });
  live.send(offerOf(rawShare(1)));
  await live.when("accepted");
});

test("a relay without a store takes none for another one", async () => {
  await using at = await ownerStage({ store: undefined });
  const line = await at.carry();
  line.send(offerOf(rawShare(1), LIFE));
  await expectFault(line, "no-store");
});

describe("C9 a line that carries a sender", () => {
  const share = rawShare(1);
  const { share: id } = share.offer;

  test.each<[string, Message | Uint8Array | string, SocketFault]>([
    ["leaves a share", { t: "leave", share: id, reason: "declined" }, "wrong-role"],
    ["acknowledges", { t: "ack", share: id, next: 0, window: 1 }, "wrong-role"],
    ["tells of receivers", { t: "receivers", share: id, list: [] }, "wrong-role"],
    [
      "says hello again",
      encodeCluster({ t: "edge-welcome", mac: new Uint8Array(32) }),
      "bad-message",
    ],
    ["sends a frame without an offer", share.frame(0), "bad-message"],
    ["sends text", "text", "bad-message"],
    ["sends nothing", new Uint8Array(0), "bad-message"],
    [
      "offers a share that is another's",
      offerOf({ ...share, proof: new Uint8Array(32) }),
      "not-your-share",
    ],
  ])("that %s is disconnected", async (_, message, code) => {
    await using at = await ownerStage();
    const other = await at.carry();
    const line = await at.carry();
    line.send(message);
    await expectFault(line, code);
    other.send(offerOf(share));
    await other.when("accepted");
  });

  test("cannot say it of another channel, address or right than it proved", async () => {
    await using at = await ownerStage();
    const channel = channelId(at.code);
    const forward = { mayStore: false, address: "192.0.2.2" };
    for (const change of [
      { channel: randomId() },
      { forward: { ...forward, mayStore: true } },
      { forward: { ...forward, address: "192.0.2.3" } },
      { forward: { mayStore: false } },
      { forward: undefined },
    ]) {
      await using line = await EdgeLine.saysHello({
        port: at.relay.clusterPort,
        channel,
        forward,
        alter: (hello) => ({ ...hello, ...change }),
      });
      await expectFault(line, "not-proved");
    }
  });
});

test("a frame as long as frames may be comes by a line that carries a sender, and by no other", async () => {
  await using at = await ownerStage();
  const share = rawShare(2, 1024 ** 2 - 100);
  expect(isFrame(share.frame(0))).toBe(true);
  await store(await at.carry(), share);
  await using control = await EdgeLine.open({
    port: at.relay.clusterPort,
    channel: channelId(at.code),
  });
  control.send(share.frame(0));
  await control.closed;
});
