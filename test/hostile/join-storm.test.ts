/**
 * Clients that join anywhere again and again, beside a receiver that takes all from its beginning. What
 * the sender is asked for is counted: after each record that it sends, the storm goes on by some joins.
 */
import { expect, test } from "bun:test";
import { CREDIT_RECORDS, decodeFrame, toHex, type Message } from "../../protocol/mod.ts";
import { startRelay } from "../../relay/mod.ts";
import {
  RawClient,
  randomId,
  rawShare,
  type RawShare,
  offerOf,
  pathOf,
} from "../support/relay/raw-client.ts";
import { TEST_MS } from "../support/patience.ts";

const RECORDS = 4000;
/** Records that the sender sends while the storm goes on. */
const SENT = 100;
/** The receiver beside the storm keeps that part of the uplink. */
const BAR = 0.8;
/** The storm's joins for each record that leaves the sender: as 45 in a second at 12 MiB/s. */
const JOINS_PER_RECORD = 3;
/** Before the storm begins. */
const FIRST = 16;

/** A sender that sends what it was asked for one by one. */
class PacedSender {
  readonly #client: RawClient;
  readonly #wanted: number[] = [];
  #wake = (): void => undefined;

  private constructor(client: RawClient) {
    this.#client = client;
    client.onMessage = (message) => {
      if (message.t !== "want") return;
      for (let at = 0; at < message.count; at++) this.#wanted.push(message.first + at);
      expect(this.#wanted.length).toBeLessThanOrEqual(CREDIT_RECORDS);
      this.#wake();
    };
  }

  static async start(url: string, channel: Uint8Array, share: RawShare): Promise<PacedSender> {
    const client = await RawClient.greeted(url, "sender", channel);
    const sender = new PacedSender(client);
    client.send(offerOf(share));
    await client.when("accepted");
    return sender;
  }

  /** Sends the next one, once it is asked for. @returns which that was */
  async sendOne(share: RawShare): Promise<number> {
    while (this.#wanted.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const index = this.#wanted.shift()!;
    this.#client.send(share.frame(index));
    return index;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]();
  }
}

/** The relay has heard all that this one said before. */
async function heard(client: RawClient): Promise<void> {
  const unknown = randomId();
  client.join(unknown, 0, 0);
  await client.when("cancel", ({ share }) => toHex(share) === toHex(unknown));
}

interface Storm extends AsyncDisposable {
  /** As much as goes on while one record leaves the sender. */
  go(): Promise<void>;
}

interface Place {
  readonly url: string;
  readonly channel: Uint8Array;
  readonly share: RawShare;
}

function anywhere(): number {
  return 500 + Math.floor(Math.random() * (RECORDS - 500));
}

/** Joins by one socket. */
async function bySocket({ url, channel, share }: Place, ownIds: boolean): Promise<Storm> {
  const client = await RawClient.greeted(`${url}/ws`, "receiver", channel);
  const id = randomId();
  return {
    go: async () => {
      for (let times = 0; times < JOINS_PER_RECORD; times++) {
        client.join(share.offer.share, anywhere(), 1, ownIds ? randomId() : id);
      }
      await heard(client);
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** Each join by a socket of its own, which then stays. */
async function bySockets({ url, channel, share }: Place): Promise<Storm> {
  const clients: RawClient[] = [];
  return {
    go: async () => {
      const client = await RawClient.greeted(`${url}/ws`, "receiver", channel);
      clients.push(client);
      client.join(share.offer.share, anywhere(), 1);
      await heard(client);
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) await client[Symbol.asyncDispose]();
    },
  };
}

/** Parts of it by HTTP, which nobody waits for. */
async function byHttp({ url, share }: Place): Promise<Storm> {
  const { recordSize } = share.offer;
  const at = `${url.replace("ws", "http")}${pathOf(share)}`;
  let notFound = 0;
  let before: AbortController[] = [];
  return {
    go: async () => {
      for (const each of before) each.abort();
      before = [];
      for (let times = 0; times < JOINS_PER_RECORD; times++) {
        const first = anywhere() * recordSize;
        const ending = new AbortController();
        const headers = { range: `bytes=${first}-${first}` };
        fetch(at, { headers, signal: ending.signal }).then(
          ({ status }) => (notFound += status === 404 ? 1 : 0),
          () => undefined,
        );
        before.push(ending);
      }
      // They are on their way when this is answered.
      await (await fetch(url.replace("ws", "http"))).text();
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of before) each.abort();
      expect(notFound).toBe(0);
    },
  };
}

const STORMS: readonly {
  readonly what: string;
  readonly start: (place: Place) => Promise<Storm>;
}[] = [
  { what: "joins of one socket under one id", start: (place) => bySocket(place, false) },
  { what: "joins of one socket under an id each", start: (place) => bySocket(place, true) },
  { what: "joins of a socket each", start: bySockets },
  { what: "parts asked for by HTTP", start: byHttp },
];

for (const workers of [1, 2]) {
  test.each(STORMS)(
    `with ${workers} workers a storm of $what leaves the uplink to who takes what it asks for`,
    async ({ start }) => {
      await using relay = await startRelay({ workers });
      const channel = randomId();
      const share = rawShare(RECORDS);
      const url = `${relay.url}/ws`;
      await using sender = await PacedSender.start(url, channel, share);
      await using receiver = await RawClient.greeted(url, "receiver", channel);
      let next = 0;
      receiver.onFrame = (frame) => {
        expect(decodeFrame(frame).index).toBe(next++);
        if (next % 4 === 0 || next === 1) receiver.ack(share.offer.share, next, 16);
      };
      receiver.join(share.offer.share, 0, 16);
      /** @returns whether it was for the receiver */
      const sendOne = async (): Promise<boolean> => {
        const index = await sender.sendOne(share);
        if (index >= 500) return false;
        await receiver.frame(index);
        await heard(receiver);
        return true;
      };
      for (let sent = 0; sent < FIRST; sent++) expect(await sendOne()).toBe(true);

      await using storm = await start({ url: relay.url, channel, share });
      let kept = 0;
      for (let sent = 0; sent < SENT; sent++) {
        await storm.go();
        if (await sendOne()) kept++;
      }
      expect(kept).toBeGreaterThanOrEqual(BAR * SENT);
    },
    TEST_MS,
  );
}

/** One that says what it likes about itself moves nothing but itself. */
test.each([
  { what: "beyond the end", say: (share: Uint8Array): Message => join(share, RECORDS + 5, 1) },
  { what: "with a window of 0", say: (share: Uint8Array): Message => join(share, anywhere(), 0) },
  {
    what: "by acknowledging what it never got",
    say: (share: Uint8Array): Message => ({ t: "ack", share, next: anywhere(), window: 16 }),
  },
])("a join $what has nothing read", async ({ say }) => {
  await using relay = await startRelay();
  const channel = randomId();
  const share = rawShare(RECORDS);
  const url = `${relay.url}/ws`;
  await using sender = await RawClient.greeted(url, "sender", channel);
  sender.send(offerOf(share));
  await sender.when("accepted");
  await using client = await RawClient.greeted(url, "receiver", channel);
  client.send(join(share.offer.share, RECORDS, 1));
  for (let times = 0; times < 50; times++) client.send(say(share.offer.share));
  await heard(client);
  // Requests come in order, so this one shows that none before it was granted.
  client.send(join(share.offer.share, 7, 1));
  expect(await sender.when("want")).toMatchObject({ first: 7, count: 1 });
});

function join(share: Uint8Array, from: number, window: number): Message {
  return { t: "join", share, receiver: OWN, name: new Uint8Array(0), from, window };
}

const OWN = randomId();
