/** The uplink without sockets and without a hub: both are played. */
import { expect, test } from "bun:test";
import { NONCE_BYTES, toHex, type Message } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../../../relay/cluster/proof.ts";
import type { LocalSenderEvents } from "../../../relay/cluster/uplink-share.ts";
import { WELCOME_MS } from "../../../relay/cluster/greeting.ts";
import { LINK_SHARES_MOST, Uplink } from "../../../relay/cluster/uplink.ts";
import { decodeFromEdge, encodeCluster, type OwnMessage } from "../../../relay/cluster/wire.ts";
import { rawShare, type RawShare } from "../../support/relay/raw-client.ts";
import { TEST_SECRET } from "../../support/relay/scripted-owner.ts";

const CHANNEL = new Uint8Array(16);
const RELAY = new Uint8Array(8);

class Play {
  now = 0;
  /** The calls of the uplink since the last `take`. */
  readonly whys: string[] = [];
  told: string[] = [];
  readonly share: RawShare = rawShare(100, 1000);
  readonly uplink: Uplink;
  /** Of the hub, the newest last. */
  readonly senders: LocalSenderEvents[] = [];
  readonly #secret = new ClusterSecret(TEST_SECRET, nodePrimitives);
  readonly hellos = new Map<number, OwnHello>();
  readonly open = new Set<number>();

  constructor(level = 0) {
    const link = {
      t: "link",
      link: 7,
      channel: toHex(CHANNEL),
      relay: toHex(RELAY),
      address: "",
      level,
    } as const;
    const host: ConstructorParameters<typeof Uplink>[0]["host"] = {
      connect: (line) => {
        this.open.add(line);
        this.told.push(`connect ${line}`);
      },
      disconnect: (line) => {
        this.open.delete(line);
        this.told.push(`disconnect ${line}`);
      },
      send: (line, bytes) => {
        const message = decodeFromEdge(bytes);
        if (message.t === "edge-hello") this.hellos.set(line, message);
        else if (message.t === "join") {
          this.told.push(`${line}: join ${message.from} for ${message.window}`);
        } else if (message.t === "ack") {
          this.told.push(`${line}: ack ${message.next} for ${message.window}`);
        } else this.told.push(`${line}: ${message.t}`);
      },
      sender: (events) => {
        const at = this.senders.push(events) - 1;
        const tell = (what: string): void => void this.told.push(`sender ${at}: ${what}`);
        return {
          offer: () => tell("offer"),
          control: ({ t }) => tell(t),
          frame: () => tell("frame"),
          presence: ({ senderHere }) => tell(`presence ${senderHere}`),
          full: () => tell("full"),
          close: () => tell("close"),
        };
      },
      tell: (message) => {
        this.told.push(message.t);
        if (message.t === "link-lost") this.whys.push(message.why);
      },
      streamLost: (why) => this.told.push(`stream lost: ${why}`),
      randomBytes: (length) => nodePrimitives.randomBytes(length),
    };
    const secret = this.#secret;
    this.uplink = new Uplink({ link, worker: 0, relay: RELAY, secret, host }, 0);
  }

  take(): string[] {
    return this.told.splice(0);
  }

  say(line: number, message: Message | OwnMessage): this {
    this.uplink.message(line, encodeCluster(message), this.now);
    return this;
  }

  /** The owner welcomes it. */
  welcome(line: number): this {
    this.say(line, { t: "challenge", nonce: new Uint8Array(NONCE_BYTES) });
    const hello = this.hellos.get(line)!;
    return this.say(line, { t: "edge-welcome", mac: this.#secret.ownerProof(hello.nonce, hello) });
  }

  list(line: number, shares: readonly RawShare[] = [this.share], senderHere = true): this {
    const list = shares.map(({ offer }) => ({ ...offer, senderHere }));
    return this.say(line, { t: "shares", list });
  }

  /** The hub speaks to its newest sender. */
  hub(message: Message): this {
    this.senders.at(-1)!.message(message);
    return this;
  }

  want(first: number, count: number): this {
    return this.hub({ t: "want", share: this.share.offer.share, first, count });
  }

  tick(after: number): this {
    this.now += after;
    this.uplink.tick(this.now);
    return this;
  }

  close(line: number, why = "the line broke"): this {
    this.open.delete(line);
    this.uplink.closed(line, why, this.now);
    return this;
  }
}

type OwnHello = Extract<ReturnType<typeof decodeFromEdge>, { t: "edge-hello" }>;

test("a share that the owner names has a sender at the hub, whose wants are read by a stream", () => {
  const play = new Play();
  expect(play.welcome(0).list(0).take()).toEqual(["connect 0", "sender 0: offer", "linked"]);
  play.hub({ t: "accepted", share: play.share.offer.share }).want(0, 2);
  expect(play.take()).toEqual(["connect 1"]);
  expect(play.welcome(1).take()).toEqual(["1: join 0 for 2"]);
  play.uplink.message(1, play.share.frame(0), 0);
  expect(play.take()).toEqual(["1: ack 1 for 1", "sender 0: frame"]);
  play.uplink.end();
  expect(play.take()).toEqual(["disconnect 1", "sender 0: close", "disconnect 0"]);
  expect(play.open.size).toBe(0);
});

test("an owner that does not welcome a line in time loses it", () => {
  const play = new Play().tick(WELCOME_MS - 1);
  expect(play.take()).toEqual(["connect 0"]);
  expect(play.tick(1).take()).toEqual(["disconnect 0", "link-lost"]);
});

test("a control line that breaks is opened again, later and later, and soon after it held", () => {
  const play = new Play();
  const waits: number[] = [];
  let line = 0;
  for (let round = 0; round < 7; round++) {
    play.close(line++);
    let waited = 0;
    play.take();
    while (play.take().length === 0) {
      play.tick(250);
      waited += 250;
    }
    waits.push(waited);
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
  play.welcome(line).list(line).tick(5000).close(line);
  play.take();
  expect(play.tick(250).take()).toEqual([`connect ${line + 1}`]);
});

test("shares end with their control line, and the next one claims them anew", () => {
  const play = new Play().welcome(0).list(0).want(0, 1).welcome(1);
  play.take();
  expect(play.close(0).take()).toEqual(["disconnect 1", "sender 0: close", "link-lost"]);
  expect(play.tick(250).welcome(2).list(2).take()).toEqual([
    "connect 2",
    "sender 1: offer",
    "linked",
  ]);
});

test("a share that the hub refuses is claimed again, later and later", () => {
  const play = new Play().welcome(0).list(0);
  const waits: number[] = [];
  for (let round = 0; round < 6; round++) {
    play.take();
    play.senders.at(-1)!.failed("replaced");
    expect(play.take()).toEqual([`sender ${round}: close`]);
    let waited = 0;
    while (play.take().length === 0) {
      play.tick(250);
      waited += 250;
    }
    waits.push(waited);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
});

test("a stream that breaks is opened again, later and later until a record comes", () => {
  const play = new Play().welcome(0).list(0).want(0, 2);
  play.close(1).take();
  expect(play.tick(250).take()).toEqual([]);
  expect(play.tick(250).take()).toEqual(["connect 2"]);
  play.close(2).tick(500);
  expect(play.take()).toEqual(["stream lost: the line broke"]);
  expect(play.tick(500).welcome(3).take()).toEqual(["connect 3", "3: join 0 for 2"]);
  play.uplink.message(3, play.share.frame(0), play.now);
  play.close(3).take();
  expect(play.tick(500).welcome(4).take()).toEqual(["connect 4", "4: join 1 for 1"]);
});

test("a record that the owner has no more makes the link begin anew, where the share begins by now", () => {
  const play = new Play().welcome(0).list(0).want(0, 2).welcome(1);
  play.take();
  play.say(1, { t: "cancel", share: play.share.offer.share, reason: "too-late" });
  expect(play.take()).toEqual(["disconnect 0", "disconnect 1", "sender 0: close", "link-lost"]);
});

test("the hub hears when the owner's sender goes and comes, once each", () => {
  const play = new Play().welcome(0).list(0);
  const { share } = play.share.offer;
  play.hub({ t: "accepted", share }).take();
  play.say(0, { t: "presence", share, senderHere: false }).list(0, [play.share], false);
  expect(play.take()).toEqual(["sender 0: presence false"]);
  expect(play.list(0).take()).toEqual(["sender 0: presence true"]);
});

test("a line to a gateway asks for the shares of the owner, on its level", () => {
  const play = new Play(2).welcome(0).list(0);
  play.hub({ t: "accepted", share: play.share.offer.share }).want(0, 1).welcome(1);
  const through = { owner: RELAY, level: 2 };
  expect(play.hellos.get(0)).toMatchObject({ through });
  expect(play.hellos.get(1)).toMatchObject({ through, share: play.share.offer.share });
  expect(new Play().welcome(0).hellos.get(0)!.through).toBeUndefined();
});

test("a share that is over has no sender at the hub, and comes again if the owner names it", () => {
  const play = new Play().welcome(0).list(0);
  play.take();
  play.say(0, { t: "end", share: play.share.offer.share });
  expect(play.take()).toEqual(["sender 0: end", "sender 0: close"]);
  expect(play.tick(60_000).take()).toEqual([]);
  expect(play.uplink.shares).toBe(0);
  expect(play.list(0).take()).toEqual(["sender 1: offer"]);
});

test("a fault of the owner is why its line ended, in the owner's own words", () => {
  const play = new Play().welcome(0).list(0);
  const message = "The relay is shutting down. It is tried again.";
  play.say(0, { t: "fault", code: "going-away", message, retry: true });
  expect(play.whys).toEqual([message]);
});

test("words about shares that the owner did not name go nowhere", () => {
  const play = new Play().welcome(0).list(0);
  play.take();
  const { share } = rawShare(2).offer;
  play.say(0, { t: "end", share }).say(0, { t: "receipted", share, receiver: share });
  play.say(0, { t: "full", share, receiver: share });
  expect(play.take()).toEqual([]);
});

test.each<[string, (play: Play) => void]>([
  ["a second welcome", (play) => play.welcome(0)],
  ["a list before the welcome of another line", (play) => play.want(0, 1).list(1)],
  [
    "more shares than a channel has",
    (play) => {
      for (let at = 0; at < LINK_SHARES_MOST; at++) play.list(0, [rawShare(2)]);
    },
  ],
  ["no message at all", (play) => play.uplink.message(0, new Uint8Array(0), 0)],
  [
    "a fault",
    (play) => play.say(0, { t: "fault", code: "going-away", message: "later", retry: true }),
  ],
])("C3 %s ends the line that it came by", (_, lie) => {
  const play = new Play().welcome(0).list(0);
  play.take();
  lie(play);
  const told = play.take();
  expect(told.some((each) => /^disconnect [01]$/.test(each))).toBe(true);
  expect(told.some((each) => each === "link-lost" || each.startsWith("stream lost"))).toBe(true);
});

test("the hub hears what the owner says before it gives the share to the sender, each time that it does", () => {
  const play = new Play().welcome(0).list(0);
  const { share } = play.share.offer;
  const of = { share, receiver: new Uint8Array(16) };
  play.take();
  play.say(0, { t: "admit", ...of }).say(0, { t: "presence", share, senderHere: false });
  expect(play.take()).toEqual([]);
  expect(play.hub({ t: "accepted", share }).take()).toEqual([
    "sender 0: admit",
    "sender 0: presence false",
  ]);
  const other = { ...of, receiver: new Uint8Array(16).fill(1) };
  play.say(0, { t: "dismiss", ...other, reason: "not-admitted" });
  play.say(0, { t: "presence", share, senderHere: true });
  expect(play.take()).toEqual(["sender 0: dismiss", "sender 0: presence true"]);
  play.senders[0]!.failed("replaced");
  expect(play.tick(500).take()).toEqual(["sender 0: close", "sender 1: offer"]);
  expect(play.hub({ t: "accepted", share }).take()).toEqual([
    "sender 1: admit",
    "sender 1: dismiss",
  ]);
});
