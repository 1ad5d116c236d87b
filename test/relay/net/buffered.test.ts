import { expect, test } from "bun:test";

import { LiveLimits } from "../../../relay/limits/limits.ts";
import { MemoryBudget } from "../../../relay/limits/memory-budget.ts";
import type { Socket } from "../../../relay/net/socket.ts";
import { Sockets } from "../../../relay/net/sockets.ts";
import type { SocketId } from "../../../relay/share/outlet.ts";
import { hasNative, memoryRoom } from "../../support/relay/log-rooms.ts";
import { randomId } from "../../support/relay/raw-client.ts";
import { framesUpTo } from "../../support/relay/raw-receiver.ts";
import { Stage } from "../../support/relay/stage.ts";

const MiB = 2 ** 20;

test.skipIf(!hasNative)(
  "frames that wait in memory have a budget, and sockets their turns for it",
  async () => {
    const settings = { frameBytes: MiB, blocks: 40, bufferedBytes: 4 * MiB, ofBun: true };
    await using stage = new Stage(settings);
    const [first, second, third, fourth] = [
      await stage.client(),
      await stage.client(),
      await stage.client(),
      await stage.client(),
    ];
    for (const { receiver } of [first, second, third, fourth]) receiver.socket.pause();
    const last = stage.fill(first.id);
    stage.fill(second.id);
    expect(stage.buffered(first.id).ofBun).toBeGreaterThan(0);
    // Two frames are in memory: the others get none, though their sockets are empty.
    expect([stage.send(third.id, 0), stage.send(fourth.id, 0)]).toEqual(["refused", "refused"]);
    expect(stage.buffered(third.id).inAll).toBe(0);

    const turns: string[] = [];
    const thirdTold = stage.drained(third.id).then(() => turns.push("third"));
    const fourthTold = stage.drained(fourth.id).then(() => turns.push("fourth"));
    first.receiver.socket.resume();
    await first.receiver.until(`frame ${last}`);
    await thirdTold;
    expect(stage.send(third.id, 0)).toBe("sent");
    await fourthTold;
    expect(turns).toEqual(["third", "fourth"]);
    expect(stage.send(fourth.id, 0)).toBe("sent");
    for (const { receiver } of [third, fourth]) {
      receiver.socket.resume();
      await receiver.until("frame 0");
      expect(receiver.frames).toEqual(framesUpTo(1));
    }
    // A line that breaks gives back what it had.
    const gone = stage.closed(second.id);
    second.receiver.socket.cut();
    await gone;
    expect(stage.fill(third.id, 1)).toBeGreaterThan(0);
    expect(stage.fill(fourth.id, 1)).toBeGreaterThan(0);
  },
);

test.skipIf(!hasNative)(
  "sockets of a topic hold no more memory together than there is, and get all of what they took",
  async () => {
    const settings = { frameBytes: MiB, blocks: 40, bufferedBytes: 6 * MiB };
    await using stage = new Stage({ ...settings, ofBun: true, publishes: true });
    const clients = [];
    for (let count = 0; count < 8; count++) clients.push(await stage.client());
    const topic = stage.sockets.newTopic();
    for (const { receiver, id } of clients) {
      receiver.socket.pause();
      topic.subscribe(id);
    }
    /** How many frames each took. */
    const took = new Map(clients.map(({ id }) => [id, 0]));
    const refused = new Set<SocketId>();
    for (let index = 0; topic.size > 0; index++) {
      const refusing = stage.publish(topic, index);
      for (const id of topic.sockets) {
        if (refusing.has(id)) refused.add(id);
        else took.set(id, index + 1);
        // As the lanes do.
        if (refusing.has(id) || stage.buffered(id).inAll > 0) topic.unsubscribe(id);
      }
    }
    const waiting = clients.filter(({ id }) => stage.buffered(id).ofBun > 0);
    expect(waiting.length).toBeGreaterThan(0);
    expect(waiting.length).toBeLessThanOrEqual(3);
    expect(refused.size).toBe(clients.length - waiting.length);
    for (const { receiver, id } of clients) {
      receiver.socket.resume();
      const all = took.get(id)!;
      if (all > 0) await receiver.until(`frame ${all - 1}`);
      expect(receiver.frames).toEqual(framesUpTo(all));
    }
    // There is room again, and nobody that waits is passed over.
    for (const id of refused) {
      if (stage.send(id, took.get(id)!) === "refused") await stage.drained(id);
    }
  },
);

test("a frame that left with a control message no longer counts as waiting", () => {
  using room = memoryRoom({ blocks: 1, blockBytes: MiB });
  const memory = new MemoryBudget(() => 0);
  const sockets = new Sockets({
    pool: room.pool,
    native: undefined,
    isSecure: false,
    clock: () => 0,
    limits: new LiveLimits(),
    memory,
    drained: () => undefined,
  });
  const client = { address: "", limitKey: undefined, origin: "http://relay" };
  const data = sockets.dataFor(client, null);
  let isFull = false;
  let left = 0;
  let isCut = false;
  const bun: Pick<Socket, "data" | "getBufferedAmount" | "sendBinary" | "terminate"> = {
    data,
    getBufferedAmount: () => left,
    sendBinary: () => {
      left = isFull ? 1 : 0;
      return isFull ? -1 : 1;
    },
    terminate: () => (isCut = true),
  };
  sockets.opened(bun as Socket);
  const presence = { t: "presence", share: randomId(), senderHere: true } as const;
  const frame = { block: 0, offset: 0, length: MiB, generation: 0 };
  // Each frame stays with Bun; the next message takes it along, and Bun tells of no drain in between.
  for (let times = 0; times < 3; times++) {
    isFull = true;
    expect(sockets.sendFrame(data.id, frame)).toBe("queued");
    isFull = false;
    sockets.send(data.id, presence);
  }
  isFull = true;
  sockets.send(data.id, presence);
  expect(isCut).toBe(false);
});
