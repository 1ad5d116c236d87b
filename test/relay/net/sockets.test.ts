import { describe, expect, test } from "bun:test";
import { FAULTS, PING_MS } from "../../../protocol/mod.ts";
import { DEFAULT_LIMITS } from "../../../relay/limits/operator-limits.ts";
import { CLOSE_MS } from "../../../relay/limits/limits.ts";
import { freeBlocks, hasNative } from "../../support/relay/log-rooms.ts";
import { framesUpTo } from "../../support/relay/raw-receiver.ts";
import { Stage } from "../../support/relay/stage.ts";
import { PONG } from "../../support/relay/strict-socket.ts";

const IDLE_MS = DEFAULT_LIMITS["idle-timeout"];

const MiB = 2 ** 20;
const BLOCKS = 40;

/** A client that does not read: a frame stays on its way, in a block that stays as it is. */
async function stalled(): Promise<{
  stage: Stage;
  client: Awaited<ReturnType<Stage["client"]>>;
  /** The record on its way. */
  index: number;
}> {
  const stage = new Stage({ frameBytes: MiB, blocks: BLOCKS });
  const client = await stage.client();
  client.receiver.socket.pause();
  return { stage, client, index: stage.fill(client.id) };
}

describe.skipIf(!hasNative)("sockets that the kernel sends to (GNU/Linux)", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["0.0.0.0", "127.0.0.1"],
    ["::", "127.0.0.1"],
    ["::", "::1"],
    ["::1", "::1"],
  ])("are found at %s for a client from %s", async (hostname, comes) => {
    await using stage = new Stage({ hostname, frameBytes: MiB, blocks: BLOCKS });
    const others = [await stage.client(comes), await stage.client(comes)];
    const { receiver, id } = await stage.client(comes);
    receiver.socket.pause();
    const index = stage.fill(id);
    const { ofBun, inAll } = stage.buffered(id);
    expect(ofBun).toBe(0);
    expect(inAll).toBeGreaterThan(0);
    receiver.socket.resume();
    await receiver.until(`frame ${index}`);
    expect(receiver.frames).toEqual(framesUpTo(index + 1));
    for (const other of others) expect(other.receiver.events).toEqual(["offers"]);
  });

  test.each([
    ["get frames from the kernel once they are found", 0],
    ["are sent to by Bun if they are not found for long", 1000],
  ])("that are not found when they come %s", async (_, missingMs) => {
    await using stage = new Stage({ frameBytes: MiB, blocks: BLOCKS });
    stage.rest(true);
    const { receiver, id } = await stage.client();
    receiver.socket.pause();
    expect(stage.send(id, 0)).toBe("refused");
    const drained = stage.drained(id);
    if (missingMs === 0) stage.rest(false);
    stage.tick(missingMs);
    await drained;
    const last = stage.fill(id);
    const { ofBun, inAll } = stage.buffered(id);
    expect(inAll).toBeGreaterThan(0);
    expect(ofBun > 0).toBe(missingMs > 0);
    receiver.socket.resume();
    await receiver.until(`frame ${last}`);
    expect(receiver.frames).toEqual(framesUpTo(last + 1));
  });

  test("say what was said amid a frame after it, and go on with frames after that", async () => {
    const { stage, client, index } = await stalled();
    await using _ = stage;
    const { receiver, id } = client;
    stage.say(id, false);
    stage.say(id, true);
    const drained = stage.drained(id);
    receiver.socket.resume();
    await drained;
    expect(stage.send(id, index + 1)).not.toBe("refused");
    await receiver.until(`frame ${index + 1}`);
    expect(receiver.events.slice(1)).toEqual([
      ...framesUpTo(index + 1),
      "presence false",
      "presence true",
      `frame ${index + 1}`,
    ]);
  });

  test.each([
    ["while a frame of it is on its way", true],
    ["until the line breaks amid a frame", false],
  ])("hold a block %s, and no longer", async (_, isWhole) => {
    const { stage, client, index } = await stalled();
    await using _stage = stage;
    stage.log.destroy();
    expect(freeBlocks(stage.pool)).toBe(BLOCKS - 1);
    const over = isWhole ? stage.drained(client.id) : stage.closed(client.id);
    if (isWhole) client.receiver.socket.resume();
    else client.receiver.socket.cut();
    await over;
    expect(freeBlocks(stage.pool)).toBe(BLOCKS);
    expect(stage.size).toBe(isWhole ? 1 : 0);
    if (!isWhole) return;
    await client.receiver.until(`frame ${index}`);
    expect(client.receiver.frames).toEqual(framesUpTo(index + 1));
  });

  test("that fail amid a frame say why after it, take nothing more, and hold nothing", async () => {
    const { stage, client, index } = await stalled();
    await using _ = stage;
    const { receiver, id } = client;
    stage.say(id, true);
    stage.sockets.fail(id, "replaced");
    stage.say(id, false);
    expect(stage.send(id, 0)).toBe("refused");
    stage.log.destroy();
    const closed = stage.closed(id);
    receiver.socket.resume();
    await closed;
    expect(freeBlocks(stage.pool)).toBe(BLOCKS);
    await receiver.socket.closed;
    expect(receiver.events.slice(1)).toEqual([
      ...framesUpTo(index + 1),
      "presence true",
      "fault replaced",
      `close ${FAULTS.replaced.closeCode}`,
    ]);
  });

  test("that fail amid a frame and never read on are cut off in time", async () => {
    const { stage, client } = await stalled();
    await using _ = stage;
    stage.log.destroy();
    stage.sockets.fail(client.id, "replaced");
    stage.tick(CLOSE_MS - 1);
    expect(stage.size).toBe(1);
    const closed = stage.closed(client.id);
    stage.tick(1);
    await closed;
    expect(freeBlocks(stage.pool)).toBe(BLOCKS);
  });

  test("are cut off when more is said amid a frame than may wait", async () => {
    const { stage, client } = await stalled();
    await using _ = stage;
    const closed = stage.closed(client.id);
    let said = 0;
    while (stage.size > 0) {
      stage.say(client.id, said % 2 === 0);
      said++;
    }
    await closed;
    // A presence has more than 32 bytes, and 256 KiB may wait.
    expect(said).toBeGreaterThan(1000);
    expect(said).toBeLessThan(10_000);
  });

  test("let go of blocks that are held up by them, and get the frames as they were", async () => {
    const stage = new Stage({ frameBytes: MiB, blocks: 8 });
    await using _ = stage;
    const clients = [await stage.client(), await stage.client(), await stage.client()];
    for (const { receiver } of clients) receiver.socket.pause();
    // Each has another record on its way.
    const stalls = clients.map(({ id }, at) => stage.fill(id, 30 * at));
    stage.shut();
    // Frames that the log still has count for no client.
    stage.tick();
    stage.tick();
    expect(stage.sockets.bufferedOfAll()).toEqual({ sum: 0, most: 0 });
    stage.log.destroy();
    expect(freeBlocks(stage.pool)).toBe(5);
    const left = clients.map(({ id }) => stage.buffered(id).inAll);
    stage.tick();
    expect(clients.map(({ id }) => stage.buffered(id).inAll)).toEqual(left);
    expect(stage.sockets.bufferedOfAll()).toEqual({
      sum: left.reduce((sum, bytes) => sum + bytes, 0),
      most: Math.max(...left),
    });
    // Others need all, and write them full.
    const taken: number[] = [];
    for (let block = stage.pool.take(); block !== undefined; block = stage.pool.take()) {
      taken.push(block);
      stage.pool.write(block, 0, new Uint8Array(MiB).fill(0xee));
    }
    expect(taken).toHaveLength(8);
    stage.open();
    const drained = clients.map(({ id }) => stage.drained(id));
    for (const { receiver } of clients) receiver.socket.resume();
    await Promise.all(drained);
    expect(stage.sockets.bufferedOfAll()).toEqual({ sum: 0, most: 0 });
    for (const [at, { receiver }] of clients.entries()) {
      await receiver.until(`frame ${stalls[at]}`);
      expect(receiver.frames).toEqual(framesUpTo(stalls[at]! + 1, 30 * at));
    }
  });

  test("are pinged when they say nothing, and given up when they stay silent", async () => {
    await using stage = new Stage({ frameBytes: 100 });
    const { receiver, id } = await stage.client();
    stage.tick(PING_MS - 1);
    stage.send(id, 0);
    stage.tick(1);
    await receiver.until("ping");
    expect(receiver.events).toEqual(["offers", "frame 0", "ping"]);
    stage.tick(PING_MS - 1);
    stage.tick(IDLE_MS - 2 * PING_MS);
    expect(stage.size).toBe(1);
    const closed = stage.closed(id);
    stage.tick(1);
    await closed;
    expect(await receiver.socket.closed).toBeUndefined();
    expect(receiver.events.filter((event) => event === "ping").length).toBeLessThanOrEqual(2);
  });

  test("are kept when they answer pings", async () => {
    await using stage = new Stage({ frameBytes: 100 });
    const { receiver, id } = await stage.client();
    stage.tick(PING_MS);
    await receiver.until("ping");
    const heard = stage.heard(id);
    receiver.socket.send(new Uint8Array(0), PONG);
    await heard;
    stage.tick(IDLE_MS - 1);
    expect(stage.size).toBe(1);
    stage.send(id, 0);
    await receiver.until("frame 0");
  });

  test("are not pinged amid a frame", async () => {
    const { stage, client, index } = await stalled();
    await using _ = stage;
    stage.shut();
    stage.tick(PING_MS);
    stage.tick(1);
    stage.open();
    const drained = stage.drained(client.id);
    client.receiver.socket.resume();
    await drained;
    stage.tick(1);
    await client.receiver.until("ping");
    expect(client.receiver.events.slice(1)).toEqual([...framesUpTo(index + 1), "ping"]);
  });
});
