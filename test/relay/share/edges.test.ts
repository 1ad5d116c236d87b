/** The hub with control lines of other relays, and no sockets. */
import { expect, test } from "bun:test";
import { toHex } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../../../relay/cluster/proof.ts";
import { decodeFromOwner, encodeCluster } from "../../../relay/cluster/wire.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import { Hub } from "../../../relay/share/hub.ts";
import {
  SingleSends,
  type Outlet,
  type SocketId,
  type Topic,
} from "../../../relay/share/outlet.ts";
import { CLUSTER_SECRET, edgeHello } from "../../support/relay/scripted-edge.ts";

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
  const hub = new Hub({
    worker: 0,
    pool: new BlockPool(createPool(1, 1), 0),
    outlet,
    primitives: nodePrimitives,
    toDirectory: () => undefined,
    lookers: {
      count: 1,
      tell: (message) => {
        const isForEdges = message.t === "asked" && message.isForEdges === true;
        asked.push(isForEdges ? "asked for edges" : message.t);
      },
    },
    cluster: {
      secret: new ClusterSecret(CLUSTER_SECRET, nodePrimitives),
      welcomed: (socket) => void welcomed.push(socket),
      carrier: {
        forward: () => {
          throw new Error("no sender came");
        },
      },
    },
  });
  const channel = new Uint8Array(16).fill(7);
  const open = (socket: SocketId, share?: Uint8Array): void => {
    hub.edgeOpened(socket, 0);
    const hello = edgeHello(outlet.nonces.get(socket)!, { channel, share });
    hub.message(socket, encodeCluster(hello), 0);
  };
  return { hub, outlet, asked, welcomed, channel: toHex(channel), open };
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
