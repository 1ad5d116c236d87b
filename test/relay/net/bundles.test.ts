/** Several sockets of one client: the lanes see one, which has room as long as one of them has. */
import { describe, expect, test } from "bun:test";

import { Bundles, type BundledSockets } from "../../../relay/net/bundles.ts";
import type { RecordPlace } from "../../../relay/log/block-log.ts";
import {
  SingleSends,
  type SendResult,
  type SocketId,
  type Topic,
} from "../../../relay/share/outlet.ts";

const MAIN = 1;

/** Each socket takes one frame, and is full until it is told to have room. */
class OneFrameSockets implements BundledSockets {
  readonly frames: SocketId[] = [];
  readonly full = new Set<SocketId>();
  readonly closing = new Set<SocketId>();
  readonly refusing = new Set<SocketId>();

  newTopic = (): Topic => new SingleSends(this);
  noPing = (): void => undefined;
  send = (): void => undefined;
  fail = (): void => undefined;
  buffered = (socket: SocketId): number => (this.full.has(socket) ? 100 : 0);
  isClosing = (socket: SocketId): boolean => this.closing.has(socket);

  sendFrame(socket: SocketId): SendResult {
    if (this.refusing.has(socket)) return "refused";
    this.frames.push(socket);
    this.full.add(socket);
    return "queued";
  }
}

const FRAME: RecordPlace = { block: 0, offset: 0, length: 100, generation: 0 };

function bundleOf(further: readonly SocketId[], role: "sender" | "receiver" = "receiver") {
  const sockets = new OneFrameSockets();
  const bundles = new Bundles(sockets);
  for (const socket of further) bundles.bundle(MAIN, socket, role);
  const send = (): SendResult => bundles.sendFrame(MAIN, FRAME);
  return { sockets, bundles, send };
}

describe("a bundle of sockets", () => {
  test("takes a frame for each of its sockets before it is full", () => {
    const { sockets, bundles, send } = bundleOf([2, 3]);
    expect([send(), send()]).toEqual(["sent", "sent"]);
    expect(bundles.buffered(MAIN)).toBe(0);
    expect(send()).toBe("queued");
    expect(sockets.frames.toSorted((one, other) => one - other)).toEqual([1, 2, 3]);
    expect(bundles.buffered(MAIN)).toBe(100);
  });

  test("goes on by the sockets that have room while another stands still", () => {
    const { sockets, send } = bundleOf([2]);
    send();
    send();
    const stalled = sockets.frames[0];
    sockets.full.delete(2);
    sockets.full.add(1);
    expect(stalled).toBe(1);
    expect(send()).toBe("queued");
    expect(sockets.frames).toEqual([1, 2, 2]);
  });

  test("goes by another socket where one waits for memory", () => {
    const { sockets, send } = bundleOf([2]);
    sockets.refusing.add(1);
    expect(send()).toBe("sent");
    expect(sockets.frames).toEqual([2]);
    sockets.refusing.add(2);
    sockets.full.clear();
    expect(send()).toBe("refused");
  });

  test("takes nothing any more when its main socket closes", () => {
    const { sockets, send } = bundleOf([2]);
    sockets.closing.add(MAIN);
    expect(send()).toBe("refused");
    expect(sockets.frames).toEqual([]);
  });

  test("uses no further socket that closes or is gone", () => {
    const { sockets, bundles, send } = bundleOf([2, 3]);
    sockets.closing.add(2);
    bundles.unbundle(MAIN, 3);
    expect(send()).toBe("queued");
    expect(sockets.frames).toEqual([MAIN]);
  });

  test("leaves its topic when it becomes one, and gets each frame once", () => {
    const { sockets, bundles } = bundleOf([]);
    const topic = bundles.newTopic();
    for (const socket of [MAIN, 9]) topic.subscribe(socket);
    topic.publishFrame(FRAME);
    expect(sockets.frames).toEqual([MAIN, 9]);
    bundles.bundle(MAIN, 2, "receiver");
    sockets.full.delete(9);
    topic.publishFrame(FRAME);
    expect(sockets.frames.slice(2)).toEqual([9, 2]);
    topic.unsubscribe(MAIN);
    sockets.full.clear();
    topic.publishFrame(FRAME);
    expect(sockets.frames.slice(4)).toEqual([9]);
    topic.close();
  });

  test("of a sender leaves its news to the main socket, whose queue alone counts", () => {
    const { sockets, bundles } = bundleOf([2], "sender");
    sockets.full.add(MAIN);
    expect(bundles.buffered(MAIN)).toBe(100);
  });
});
