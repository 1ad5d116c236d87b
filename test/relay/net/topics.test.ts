import { describe, expect, test } from "bun:test";
import { FRAME_BYTES, FRAME_HEADER_BYTES, type Message } from "../../../protocol/mod.ts";
import {
  SocketTopic,
  type SharedFrames,
  type TopicHost,
  type TopicSocket,
} from "../../../relay/net/topics.ts";
import type { SocketId } from "../../../relay/share/outlet.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { framesUpTo } from "../../support/relay/raw-receiver.ts";
import { ServedShare } from "../../support/relay/served-share.ts";
import { StrictSocket, type Received } from "../../support/relay/strict-socket.ts";

const PLACE = { block: 0, offset: 0, length: 100, generation: 0 };
const PRESENCE: Message = { t: "presence", share: new Uint8Array(16), senderHere: true };

/** Sockets 1 to `count` with Bun's topics; `lines` tells what they got, by whichever way. */
class Sockets implements TopicHost<TopicSocket>, SharedFrames<TopicSocket> {
  publishes = true;
  atOnceBytes = PLACE.length;
  /** Frames that may wait in one call. */
  fitting = 10;
  readonly busy = new Set<SocketId>();
  readonly refusing = new Set<SocketId>();
  readonly lines: string[] = [];
  readonly #subscribed = new Set<SocketId>();
  readonly #sockets = new Map<SocketId, TopicSocket>();

  constructor(count: number) {
    const publisher: TopicSocket["data"]["publisher"] = {
      publish: (_topic, data) => {
        const isFrame = data instanceof Uint8Array && data.length === PLACE.length;
        const sockets = [...this.#subscribed].toSorted((one, other) => one - other).join(" ");
        this.lines.push(`${isFrame ? "frame" : "message"} for ${sockets}`);
        return 0;
      },
    };
    for (let id = 1; id <= count; id++) {
      this.#sockets.set(id, {
        data: { publisher },
        subscribe: () => this.#subscribed.add(id).has(id),
        unsubscribe: () => this.#subscribed.delete(id),
      });
    }
  }

  shared(id: SocketId): TopicSocket | undefined {
    return this.busy.has(id) ? undefined : this.#sockets.get(id);
  }

  sendFrame(id: SocketId): "sent" | "refused" {
    if (this.refusing.has(id)) return "refused";
    this.lines.push(`frame to ${id}`);
    return "sent";
  }

  sendPacked(id: SocketId): void {
    this.lines.push(`message to ${id}`);
  }

  noteGiven(): void {
    // The memory of sockets is tested with them.
  }

  view(): Uint8Array {
    return new Uint8Array(PLACE.length);
  }

  fits(_socket: TopicSocket, _place: unknown, others: number): boolean {
    return others < this.fitting;
  }
}

function topicOf(sockets: Sockets, count: number): SocketTopic<TopicSocket> {
  const topic = new SocketTopic("t", sockets, sockets);
  for (let id = 1; id <= count; id++) topic.subscribe(id);
  return topic;
}

describe("a topic of Bun", () => {
  test("gives a frame and a message to all sockets in one call, and not to one that left", () => {
    const sockets = new Sockets(3);
    const topic = topicOf(sockets, 3);
    expect([...topic.publishFrame(PLACE)]).toEqual([]);
    topic.publish(PRESENCE);
    topic.unsubscribe(2);
    topic.publishFrame(PLACE);
    topic.close();
    topic.publishFrame(PLACE);
    expect(sockets.lines).toEqual(["frame for 1 2 3", "message for 1 2 3", "frame for 1 3"]);
    expect(topic.size).toBe(0);
  });

  test("gives nothing to a socket for which something waits, but lets it get its own", () => {
    const sockets = new Sockets(4);
    const topic = topicOf(sockets, 4);
    topic.publishFrame(PLACE);
    sockets.busy.add(2).add(4);
    sockets.refusing.add(4);
    expect([...topic.publishFrame(PLACE)]).toEqual([4]);
    topic.publish(PRESENCE);
    sockets.busy.clear();
    topic.publishFrame(PLACE);
    expect(sockets.lines).toEqual([
      "frame for 1 2 3 4",
      "frame for 1 3",
      "frame to 2",
      "message for 1 3",
      "message to 2",
      "message to 4",
      "frame for 1 2 3 4",
    ]);
  });

  test("gives a frame to no more sockets at once than there is memory for if none takes it", () => {
    const sockets = new Sockets(5);
    const topic = topicOf(sockets, 5);
    sockets.fitting = 2;
    topic.publishFrame(PLACE);
    sockets.fitting = 0;
    topic.publishFrame(PLACE);
    expect(sockets.lines).toEqual([
      "frame for 1 2",
      "frame for 3 4",
      "frame for 5",
      ...[1, 2, 3, 4, 5].map((id) => `frame to ${id}`),
    ]);
  });

  test.each(["a frame so small that Bun keeps it back", "a relay whose sockets do better alone"])(
    "leaves it to each socket to get %s",
    (what) => {
      const sockets = new Sockets(2);
      const topic = topicOf(sockets, 2);
      if (what.startsWith("a relay")) sockets.publishes = false;
      else sockets.atOnceBytes = PLACE.length + 1;
      topic.publishFrame(PLACE);
      expect(sockets.lines).toEqual(["frame to 1", "frame to 2"]);
    },
  );
});

/** A server of Bun with one socket in the topic `t`, and a client that reads as it is told. */
async function published(backpressureLimit: number): Promise<
  AsyncDisposable & {
    server: Bun.Server<undefined>;
    socket: Bun.ServerWebSocket;
    line: StrictSocket;
    got: Received[];
    heard: Promise<void>;
  }
> {
  const stack = new AsyncDisposableStack();
  const opened = Promise.withResolvers<Bun.ServerWebSocket>();
  const heard = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, each) => (each.upgrade(request) ? undefined : new Response()),
    websocket: {
      backpressureLimit,
      open: (socket) => opened.resolve(socket),
      message: () => undefined,
    },
  });
  stack.defer(() => server.stop(true));
  const got: Received[] = [];
  const line = await StrictSocket.open("127.0.0.1", server.port!, (message) => {
    got.push(message);
    heard.resolve();
  });
  stack.use(line);
  const socket = await opened.promise;
  socket.subscribe("t");
  const [dispose, { promise }] = [(): Promise<void> => stack.disposeAsync(), heard];
  return { server, socket, line, got, heard: promise, [Symbol.asyncDispose]: dispose };
}

describe("Bun, on which the topics of the relay lean,", () => {
  test("loses what it publishes to a socket over its limit", async () => {
    const frame = new Uint8Array(FRAME_BYTES);
    await using given = await published(FRAME_BYTES);
    const { server, socket, line } = given;
    line.pause();
    while (socket.getBufferedAmount() <= FRAME_BYTES) {
      expect(server.publish("t", frame, false)).not.toBe(0);
    }
    const before = socket.getBufferedAmount();
    expect(server.publish("t", frame, false)).toBe(0);
    expect(socket.getBufferedAmount()).toBe(before);
  });

  test("publishes to the sockets of a server that listens no more", async () => {
    await using given = await published(FRAME_BYTES);
    const { server, heard, got } = given;
    void server.stop();
    // Its result changes in the course of that.
    server.publish("t", Uint8Array.of(7), false);
    await heard;
    expect(got.map(({ payload }) => payload.toString("hex"))).toEqual(["07"]);
  });

  test("publishes a small message to a socket that leaves in the same turn", async () => {
    await using given = await published(FRAME_BYTES);
    const { server, socket, heard, got } = given;
    server.publish("t", Uint8Array.of(7), false);
    socket.unsubscribe("t");
    await heard;
    expect(got.map(({ payload }) => payload.toString("hex"))).toEqual(["07"]);
  });
});

const RECORD = FRAME_BYTES - FRAME_HEADER_BYTES;
const authority = new Authority();

describe.each(["copies each frame", "encrypts each frame"])("a relay that %s", (how) => {
  test.each([1, 2])(
    "serves receivers that are there, late, stopped for a while and gone, byte for byte (workers: %d)",
    async (workers) => {
      using folder = temporaryFolder();
      const tls = how.startsWith("encrypts") && writeCertificate(folder.path, authority.issue());
      const records = 24;
      const options = {
        workers,
        logBytes: 8 * FRAME_BYTES,
        ...(tls ? { tls } : { zeroCopy: false }),
      };
      await using served = await ServedShare.open(records, RECORD, options);
      const live = await Promise.all([1, 2, 3].map(() => served.receiver()));
      const stalls = await served.receiver();
      const goes = await served.receiver();
      for (const receiver of [...live, stalls, goes]) receiver.join();
      await stalls.until("frame 0");
      stalls.socket.pause();
      await goes.until("frame 0");
      goes.socket.cut();
      const [first, ...others] = live;
      const early = others.map((receiver) => receiver.takeAll());
      for (let next = 0; next < records / 2; next++) {
        await first!.until(`frame ${next}`);
        first!.ack(next + 1);
      }
      const late = await served.receiver();
      late.join();
      await Promise.all([...early, first!.takeAll(records / 2), late.takeAll()]);
      stalls.socket.resume();
      await stalls.takeAll();
      for (const { frames } of [...live, late, stalls]) expect(frames).toEqual(framesUpTo(records));
    },
  );
});
