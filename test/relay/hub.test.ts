import { expect, test } from "bun:test";
import {
  encodeControl,
  HELLO_MS,
  PROTOCOL_VERSION,
  TICK_MS,
  type FaultCode,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto-node.ts";
import { Hub } from "../../relay/hub.ts";
import type { Outlet, SocketId } from "../../relay/outlet.ts";
import { BlockPool, createPool } from "../../relay/pool.ts";

/** Sockets that take everything and keep what they were told. */
class Told implements Outlet {
  readonly faults: [SocketId, FaultCode][] = [];
  readonly sent: string[] = [];

  quiet = (): void => undefined;
  buffered = (): number => 0;
  sendFrame = (): "sent" => "sent";
  send: Outlet["send"] = (socket, { t }) => this.sent.push(`${socket} ${t}`);
  fail: Outlet["fail"] = (socket, code) => this.faults.push([socket, code]);
}

test("T2 T3 who says no hello within HELLO_MS is told so and closed, whatever it drips", () => {
  const outlet = new Told();
  const hub = new Hub({
    worker: 0,
    pool: new BlockPool(createPool(1, 1), 0),
    outlet,
    primitives: nodePrimitives,
    toDirectory: () => undefined,
  });
  const channel = new Uint8Array(16);
  const hello = encodeControl({ t: "hello", v: PROTOCOL_VERSION, role: "receiver", channel });
  hub.opened(1, 0);
  hub.opened(2, 0);
  hub.opened(3, TICK_MS);
  hub.message(2, hello, HELLO_MS - 1);
  hub.tick(HELLO_MS - 1);
  expect(outlet.faults).toEqual([]);
  hub.tick(HELLO_MS);
  expect(outlet.faults).toEqual([[1, "hello-timeout"]]);
  // Too late: it is nobody any more.
  hub.message(1, hello, HELLO_MS);
  hub.tick(HELLO_MS + TICK_MS);
  expect(outlet.faults).toEqual([
    [1, "hello-timeout"],
    [3, "hello-timeout"],
  ]);
  expect(outlet.sent).toEqual(["2 welcome", "2 offers"]);
});
