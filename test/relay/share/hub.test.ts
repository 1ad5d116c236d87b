import { expect, test } from "bun:test";
import {
  encodeControl,
  type FaultCode,
  type Message,
  type MessageOf,
} from "../../../protocol/mod.ts";
import { DEFAULT_LIMITS } from "../../../relay/limits/operator-limits.ts";
import { TICK_MS } from "../../../relay/limits/limits.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { Hub } from "../../../relay/share/hub.ts";
import { helloTo, signerOfChannel } from "../../support/relay/channel.ts";
import {
  SingleSends,
  type Outlet,
  type SocketId,
  type Topic,
} from "../../../relay/share/outlet.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";

const HELLO_MS = DEFAULT_LIMITS["hello-timeout"];

/** Sockets that take everything and keep what they were told. */
class Told implements Outlet {
  readonly faults: [SocketId, FaultCode][] = [];
  readonly sent: string[] = [];

  readonly unpinged: SocketId[] = [];
  noPing = (socket: SocketId): void => void this.unpinged.push(socket);
  buffered = (): number => 0;
  sendFrame = (): "sent" => "sent";
  newTopic = (): Topic => new SingleSends(this);
  readonly nonces = new Map<SocketId, Uint8Array>();
  send: Outlet["send"] = (socket, message) => {
    if (message.t === "challenge") this.nonces.set(socket, message.nonce);
    else this.sent.push(`${socket} ${message.t}`);
  };
  fail: Outlet["fail"] = (socket, code) => this.faults.push([socket, code]);
}

test("T2 T3 a client without a hello within HELLO_MS is told so and closed, whatever it drips", () => {
  const outlet = new Told();
  const hub = new Hub({
    worker: 0,
    pool: new BlockPool(createPool(1, 1), 0),
    outlet,
    primitives: nodePrimitives,
    toDirectory: () => undefined,
  });
  const helloOf = (socket: SocketId): Uint8Array => {
    const nonce = outlet.nonces.get(socket)!;
    return encodeControl(helloTo({ nonce }, "receiver", new Uint8Array(16)));
  };
  hub.opened(1, 0);
  hub.opened(2, 0);
  hub.opened(3, TICK_MS);
  hub.message(2, helloOf(2), HELLO_MS - 1);
  hub.tick(HELLO_MS - 1);
  expect(outlet.faults).toEqual([]);
  hub.tick(HELLO_MS);
  expect(outlet.faults).toEqual([[1, "hello-timeout"]]);
  // Too late: it is nobody any more.
  hub.message(1, helloOf(1), HELLO_MS);
  hub.tick(HELLO_MS + TICK_MS);
  expect(outlet.faults).toEqual([
    [1, "hello-timeout"],
    [3, "hello-timeout"],
  ]);
  expect(outlet.sent).toEqual(["2 welcome", "2 offers"]);
});

test("only a receiver that asks for no pings gets none", () => {
  const outlet = new Told();
  const hub = new Hub({
    worker: 0,
    pool: new BlockPool(createPool(1, 1), 0),
    outlet,
    primitives: nodePrimitives,
    toDirectory: () => undefined,
  });
  for (const [socket, quiet] of [
    [1, true],
    [2, false],
    [3, undefined],
  ] as const) {
    hub.opened(socket, 0);
    const hello = helloTo({ nonce: outlet.nonces.get(socket)! }, "receiver", new Uint8Array(16));
    hub.message(socket, encodeControl({ ...hello, quiet }), 0);
  }
  expect(outlet.sent.filter((line) => line.endsWith("welcome"))).toHaveLength(3);
  expect(outlet.unpinged).toEqual([1]);
});

test("P1 a hello without the right proof is refused before anything else of it is looked at", () => {
  const outlet = new Told();
  const asked: string[] = [];
  const hub = new Hub({
    worker: 0,
    pool: new BlockPool(createPool(1, 1), 0),
    outlet,
    primitives: nodePrimitives,
    toDirectory: () => undefined,
    relayName: "relay.example",
    admit: (_, { role }) => void asked.push(role),
  });
  const channel = new Uint8Array(16);
  const name = "relay.example";
  const say = (socket: SocketId, message: Message): void => {
    hub.message(socket, encodeControl(message), 0);
  };
  const challenge = (socket: SocketId) => {
    hub.opened(socket, 0);
    return { nonce: outlet.nonces.get(socket)!, name };
  };
  const first = challenge(1);
  const right = helloTo(first, "receiver", channel);
  // Overheard on another line, of another line, for another relay, for another role, of another key.
  const other = signerOfChannel(new Uint8Array(32)).publicKey;
  const wrong: MessageOf<"hello">[] = [
    right,
    helloTo({ nonce: first.nonce }, "receiver", channel),
    { ...helloTo(challenge(3), "sender", channel), role: "receiver" },
    { ...helloTo(challenge(4), "receiver", channel), key: other },
    { ...helloTo(challenge(5), "receiver", channel), least: 1 },
    { ...helloTo(challenge(6), "receiver", channel), signature: new Uint8Array(64) },
    helloTo({ nonce: challenge(7).nonce, name: "other.example" }, "receiver", channel),
  ];
  hub.opened(2, 0);
  for (const [at, hello] of wrong.entries()) say(at === 0 ? 2 : at + 1, hello);
  expect(outlet.faults.map(([, code]) => code)).toEqual(wrong.map(() => "not-proved"));
  expect(asked).toEqual([]);
  say(1, right);
  expect(asked).toEqual(["receiver"]);
  expect(outlet.sent).toEqual(["1 welcome", "1 offers"]);
});
