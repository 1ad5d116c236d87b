import { afterEach, describe, expect, test } from "bun:test";
import { dlopen, ptr } from "bun:ffi";
import { FRAME_BYTES } from "../../../protocol/mod.ts";
import { MemoryBudget, STILL_BYTES } from "../../../relay/limits/memory-budget.ts";
import { DirectSender } from "../../../relay/net/sendfile.ts";
import type { RecordPlace } from "../../../relay/log/block-log.ts";
import type { Descriptor, PeerKey } from "../../../relay/system/connections.ts";
import type { SocketId } from "../../../relay/share/outlet.ts";
import { FileStore } from "../../../relay/log/store.ts";
import { freeBlocks, hasNative, nativeRoom } from "../../support/relay/log-rooms.ts";

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;

/** A sender of its own, over lines on which hardly anything is under way. */
class Play {
  readonly room = nativeRoom({ blocks: 4, blockBytes: FRAME_BYTES });
  now = 0;
  tcpUsed = 0;
  readonly drained: SocketId[] = [];
  onDrained = (): void => undefined;
  onTurn: (id: SocketId) => void = () => undefined;
  readonly failed: SocketId[] = [];
  onFailed = (): void => undefined;
  readonly direct: DirectSender;
  readonly memory = new MemoryBudget(() => 0);
  readonly #listener: Bun.TCPSocketListener;
  /** By the far end's port; either end may be open first. */
  readonly #peers = new Map<number, PromiseWithResolvers<PeerKey>>();
  #nearClosed = (): void => undefined;
  readonly #ends: { terminate(): void }[] = [];

  constructor() {
    const { native, pool } = this.room;
    if (!(pool.store instanceof FileStore)) throw new Error("no file");
    this.direct = new DirectSender({
      native,
      pool,
      store: pool.store,
      clock: () => this.now,
      tcpUsed: () => this.tcpUsed,
      enter: (id, kind) => {
        const nothing = (): void => undefined;
        return this.memory.enter({ address: `${id}`, room: nothing, cut: nothing }, kind);
      },
      events: {
        drained: (id) => {
          this.drained.push(id);
          this.onDrained();
        },
        turn: (id) => this.onTurn(id),
        failed: (id) => {
          this.failed.push(id);
          this.direct.detach(id);
          this.onFailed();
        },
      },
    });
    this.#listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: () => undefined,
        close: () => this.#nearClosed(),
        open: (socket) => {
          this.#ends.push(socket);
          const peer = native.keyOf(socket.remoteAddress, socket.remotePort);
          if (peer !== undefined) this.#peerAt(socket.remotePort).resolve(peer);
        },
      },
    });
  }

  /**
   * A line whose far end reads nothing; the near end as the kernel knows it.
   * @param hasRoom whether it takes whole frames all the same
   */
  async line(hasRoom = false): Promise<{
    readonly peer: PeerKey;
    readonly cut: () => Promise<void>;
    readonly resume: () => void;
    readonly came: Buffer[];
  }> {
    const came: Buffer[] = [];
    const far = await Bun.connect({
      hostname: "127.0.0.1",
      port: this.#listener.port,
      socket: { data: (_, bytes) => void came.push(bytes) },
    });
    far.pause();
    this.#ends.push(far);
    const peer = await this.#peerAt(far.localPort).promise;
    if (!hasRoom) limitSending(this.room.native.find(peer)!);
    const cut = async (): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#nearClosed = resolve;
      far.terminate();
      await promise;
    };
    return { peer, cut, resume: () => far.resume(), came };
  }

  #peerAt(port: number): PromiseWithResolvers<PeerKey> {
    const known = this.#peers.get(port) ?? Promise.withResolvers<PeerKey>();
    this.#peers.set(port, known);
    return known;
  }

  /** Where a frame lies. */
  frame(length = FRAME_BYTES): RecordPlace {
    const { pool } = this.room;
    const block = pool.take();
    if (block === undefined) throw new Error("no block");
    pool.write(block, 0, new Uint8Array(length));
    return { block, generation: pool.generation(block), offset: 0, length };
  }

  dispose(): void {
    for (const socket of this.#ends) socket.terminate();
    this.#listener.stop(true);
    this.direct.dispose();
    this.room[Symbol.dispose]();
  }
}

/** Leaves a socket so little room that nearly all of a frame stays with us. */
function limitSending(socket: Descriptor): void {
  const { symbols } = dlopen("libc.so.6", {
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  });
  const bytes = Int32Array.of(4096);
  if (symbols.setsockopt(socket, SOL_SOCKET, SO_SNDBUF, ptr(bytes), 4) !== 0) {
    throw new Error("setsockopt");
  }
}

/** The head of a binary message of 126 bytes or more. */
function headOf(length: number): Buffer {
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = 0x82;
  head[1] = head.length === 4 ? 126 : 127;
  head.writeUInt16BE(length % 65_536, head.length - 2);
  if (head.length > 4) head.writeUInt16BE(length >> 16, head.length - 4);
  return head;
}

const plays: Play[] = [];

afterEach(() => {
  for (const play of plays.splice(0)) play.dispose();
});

function newPlay(): Play {
  const play = new Play();
  plays.push(play);
  return play;
}

describe.skipIf(!hasNative)("sendfile (GNU/Linux)", () => {
  test("a socket that was never there is not ours to send to, nor one that was let go", async () => {
    const play = newPlay();
    const { direct } = play;
    const place = play.frame();
    direct.attach(1, play.room.native.keyOf("127.0.0.1", 1)!);
    expect(direct.send(1, place)).toBeUndefined();
    direct.attach(2, (await play.line()).peer);
    expect(direct.send(2, place)).toBe("queued");
    direct.detach(2);
    expect(direct.send(2, place)).toBeUndefined();
    expect(direct.left(2)).toBe(0);
    play.room.pool.giveBack(place.block);
    expect(freeBlocks(play.room.pool)).toBe(4);
  });

  test("a socket whose line is gone gets nothing, and neither does the next one with its descriptor", async () => {
    const play = newPlay();
    const { direct } = play;
    const { native } = play.room;
    const { peer, cut } = await play.line();
    const before = native.find(peer);
    direct.attach(1, peer);
    await cut();
    const others = [(await play.line()).peer, (await play.line()).peer, (await play.line()).peer];
    // The test says something only when the kernel gave the number away again.
    expect(others.map((other) => native.find(other))).toContain(before);
    expect(direct.send(1, play.frame())).toBe("refused");
    expect(direct.left(1)).toBe(0);
  });

  test("a frame goes from memory, and by the log alone what its socket does not take at once", async () => {
    const play = newPlay();
    const { direct } = play;
    const { pool } = play.room;
    const { peer, resume, came } = await play.line();
    direct.attach(1, peer);
    const frame = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
    const [small, large] = [frame(1000), Buffer.concat([frame(60_000), Buffer.alloc(900_000, 7)])];
    const never = (): undefined => expect.unreachable("the socket had room");
    const drained = new Promise<void>((resolve) => (play.onDrained = resolve));
    let place: RecordPlace | undefined;
    expect(direct.pass(1, small, never)).toBe("sent");
    expect(
      direct.pass(1, large, () => {
        place = play.frame(large.length);
        pool.write(place.block, 0, large);
        return place;
      }),
    ).toBe("queued");
    expect(direct.left(1)).toBeGreaterThan(0);
    // The memory holds another frame by now, and the log gave the block back.
    const sent = Buffer.concat([headOf(1000), small, headOf(large.length), large]);
    small.fill(0);
    large.fill(0);
    pool.giveBack(place!.block);
    resume();
    await drained;
    while (Buffer.concat(came).length < sent.length) await Bun.sleep(1);
    expect(Buffer.concat(came).equals(sent)).toBe(true);
    expect(freeBlocks(pool)).toBe(4);
  });

  test("a frame goes from memory to all that have room, and the log has the rest for the others", async () => {
    const play = newPlay();
    const { direct } = play;
    const { pool } = play.room;
    const [ready, full, gone] = [await play.line(true), await play.line(), await play.line()];
    for (const [at, { peer }] of [ready, full, gone].entries()) direct.attach(at + 1, peer);
    await gone.cut();
    const memory = crypto.getRandomValues(new Uint8Array(60_000));
    const place = play.frame(memory.length);
    pool.write(place.block, 0, memory);
    const sent = Buffer.concat([headOf(memory.length), memory]);
    const results = [1, 2, 3].map((id) => direct.send(id, { ...place, memory }));
    expect(results).toEqual(["sent", "queued", "refused"]);
    // The memory holds another frame by now, and the log gave the block back.
    memory.fill(0);
    pool.giveBack(place.block);
    expect(freeBlocks(pool)).toBe(3);
    const drained = new Promise<void>((resolve) => (play.onDrained = resolve));
    ready.resume();
    full.resume();
    await drained;
    for (const { came } of [ready, full]) {
      while (Buffer.concat(came).length < sent.length) await Bun.sleep(1);
      expect(Buffer.concat(came).equals(sent)).toBe(true);
    }
    expect(freeBlocks(pool)).toBe(4);
  });

  test("a socket is given up in which half a frame is, and the log has no room for the rest", async () => {
    const play = newPlay();
    const { direct } = play;
    direct.attach(1, (await play.line()).peer);
    const failed = new Promise<void>((resolve) => {
      play.onFailed = resolve;
    });
    expect(direct.pass(1, new Uint8Array(FRAME_BYTES), () => undefined)).toBe("queued");
    // Other messages wait behind it until then.
    expect(direct.left(1)).toBeGreaterThan(0);
    await failed;
    expect(play.failed).toEqual([1]);
  });

  test("goes on at each of more sockets than are told of at once, when it has room", async () => {
    const play = newPlay();
    const { direct } = play;
    const { pool } = play.room;
    const place = play.frame(300_000);
    const lines = 300;
    const opened: { resume: () => void }[] = [];
    for (let id = 1; id <= lines; id++) {
      const line = await play.line();
      opened.push(line);
      direct.attach(id, line.peer);
      expect(direct.send(id, place)).toBe("queued");
    }
    pool.giveBack(place.block);
    expect(freeBlocks(pool)).toBe(3);
    const all = new Promise<void>((resolve) => {
      play.onDrained = () => play.drained.length === lines && resolve();
    });
    for (const { resume } of opened) resume();
    await all;
    expect(play.drained.toSorted((a, b) => a - b)).toEqual(opened.map((_, at) => at + 1));
    expect(play.failed).toEqual([]);
    expect(freeBlocks(pool)).toBe(4);
  });

  test("frames wait in order where TCP has no memory for more, and some leave all the same", async () => {
    const play = newPlay();
    const { direct } = play;
    const lines = 200;
    for (let id = 1; id <= lines; id++) direct.attach(id, (await play.line(true)).peer);
    play.tcpUsed = 2;
    const place = play.frame();
    const results = Array.from({ length: lines }, (_, at) => direct.send(at + 1, place));
    const left = results.indexOf("refused");
    expect(left).toBe(3);
    expect(results.slice(left)).toEqual(Array.from({ length: lines - left }, () => "refused"));
    expect([1, 4, lines].map((id) => direct.isWaiting(id))).toEqual([false, true, true]);
    const given: SocketId[] = [];
    const small = play.frame(1000);
    play.onTurn = (id) => {
      if (direct.send(id, small) === "sent") given.push(id);
    };
    direct.tick();
    expect(given).toEqual([]);
    direct.detach(5);
    play.tcpUsed = 0.9;
    direct.tick();
    expect(given).toEqual([4, ...Array.from({ length: lines - 5 }, (_, at) => at + 6)]);
    expect(direct.isWaiting(lines)).toBe(false);
  });

  test("is copied as far as memory is for it when it holds the pool up, and the rest is cut", async () => {
    const play = newPlay();
    const { direct } = play;
    const { pool } = play.room;
    const places = [play.frame(), play.frame()];
    const lines = 64;
    const left = new Map<SocketId, number>();
    for (let id = 1; id <= lines; id++) {
      direct.attach(id, (await play.line()).peer);
      expect(direct.send(id, places[id % 2]!)).toBe("queued");
    }
    for (let id = 1; id <= lines; id++) left.set(id, direct.left(id));
    const copied = (): number => {
      return [...left.keys()].reduce((total, id) => total + direct.copied(id), 0);
    };
    const sum = [...left.values()].reduce((total, bytes) => total + bytes, 0);
    expect(sum).toBeGreaterThan(STILL_BYTES);
    // However many there are: the log has both records still, or there are others enough.
    direct.tick();
    direct.tick();
    pool.giveBack(places[0]!.block);
    direct.tick();
    expect(copied()).toBe(0);
    expect(play.failed).toEqual([]);
    pool.giveBack(places[1]!.block);
    expect(freeBlocks(pool)).toBe(2);
    direct.tick();
    // None of them has shown that it takes anything.
    expect(copied()).toBeLessThanOrEqual(STILL_BYTES);
    expect(copied()).toBeGreaterThan(STILL_BYTES - FRAME_BYTES);
    expect(play.failed.length).toBeGreaterThan(0);
    const cut = play.failed.reduce((total, id) => total + direct.left(id), 0);
    const leftNow = [...left.keys()].reduce((total, id) => total + direct.left(id), 0);
    expect(copied() + cut).toBe(leftNow);
    expect(freeBlocks(pool)).toBe(4);
  });
});
