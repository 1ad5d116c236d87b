/** The further connections of a client, at relays that a test plays. */
import { describe, expect, test } from "bun:test";

import {
  decodeControl,
  encodeControl,
  encodeFrame,
  helloMessage,
  type Message,
  type MessageOf,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { SessionLink } from "../../../cli/connection/session-link.ts";
import { RelayLink } from "../../../cli/connection/relay-link.ts";
import { FurtherLinks, SentRecords } from "../../../cli/connection/further-links.ts";

const SESSION = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const OTHER = Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1);
const signer = nodePrimitives.signer(new Uint8Array(32));

type Socket = Bun.ServerWebSocket;

/** A relay's answer to a hello with `of`. */
type Answer = (hello: MessageOf<"hello">) => Message;

const welcome = (session: Uint8Array): Message => {
  return { t: "welcome", v: 2, session, limits: { frame: 1024, window: 16, credit: 16 } };
};

/** A relay that greets, and answers further connections as it is told. */
class PlayedRelay implements AsyncDisposable {
  readonly furtherHellos: MessageOf<"hello">[] = [];
  readonly sockets: Socket[] = [];
  closed = 0;
  readonly #waiting = new Set<() => void>();
  readonly #server: Bun.Server<undefined>;

  constructor(answer: Answer) {
    this.#server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) => {
        return server.upgrade(request, { data: undefined }) ? undefined : new Response("no");
      },
      websocket: {
        open: (socket) => {
          this.sockets.push(socket);
          socket.sendBinary(encodeControl({ t: "challenge", nonce: new Uint8Array(32) }));
          this.#wake();
        },
        message: (socket, bytes) => {
          if (typeof bytes === "string") throw new Error("text");
          const message = decodeControl(bytes, "stranger");
          if (message.t !== "hello") throw new Error(message.t);
          const isMain = message.of === undefined;
          if (!isMain) this.furtherHellos.push(message);
          socket.sendBinary(encodeControl(isMain ? welcome(SESSION) : answer(message)));
          this.#wake();
        },
        close: () => {
          this.closed++;
          this.#wake();
        },
      },
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#server.port}/ws`;
  }

  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** A receiver's link with so many connections. */
function linkTo(relay: PlayedRelay, connections: number) {
  const frames: Uint8Array[] = [];
  const lost: number[] = [];
  const { promise: welcomed, resolve } = Promise.withResolvers<void>();
  const link = new SessionLink(
    { relay: relay.url, route: "option", limit: undefined, connections },
    {
      opened: () => undefined,
      lost: () => undefined,
      furtherLost: () => lost.push(1),
      message: (bytes) => {
        if (bytes[0] === 0xc1) {
          frames.push(bytes.slice());
          return;
        }
        const message = decodeControl(bytes, "relay-to-receiver");
        if (message.t === "challenge") link.control(helloMessage(message, "receiver", { signer }));
        if (message.t !== "welcome") return;
        const { session } = message;
        link.extend({ session, role: "receiver", introduction: { signer } });
        resolve();
      },
    },
  );
  link.connect();
  return { link, frames, lost, welcomed };
}

describe("further connections", () => {
  test("prove the code each for itself, and name the session", async () => {
    await using relay = new PlayedRelay(() => welcome(SESSION));
    const { link, welcomed } = linkTo(relay, 4);
    await welcomed;
    await relay.until(() => relay.furtherHellos.length === 3);
    for (const { of, role, signature } of relay.furtherHellos) {
      expect(of).toEqual(SESSION);
      expect(role).toBe("receiver");
      expect(signature).toHaveLength(64);
    }
    link.disconnect();
    await relay.until(() => relay.closed === 4);
  });

  test("are none at a relay of before, which answers with another session", async () => {
    await using relay = new PlayedRelay(() => welcome(OTHER));
    const { link, welcomed, lost } = linkTo(relay, 4);
    await welcomed;
    await relay.until(() => relay.closed === 3);
    expect(link.isSeveral).toBe(false);
    expect(lost).toEqual([]);
    expect(link.buffered).toBe(0);
    link.disconnect();
  });

  test("are tried a few times where they come to another worker, and then no more", async () => {
    const fault: Message = { t: "fault", code: "not-here", message: "", retry: true };
    await using relay = new PlayedRelay(() => fault);
    const { link, welcomed, lost } = linkTo(relay, 2);
    await welcomed;
    await relay.until(() => relay.closed === 6);
    expect(relay.furtherHellos).toHaveLength(6);
    expect(lost).toEqual([]);
    expect(relay.sockets).toHaveLength(7);
    link.disconnect();
  });

  test("are tried no more at a relay that is full", async () => {
    const full: Message = { t: "fault", code: "too-many", message: "", retry: true };
    const elsewhere: Message = { t: "fault", code: "not-here", message: "", retry: true };
    let answers = 0;
    await using relay = new PlayedRelay(() => (++answers === 1 ? elsewhere : full));
    const { link, welcomed, lost } = linkTo(relay, 2);
    await welcomed;
    await relay.until(() => relay.closed === 2);
    // Another relay is tried several times meanwhile.
    await using other = new PlayedRelay(() => elsewhere);
    const { link: tried } = linkTo(other, 2);
    await other.until(() => other.closed === 6);
    expect(relay.furtherHellos).toHaveLength(2);
    expect(lost).toEqual([]);
    link.disconnect();
    tried.disconnect();
  });

  test("give up on one that says what only the main one may say", async () => {
    await using relay = new PlayedRelay(() => ({ t: "offers", list: [] }));
    const { link, welcomed, frames } = linkTo(relay, 2);
    await welcomed;
    await relay.until(() => relay.closed > 0);
    expect(frames).toEqual([]);
    link.disconnect();
  });

  test("take no frame before they are welcomed", async () => {
    const frame = encodeFrame(new Uint8Array(16), 0, false, new Uint8Array(20));
    await using relay = new PlayedRelay(({ of }) => {
      relay.sockets.at(-1)?.sendBinary(frame);
      return welcome(of ?? OTHER);
    });
    const { link, welcomed, frames, lost } = linkTo(relay, 2);
    await welcomed;
    await relay.until(() => relay.furtherHellos.length === 1);
    relay.sockets.at(-1)?.close();
    await relay.until(() => relay.furtherHellos.length === 2);
    expect(frames).toEqual([]);
    // It had been welcomed, and its loss is told once.
    expect(lost).toEqual([1]);
    link.disconnect();
  });
});

describe("connections that open before they are needed", () => {
  test("say nothing before the main one is welcomed, and then name its session", async () => {
    await using relay = new PlayedRelay(() => welcome(SESSION));
    let online = 0;
    const links = new FurtherLinks({
      wanted: 3,
      open: (events) => new RelayLink(relay.url, events, performance.now(), { isFurther: true }),
      frame: () => undefined,
      joined: () => void online++,
      lost: () => undefined,
    });
    await relay.until(() => relay.sockets.length === 3);
    expect(relay.furtherHellos).toEqual([]);
    expect(links.mayCarry).toBe(false);
    links.join({ session: SESSION, role: "receiver", introduction: { signer } });
    await relay.until(() => relay.furtherHellos.length === 3);
    expect(relay.furtherHellos.map(({ of }) => of)).toEqual([SESSION, SESSION, SESSION]);
    links.drop();
    await relay.until(() => relay.closed === relay.sockets.length);
  });

  test("end when a relay goes on talking, and keep nothing of it", async () => {
    await using relay = new PlayedRelay(() => welcome(SESSION));
    const link = new SessionLink({ relay: relay.url, route: "option", limit: undefined });
    link.connectAhead();
    await relay.until(() => relay.sockets.length === 1);
    relay.sockets[0]?.sendBinary(new Uint8Array(1024 ** 2));
    await relay.until(() => relay.closed === 1);
    const told: string[] = [];
    const { promise: challenged, resolve } = Promise.withResolvers<void>();
    link.serve({
      opened: () => told.push("opened"),
      lost: () => told.push("lost"),
      message: (bytes) => {
        told.push(decodeControl(bytes, "relay-to-receiver").t);
        resolve();
      },
    });
    link.connect();
    await challenged;
    expect(told).toEqual(["opened", "challenge"]);
    expect(relay.sockets).toHaveLength(2);
    link.disconnect();
    await relay.until(() => relay.closed === 2);
  });

  test("tell their user later what happened, and open no other", async () => {
    await using relay = new PlayedRelay(() => welcome(SESSION));
    const link = new SessionLink({ relay: relay.url, route: "option", limit: undefined });
    link.connectAhead();
    await relay.until(() => relay.sockets.length === 1);
    const told: string[] = [];
    const { promise: welcomed, resolve } = Promise.withResolvers<void>();
    link.serve({
      opened: () => told.push("opened"),
      lost: () => told.push("lost"),
      message: (bytes) => {
        const message = decodeControl(bytes, "relay-to-receiver");
        told.push(message.t);
        if (message.t === "challenge") link.control(helloMessage(message, "receiver", { signer }));
        else resolve();
      },
    });
    expect(told).toEqual([]);
    link.connect();
    await welcomed;
    expect(told).toEqual(["opened", "challenge", "welcome"]);
    expect(relay.sockets).toHaveLength(1);
    // The next one is another.
    link.connect();
    await relay.until(() => relay.sockets.length === 2);
    link.disconnect();
    await relay.until(() => relay.closed === 2);
  });
});

test("a sender remembers a bounded number of records, each by its connection", () => {
  const sent = new SentRecords();
  for (let index = 0; index < 300; index++) sent.note(index % 2 === 0 ? "one" : "other", index);
  expect(sent.by("one")).toHaveLength(64);
  expect(sent.by("other").at(-1)).toBe(299);
  expect(sent.by("third")).toEqual([]);
});
