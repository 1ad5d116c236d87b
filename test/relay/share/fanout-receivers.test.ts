import { expect, test } from "bun:test";

import { FanoutReceivers } from "../../../relay/share/fanout-receivers.ts";
import { newReceiver, type Receiver } from "../../../relay/share/fanout-receiver.ts";
import type { Topic } from "../../../relay/share/outlet.ts";
import { Party } from "../../../relay/share/read-ahead.ts";

const NO_TOPIC: Topic = {
  size: 0,
  sockets: [],
  subscribe: () => undefined,
  unsubscribe: () => undefined,
  publishFrame: () => new Set(),
  publish: () => undefined,
  close: () => undefined,
};

function receivers(): { all: FanoutReceivers; come: (isEdge?: boolean) => Receiver } {
  const all = new FanoutReceivers(NO_TOPIC);
  let came = 0;
  const come = (isEdge = false): Receiver => {
    const key = `${came++}`;
    const receiver = newReceiver(new Uint8Array(16), key, new Party(came), isEdge);
    all.add(receiver);
    return receiver;
  };
  return { all, come };
}

test("a receiver has a place until its sender knows that it has all, or until it is forgotten", () => {
  const { all, come } = receivers();
  const [one, two] = [come(), come()];
  come(true);
  expect(all.places).toBe(2);
  all.confirmed(one);
  all.confirmed(one);
  expect(all.places).toBe(1);
  all.forget(one);
  all.forget(one);
  expect(all.places).toBe(1);
  all.forget(two);
  expect([all.places, all.edges]).toEqual([0, 1]);
  all.confirmed(come());
  all.clear();
  come();
  expect([all.places, all.edges]).toEqual([1, 0]);
});
