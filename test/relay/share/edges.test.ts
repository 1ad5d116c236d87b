/** The hub with control lines of other relays, and no sockets. */
import { describe, expect, test } from "bun:test";
import { toHex, type Offer } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../../../relay/cluster/proof.ts";
import {
  RELAY_ID_BYTES,
  decodeFromOwner,
  encodeCluster,
  type EdgeDownload,
} from "../../../relay/cluster/wire.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import { Hub } from "../../../relay/share/hub.ts";
import type { FromDirectory, ShareRecord, ToStoreBook } from "../../../relay/share/messages.ts";
import {
  SingleSends,
  type Outlet,
  type SocketId,
  type Topic,
} from "../../../relay/share/outlet.ts";
import { CLUSTER_SECRET, edgeHello, type EdgeHello } from "../../support/relay/scripted-edge.ts";

const ME = "aa".repeat(RELAY_ID_BYTES);

/** Sockets that take everything. */
class Told implements Outlet {
  readonly said: string[] = [];
  readonly nonces = new Map<SocketId, Uint8Array>();
  noPing = (socket: SocketId): void => void this.said.push(`${socket} no pings`);
  buffered = (): number => 0;
  sendFrame = (): "sent" => "sent";
  newTopic = (): Topic => new SingleSends(this);
  send: Outlet["send"] = (socket, message) => {
    if (message.t === "challenge") this.nonces.set(socket, message.nonce);
    else this.said.push(`${socket} ${message.t}`);
  };
  sendToEdge = (socket: SocketId, message: Uint8Array): void => {
    this.said.push(`${socket} ${decodeFromOwner(message).t}`);
  };
  fail: Outlet["fail"] = (socket, code) => this.said.push(`${socket} ${code}`);
}

function play() {
  const outlet = new Told();
  const asked: string[] = [];
  const welcomed: SocketId[] = [];
  const toBook: ToStoreBook[] = [];
  const hub = new Hub({
    worker: 0,
    pool: new BlockPool(createPool(1, 1), 0),
    outlet,
    primitives: nodePrimitives,
    toDirectory: () => undefined,
    toStoreBook: (message) => void toBook.push(message),
    lookers: {
      count: 1,
      tell: (message) => {
        const isForEdges = message.t === "asked" && message.isForEdges === true;
        asked.push(isForEdges ? "asked for edges" : message.t);
      },
    },
    cluster: {
      secret: new ClusterSecret(CLUSTER_SECRET, nodePrimitives),
      me: ME,
      through: (_, owner, level) => void asked.push(`level ${level} of ${owner}`),
      welcomed: (socket) => void welcomed.push(socket),
      carrier: {
        forward: () => {
          throw new Error("no sender came");
        },
      },
    },
  });
  const channel = new Uint8Array(16).fill(7);
  const open = (socket: SocketId, share?: Uint8Array, through?: EdgeHello["through"]): void => {
    hub.edgeOpened(socket, 0);
    const hello = edgeHello(outlet.nonces.get(socket)!, { channel, share, through });
    hub.message(socket, encodeCluster(hello), 0);
  };
  return { hub, outlet, asked, welcomed, toBook, channel: toHex(channel), open };
}

test("a channel is asked for by receivers, by other relays alone, or not any more", () => {
  const { hub, asked, channel, open } = play();
  open(1);
  open(2);
  hub.enter(3, channel, 0);
  hub.enter(4, channel, 0);
  hub.closed(3, 0);
  hub.closed(4, 0);
  hub.closed(1, 0);
  hub.closed(2, 0);
  expect(asked).toEqual(["asked for edges", "asked", "asked for edges", "unasked"]);
  hub.enter(5, channel, 0);
  open(6);
  hub.closed(6, 0);
  hub.closed(5, 0);
  expect(asked.slice(4)).toEqual(["asked", "asked", "unasked"]);
});

test("a stream asks for no channel, is no receiver of it, and takes files from the kernel", () => {
  const { hub, outlet, asked, welcomed, open } = play();
  open(1, new Uint8Array(16));
  expect(outlet.said).toEqual(["1 edge-welcome", "1 no pings"]);
  expect(welcomed).toEqual([1]);
  expect(hub.edges).toEqual({ lines: 0, streams: 1, forwards: 0 });
  hub.closed(1, 0);
  expect(hub.edges).toEqual({ lines: 0, streams: 0, forwards: 0 });
  expect(asked).toEqual([]);
});

const OWNER = new Uint8Array(RELAY_ID_BYTES).fill(0xbb);
const OFFER: Offer = {
  share: new Uint8Array(16),
  recordSize: 84,
  records: 5,
  bytes: 300,
  seekable: true,
};

/** The share as the directory gives it to another worker of this relay. */
function opened(
  channel: string,
  more: Partial<ShareRecord> = {},
): Extract<FromDirectory, { t: "opened" }> {
  const key = toHex(OFFER.share);
  const record = { key, channel, offer: OFFER, capability: undefined, owner: 1, epoch: 1, ...more };
  return { t: "opened", record, socket: undefined };
}

test("lines that ask for another owner's shares are told of by their least level, and ask for no channel", () => {
  const { hub, asked, channel, open } = play();
  const owner = OWNER;
  open(1, undefined, { owner, level: 2 });
  open(2, undefined, { owner, level: 3 });
  open(3, undefined, { owner, level: 1 });
  open(4, OFFER.share, { owner, level: 1 });
  hub.closed(3, 0);
  hub.closed(1, 0);
  hub.closed(2, 0);
  const of = (level: string): string => `level ${level} of ${toHex(owner)}`;
  expect(asked).toEqual([of("2"), of("1"), of("2"), of("3"), of("undefined")]);
  expect(channel).toHaveLength(32);
});

test("a line that asks this relay for its own shares as a gateway is as any other", () => {
  const { hub, outlet, asked, channel, open } = play();
  open(1, undefined, { owner: new Uint8Array(RELAY_ID_BYTES).fill(0xaa), level: 1 });
  outlet.said.length = 0;
  hub.directory(opened(channel), 0);
  expect(asked).toEqual(["asked for edges"]);
  expect(outlet.said).toEqual(["1 shares"]);
});

test("lines hear of a share by the way that it comes here: this relay's own, or by a lower level", () => {
  const { hub, outlet, channel, open } = play();
  const remote = toHex(OWNER);
  open(1);
  open(2, undefined, { owner: OWNER, level: 1 });
  open(3, undefined, { owner: OWNER, level: 3 });
  open(4, undefined, { owner: new Uint8Array(RELAY_ID_BYTES), level: 3 });
  const said = (record: Partial<ShareRecord>): string[] => {
    outlet.said.length = 0;
    hub.directory(opened(channel, record), 0);
    return outlet.said.toSorted();
  };
  expect(said({})).toEqual(["1 shares"]);
  expect(said({ epoch: 2, remote })).toEqual([
    "1 presence",
    "2 presence",
    "2 shares",
    "3 presence",
    "3 shares",
  ]);
  expect(said({ epoch: 3, remote, level: 1 })).toEqual(["2 presence", "3 presence", "3 shares"]);
  expect(said({ epoch: 4, remote, level: 3 })).toEqual(["3 presence"]);
});

test("a stream of a share that does not come here by its way any more ends", () => {
  const { hub, outlet, channel, open } = play();
  const remote = toHex(OWNER);
  hub.directory(opened(channel, { remote }), 0);
  open(1, OFFER.share, { owner: OWNER, level: 1 });
  open(2, OFFER.share, { owner: OWNER, level: 2 });
  open(3, OFFER.share);
  const name = new Uint8Array(0);
  for (const socket of [1, 2, 3]) {
    const receiver = new Uint8Array(16).fill(socket);
    const join = { t: "join", share: OFFER.share, receiver, name, from: 0, window: 1 } as const;
    outlet.said.length = 0;
    hub.message(socket, encodeCluster(join), 0);
    expect(outlet.said).toEqual(socket === 3 ? ["3 cancel"] : []);
  }
  hub.directory(opened(channel, { epoch: 2, remote, level: 1 }), 0);
  expect(outlet.said.filter((each) => each.endsWith("going-away"))).toEqual(["1 going-away"]);
});

test("a share that this relay alone gives up ends lines to it, and one that its owner ends is over", () => {
  const { hub, outlet, channel, open } = play();
  const remote = toHex(OWNER);
  open(1, undefined, { owner: OWNER, level: 1 });
  const said = (isFromSender: boolean): string[] => {
    hub.directory(opened(channel, { remote }), 0);
    outlet.said.length = 0;
    const over = {
      t: "closed",
      key: toHex(OFFER.share),
      fault: "sender-gone",
      isFromSender,
    } as const;
    hub.directory(over, 0);
    return outlet.said;
  };
  expect(said(true)).toEqual(["1 cancel"]);
  expect(said(false)).toEqual(["1 going-away"]);
});

test("a hub that drains ends lines of channels without a share, and strangers", () => {
  const { hub, outlet, open } = play();
  open(1);
  open(2, new Uint8Array(16));
  hub.edgeOpened(3, 0);
  outlet.said.length = 0;
  hub.drain(0);
  expect(outlet.said.toSorted()).toEqual(["1 going-away", "2 going-away", "3 going-away"]);
});

test("a stranger of the port for other relays is told the time that it had", () => {
  const { hub, outlet } = play();
  hub.edgeOpened(1, 0);
  hub.tick(60_000);
  expect(outlet.said).toEqual(["1 hello-timeout"]);
});

describe("a share in the store of this relay", () => {
  const key = toHex(OFFER.share);
  const common = { place: "01".repeat(16), until: 9000, isWhole: true, durableBefore: 5 };
  const whole = { ...common, records: undefined, downloadsLeft: 2, begun: [] };
  const receiver = new Uint8Array(16).fill(9);
  const state = (stored: typeof whole, durable = 5) =>
    ({ t: "stored-state", key, stored, durable }) as const;

  test("is told of to other relays when the word is news to receivers", () => {
    const { hub, outlet, channel, open } = play();
    open(1);
    hub.directory(opened(channel, { stored: { ...whole, isWhole: false } }), 0);
    outlet.said.length = 0;
    hub.storeBook(state({ ...whole, isWhole: false, durableBefore: 3 }, 3), 0);
    expect(outlet.said).toEqual([]);
    hub.storeBook(state(whole), 0);
    hub.storeBook(state(whole), 0);
    hub.storeBook(state({ ...whole, downloadsLeft: 1 }), 0);
    expect(outlet.said).toEqual(["1 shares", "1 shares"]);
  });

  test("hears of receivers at other relays, which count as those here", () => {
    const { hub, channel, toBook, open } = play();
    open(1);
    const { share } = OFFER;
    const mac = new Uint8Array(16);
    const words: EdgeDownload[] = [
      { t: "begun", share, receiver, address: "192.0.2.1", isOver: false },
      { t: "finishing", share },
      { t: "download", share, receiver, records: 5, mac, wasServed: true },
    ];
    const say = (): void => {
      for (const word of words) hub.message(1, encodeCluster(word), 0);
    };
    say();
    hub.directory(opened(channel), 0);
    say();
    expect(toBook).toEqual([]);
    hub.directory(opened(channel, { stored: whole, epoch: 2 }), 0);
    say();
    const receipt = { receiver, records: 5, mac };
    const id = toHex(receiver);
    expect(toBook).toEqual([
      { t: "begun", worker: 0, key, receiver: id, address: "192.0.2.1", isOver: false },
      { t: "finishing", worker: 0, key },
      { t: "download", worker: 0, key, receipt, wasServed: true },
    ]);
  });

  test("C5 of another channel hears nothing of a line", () => {
    const { hub, toBook, open } = play();
    open(1);
    hub.directory(opened("ff".repeat(16), { stored: whole }), 0);
    hub.message(1, encodeCluster({ t: "finishing", share: OFFER.share }), 0);
    expect(toBook).toEqual([]);
  });

  test("that is over tells so to lines that are there, and to one that comes", () => {
    const { hub, outlet, channel, open } = play();
    open(1);
    outlet.said.length = 0;
    const list = [{ share: OFFER.share, reason: "revoked" }] as const;
    hub.storeBook({ t: "over", channel, list }, 0);
    expect(outlet.said).toEqual(["1 over"]);
    open(2);
    expect(outlet.said.slice(1)).toEqual(["2 edge-welcome", "2 shares", "2 over"]);
    hub.directory(opened(channel), 0);
    outlet.said.length = 0;
    open(3);
    expect(outlet.said).toEqual(["3 edge-welcome", "3 shares"]);
  });

  test("that is over at another relay is no news for those that read from this one", () => {
    const { hub, outlet, channel, open } = play();
    open(1);
    outlet.said.length = 0;
    const list = [{ share: OFFER.share, reason: "revoked" }] as const;
    hub.storeBook({ t: "over", channel, list, relay: toHex(OWNER) }, 0);
    expect(outlet.said).toEqual([]);
  });

  test("that is over is forgotten with the last line that asks for its owner", () => {
    const { hub, outlet, asked, channel, open } = play();
    const through = { owner: OWNER, level: 2 };
    open(1);
    open(2, undefined, through);
    const list = [{ share: OFFER.share, reason: "exhausted" }] as const;
    hub.storeBook({ t: "over", channel, list, relay: toHex(OWNER) }, 0);
    hub.closed(2, 0);
    outlet.said.length = 0;
    open(3, undefined, through);
    expect(outlet.said).toEqual(["3 edge-welcome", "3 shares"]);
    // The main thread is asked, and says it.
    expect(asked.at(-1)).toBe(`level 2 of ${toHex(OWNER)}`);
  });

  test("that is over there is news for those that read it from there through this one", () => {
    const { hub, outlet, channel, open } = play();
    const through = { owner: OWNER, level: 1 };
    open(1, undefined, through);
    outlet.said.length = 0;
    const list = [{ share: OFFER.share, reason: "revoked" }] as const;
    hub.storeBook({ t: "over", channel, list, relay: toHex(OWNER) }, 0);
    open(2, undefined, through);
    open(3);
    expect(outlet.said).toEqual([
      "1 over",
      "2 edge-welcome",
      "2 shares",
      "2 over",
      "3 edge-welcome",
      "3 shares",
    ]);
  });

  test("of which its store says more there is told to those that read it through this relay", () => {
    const { hub, outlet, channel, open } = play();
    open(1, undefined, { owner: OWNER, level: 1 });
    hub.directory(opened(channel, { remote: toHex(OWNER) }), 0);
    outlet.said.length = 0;
    const key = toHex(OFFER.share);
    const of = { t: "presence", worker: 1, key, epoch: 1 } as const;
    const word = { ...of, senderHere: true, stored: undefined };
    hub.directory(word, 0);
    expect(outlet.said).toEqual([]);
    const facts = { isWhole: true, records: 5, until: 1, downloadsLeft: 1, begun: [] } as const;
    hub.directory({ ...word, stored: facts }, 0);
    expect(outlet.said).toEqual(["1 shares"]);
  });
});
