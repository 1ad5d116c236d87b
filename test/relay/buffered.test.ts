import { expect, test } from "bun:test";

import { framesUpTo } from "./raw-receiver.ts";
import { hasNative } from "./log-rooms.ts";
import { Stage } from "./stage.ts";

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
