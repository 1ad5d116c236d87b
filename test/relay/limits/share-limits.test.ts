/** Limits of shares: P5 of the hostile inputs, at real sockets. */
import { describe, expect, test } from "bun:test";

import {
  FAULTS,
  OPEN_FRAME_BYTES,
  FRAME_HEADER_BYTES,
  RECORD_INDEX,
  encodeFrame,
} from "../../../protocol/mod.ts";
import { DEFAULT_LIMITS, type RelayLimitName } from "../../../relay/limits/operator-limits.ts";
import { ShareCounts } from "../../../relay/main/share-counts.ts";
import type { Relay } from "../../../relay/mod.ts";
import { StallTimer } from "../../../relay/limits/stall-timer.ts";
import { expectOver, limitedRelay } from "../../support/relay/limited.ts";
import { RawClient, randomId, rawShare, type RawShare } from "../../support/relay/raw-client.ts";
import { until } from "../../support/until.ts";

const ME = "192.0.2.1";

/** Each is a new line and a new share. */
const MORE = 60;

async function offer(
  relay: Relay,
  { channel = randomId(), from = ME, share = rawShare(5) } = {},
): Promise<RawClient> {
  const client = await RawClient.greeted(`${relay.url}/ws`, "sender", channel, from);
  client.send({ t: "offer", ...share.offer, proof: share.proof });
  return client;
}

/** Takes a record of it, more than one at a time. */
async function accept(receiver: RawClient, sender: RawClient, share: RawShare): Promise<void> {
  receiver.join(share.offer.share, 0, 2);
  await sender.when("want");
  sender.socket.send(share.frame(0));
  await receiver.frame(0);
  receiver.send({ t: "ack", share: share.offer.share, next: 1, window: 2 });
  await sender.when("receivers", ({ list }) => list.some(({ next }) => next === 1));
}

describe("P5 shares", () => {
  const cases: readonly [
    name: RelayLimitName,
    each: () => { channel?: Uint8Array; from?: string },
    other: { channel?: Uint8Array; from?: string },
  ][] = [
    ["max-shares", () => ({ from: `192.0.2.${counter++}` }), {}],
    ["max-channels", () => ({ from: `192.0.2.${counter++}` }), {}],
    ["shares-per-address", () => ({}), { from: "192.0.2.200" }],
    ["channels-per-address", () => ({}), { from: "192.0.2.200" }],
    ["shares-per-channel", () => ({ channel: new Uint8Array(16) }), {}],
  ];
  let counter = 1;
  test.each(cases)(
    "over %s are refused, and one that ends makes room",
    async (name, each, other) => {
      await using relay = await limitedRelay({ [name]: 3 });
      await using open = new AsyncDisposableStack();
      const shares = [rawShare(5), rawShare(5), rawShare(5)];
      const senders: RawClient[] = [];
      const channels: Uint8Array[] = [];
      for (const share of shares) {
        const where = { channel: randomId(), ...each(), share };
        const sender = open.use(await offer(relay, where));
        await sender.when("accepted");
        senders.push(sender);
        channels.push(where.channel);
      }
      const more = open.use(await offer(relay, each()));
      await expectOver(relay, more, name);
      if (Object.keys(other).length > 0) {
        const elsewhere = open.use(await offer(relay, other));
        await elsewhere.when("accepted");
      }
      const [first, second] = senders;
      // An accepted share counts on while its sender is away.
      await using receiver = await RawClient.greeted(`${relay.url}/ws`, "receiver", channels[1]!);
      await accept(receiver, second!, shares[1]!);
      second!.socket.close();
      await receiver.when("presence", ({ senderHere }) => !senderHere);
      const still = open.use(await offer(relay, each()));
      await expectOver(relay, still, name);
      first?.send({ t: "end", share: shares[0]!.offer.share });
      await until(async () => {
        const again = open.use(await offer(relay, each()));
        const { t } = await Promise.race([again.when("accepted"), again.when("fault")]);
        return t === "accepted";
      });
    },
  );

  test("any number of empty ones of one address are refused early, and leave nothing", async () => {
    await using relay = await limitedRelay({
      "shares-per-address": 50,
      "sockets-per-address": 200,
    });
    const url = `${relay.url}/ws`;
    await using open = new AsyncDisposableStack();
    let accepted = 0;
    for (let at = 0; at < 50; at++) {
      const sender = open.use(await offer(relay));
      await sender.when("accepted");
      accepted++;
    }
    for (let at = 0; at < MORE; at++) {
      await using more = await offer(relay);
      await expectOver(relay, more, "shares-per-address");
    }
    expect(accepted).toBe(50);
    expect(relay.refusals["shares-per-address"]).toBe(MORE);
    await using other = await RawClient.offering(url, randomId(), rawShare(5), "192.0.2.77");
    expect(other.messages.some(({ t }) => t === "accepted")).toBe(true);
  });

  test("are counted down to nothing", () => {
    const counts = new ShareCounts();
    const limits = { ...DEFAULT_LIMITS, "max-shares": 20_000, "shares-per-address": 10_000 };
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < 10_000; at++) {
        expect(counts.over(`c${at}`, ME, { ...limits, "channels-per-address": 10_000 })).toBe(
          undefined,
        );
        counts.add(`c${at}`, ME);
      }
      expect(counts.over("d", ME, limits)).toBe("max-channels");
      for (let at = 0; at < 10_000; at++) counts.remove(`c${at}`, ME);
    }
  });
});

describe("P5 bytes of a share", () => {
  const MiB = 2 ** 20;

  test.each<[string, (share: RawShare) => RawShare]>([
    [
      "as its sender says",
      ({ offer, ...rest }) => ({ ...rest, offer: { ...offer, bytes: MiB + 1 } }),
    ],
    [
      "as its records would be",
      ({ offer, ...rest }) => ({ ...rest, offer: { ...offer, bytes: 0, records: 20_000 } }),
    ],
  ])("are refused %s", async (_, changed) => {
    await using relay = await limitedRelay({ "share-bytes": MiB });
    await using sender = await offer(relay, { share: changed(rawShare(5)) });
    await expectOver(relay, sender, "share-bytes");
  });

  test("that come without an end end the share, and all in it hear why", async () => {
    await using relay = await limitedRelay({ "share-bytes": MiB });
    const recordSize = OPEN_FRAME_BYTES - FRAME_HEADER_BYTES;
    const plain = rawShare(5, recordSize);
    const share = {
      ...plain,
      offer: { ...plain.offer, records: RECORD_INDEX, bytes: 0, seekable: false },
    };
    const channel = randomId();
    const url = `${relay.url}/ws`;
    await using sender = await RawClient.greeted(url, "sender", channel, ME);
    sender.onMessage = (message) => {
      if (message.t !== "want") return;
      for (let index = message.first; index < message.first + message.count; index++) {
        const ciphertext = new Uint8Array(recordSize);
        sender.send(encodeFrame(share.offer.share, index, false, ciphertext));
      }
    };
    sender.send({ t: "offer", ...share.offer, proof: share.proof });
    await sender.when("accepted");
    await using receiver = await RawClient.greeted(url, "receiver", channel, ME);
    await receiver.offered(share);
    receiver.onFrame = () => receiver.ack(share.offer.share, receiver.frames.length, 16);
    receiver.join(share.offer.share, 0, 16);
    const { reason } = await receiver.when("cancel");
    expect(reason).toBe("too-large");
    await expectOver(relay, sender, "share-bytes");
    expect(receiver.frames.length * recordSize).toBeLessThan(2 * MiB);
  });

  test("of an upload get 413 before any of it is sent", async () => {
    await using relay = await limitedRelay({ "share-bytes": MiB });
    const url = `http://127.0.0.1:${relay.port}/lobby/big`;
    const answer = await fetch(url, { method: "PUT", body: new Uint8Array(MiB + 1) });
    expect(answer.status).toBe(413);
    expect(await answer.text()).toContain("share-bytes: ");
    expect(relay.refusals["share-bytes"]).toBe(1);
  });
});

describe("P5 receivers of a share", () => {
  test("are bounded over all workers, and one that leaves makes room", async () => {
    await using relay = await limitedRelay({ "receivers-per-share": 6 });
    const url = `${relay.url}/ws`;
    const channel = randomId();
    const share = rawShare(5);
    await using sender = await RawClient.serving(url, channel, share);
    await using open = new AsyncDisposableStack();
    const join = async (): Promise<RawClient> => {
      const receiver = open.use(await RawClient.greeted(url, "receiver", channel));
      await receiver.offered(share);
      receiver.join(share.offer.share, 0, 16);
      return receiver;
    };
    const inside: RawClient[] = [];
    for (let at = 0; at < 6; at++) {
      const receiver = await join();
      await receiver.frame(0);
      inside.push(receiver);
    }
    // The kernel spreads them over both workers.
    for (let at = 0; at < 6; at++) await expectOver(relay, await join(), "receivers-per-share");
    inside[0]?.send({ t: "leave", share: share.offer.share, reason: "interrupted" });
    await sender.when("receivers", ({ list }) => list.some(({ state }) => state === "left"));
    const again = await join();
    await again.frame(0);
    const told = sender.messages.flatMap((message) =>
      message.t === "receivers"
        ? message.list.map(({ id }) => Buffer.from(id).toString("hex"))
        : [],
    );
    // Its sender never hears of those that were refused.
    expect(new Set(told).size).toBeLessThanOrEqual(7);
  });

  test("that have all and stay, as in the lobby, leave their places to others", async () => {
    await using relay = await limitedRelay({ "receivers-per-share": 2 });
    const url = `${relay.url}/ws`;
    const channel = randomId();
    const share = rawShare(2);
    const id = share.offer.share;
    await using sender = await RawClient.serving(url, channel, share);
    const serve = sender.onMessage;
    sender.onMessage = (message) => {
      serve(message);
      if (message.t === "receipt") {
        sender.send({ t: "receipted", share: id, receiver: message.receiver });
      }
    };
    await using open = new AsyncDisposableStack();
    const join = async (): Promise<RawClient> => {
      const receiver = open.use(await RawClient.greeted(url, "receiver", channel));
      await receiver.offered(share);
      receiver.join(id, 0, 16);
      return receiver;
    };
    for (let at = 0; at < 8; at++) {
      const receiver = await join();
      await receiver.frame(1);
      receiver.ack(id, 2, 16);
      receiver.send({ t: "complete", share: id, records: 2, mac: randomId() });
      await receiver.when("completed");
    }
    for (let at = 0; at < 2; at++) await (await join()).frame(1);
    for (let at = 0; at < 4; at++) await expectOver(relay, await join(), "receivers-per-share");
  });
});

describe("P5 a share that", () => {
  async function joined(
    relay: Relay,
    share: RawShare,
  ): Promise<{ sender: RawClient; receiver: RawClient }> {
    const channel = randomId();
    const sender = await RawClient.offering(`${relay.url}/ws`, channel, share);
    const receiver = await RawClient.greeted(`${relay.url}/ws`, "receiver", channel);
    await receiver.offered(share);
    receiver.join(share.offer.share, 0, 1);
    return { sender, receiver };
  }

  test("never begins is ended, and all in it hear why", async () => {
    await using relay = await limitedRelay({ "start-timeout": 500 });
    const share = rawShare(5);
    const { sender, receiver } = await joined(relay, share);
    await using _ = sender;
    await using __ = receiver;
    expect((await receiver.when("cancel")).reason).toBe("expired");
    await expectOver(relay, sender, "start-timeout");
  });

  test("stands still is ended, if its source could be read", async () => {
    await using relay = await limitedRelay({ "record-timeout": 500 });
    const share = rawShare(50);
    const { sender, receiver } = await joined(relay, share);
    await using _ = sender;
    await using __ = receiver;
    await sender.when("want");
    sender.send(share.frame(0));
    await receiver.frame(0);
    receiver.ack(share.offer.share, 1, 4);
    expect((await receiver.when("cancel")).reason).toBe("expired");
    await expectOver(relay, sender, "record-timeout");
  });

  test("is read from a pipe may stand still", () => {
    const waited = new StallTimer();
    expect(waited.stalledFor(undefined, 1000)).toBe(0);
    expect(waited.stalledFor(0, 2000)).toBe(0);
    expect(waited.stalledFor(0, 5000)).toBe(3000);
    expect(waited.stalledFor(1, 6000)).toBe(0);
    expect(waited.stalledFor(1, 7000)).toBe(1000);
    expect(waited.stalledFor(undefined, 8000)).toBe(0);
    expect(waited.stalledFor(1, 9000)).toBe(0);
  });

  test("no receiver joins is ended, and one that a receiver joined is not", async () => {
    await using relay = await limitedRelay({ "join-timeout": 1500 });
    const share = rawShare(5);
    const { sender, receiver } = await joined(relay, share);
    await using _ = sender;
    await using __ = receiver;
    await sender.when("receivers");
    await using lonely = await RawClient.offering(`${relay.url}/ws`, randomId(), rawShare(5));
    await expectOver(relay, lonely, "join-timeout");
    expect(sender.socket.readyState).toBe(WebSocket.OPEN);
  });

  test("is too old is ended, whatever happens in it", async () => {
    await using relay = await limitedRelay({ "share-life": 700 });
    const share = rawShare(5);
    const { sender, receiver } = await joined(relay, share);
    await using _ = sender;
    await using __ = receiver;
    expect((await receiver.when("cancel")).reason).toBe("expired");
    await expectOver(relay, sender, "share-life");
    expect(FAULTS.expired.retry).toBe(false);
  });
});
