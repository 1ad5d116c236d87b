/** The hub with senders whose shares another relay stores, and no sockets: who hears what they say, and who reads them. */
import { describe, expect, test } from "bun:test";
import {
  FaultError,
  encodeControl,
  isFrame,
  toHex,
  type Message,
  type MessageOf,
} from "../../../protocol/mod.ts";
import { decodeControl } from "../../../protocol/wire/control.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../../../relay/cluster/proof.ts";
import { decodeFromEdge } from "../../../relay/cluster/wire.ts";
import { BlockPool, createPool } from "../../../relay/log/block-pool.ts";
import {
  ACCEPT_MS,
  ANSWER_MS,
  type ForwardEvents,
  type ForwardLine,
  type ForwardTarget,
} from "../../../relay/share/forwarded.ts";
import { Hub } from "../../../relay/share/hub.ts";
import type { ToDirectory, ToStoreBook } from "../../../relay/share/messages.ts";
import {
  SingleSends,
  type Outlet,
  type SocketId,
  type Topic,
} from "../../../relay/share/outlet.ts";
import { channelId, helloTo } from "../../support/relay/channel.ts";
import { offerOf, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { CLUSTER_SECRET } from "../../support/relay/scripted-edge.ts";

const CODE = randomId();
const CHANNEL = toHex(channelId(CODE));
const ADDRESS = "192.0.2.9";
const share = rawShare(3);
const { proof, offer } = share;
const id = offer.share;
const key = toHex(id);
const OFFER = offerOf(share);
const INSPECT = { t: "inspect", share: id, proof } as const;
const INSPECTED: Message = {
  t: "inspected",
  share: id,
  state: "unknown",
  records: 0,
  downloads: 0,
  receipts: [],
};

class Told implements Outlet {
  readonly said: string[] = [];
  readonly messages = new Map<SocketId, Message[]>();
  noPing = (): void => undefined;
  buffered = (): number => 0;
  sendFrame = (): "sent" => "sent";
  newTopic = (): Topic => new SingleSends(this);
  hold = (socket: SocketId, isHeld: boolean): void =>
    void this.said.push(`${socket} ${isHeld ? "held" : "read"}`);
  send: Outlet["send"] = (socket, message) => {
    this.messages.set(socket, [...(this.messages.get(socket) ?? []), message]);
    if (message.t !== "challenge" && message.t !== "welcome") {
      this.said.push(`${socket} ${message.t}`);
    }
  };
  fail: Outlet["fail"] = (socket, code, detail = "", after = 0) =>
    void this.said.push([socket, code, detail, after || ""].join(" ").trim());

  last<T extends Message["t"]>(socket: SocketId, t: T): MessageOf<T> {
    const found = this.messages.get(socket)?.find((each) => each.t === t);
    if (found === undefined) throw new Error(`no ${t}`);
    return found as MessageOf<T>;
  }
}

/** A line to another relay that takes what it is told to take. */
class PlayedLine implements ForwardLine {
  readonly heard: string[] = [];
  hasRoom = true;
  readonly target: ForwardTarget;
  readonly events: ForwardEvents;

  constructor(target: ForwardTarget, events: ForwardEvents) {
    this.target = target;
    this.events = events;
  }

  say = (bytes: Uint8Array): boolean => {
    this.heard.push(wordOf(bytes));
    return this.hasRoom;
  };
  close = (): void => void this.heard.push("closed");
}

function wordOf(bytes: Uint8Array): string {
  if (isFrame(bytes)) return "frame";
  try {
    return decodeControl(bytes, "sender").t;
  } catch {
    const message = decodeFromEdge(bytes);
    return message.t === "further" ? `further ${message.isOpen ? "opened" : "closed"}` : message.t;
  }
}

function play() {
  const outlet = new Told();
  const lines: PlayedLine[] = [];
  const asked: (ToDirectory | ToStoreBook)["t"][] = [];
  const hub = new Hub({
    worker: 0,
    pool: new BlockPool(createPool(1, 1), 0),
    outlet,
    primitives: nodePrimitives,
    toDirectory: ({ t }) => void asked.push(t),
    toStoreBook: ({ t }) => void asked.push(t),
    cluster: {
      secret: new ClusterSecret(CLUSTER_SECRET, nodePrimitives),
      welcomed: () => undefined,
      me: "8899aabbccddeeff",
      through: () => undefined,
      carrier: {
        forward: (target, events) => {
          const line = new PlayedLine(target, events);
          lines.push(line);
          return line;
        },
      },
    },
  });
  const say = (socket: SocketId, message: Message | Uint8Array): void => {
    hub.message(socket, message instanceof Uint8Array ? message : encodeControl(message), 0);
  };
  const come = (socket: SocketId, of?: Uint8Array): void => {
    hub.opened(socket, 0, ADDRESS);
    const challenge = outlet.last(socket, "challenge");
    say(socket, helloTo(challenge, "sender", CODE, of === undefined ? {} : { of }));
  };
  const other = { relay: "0011223344556677", address: "relay:1" };
  return {
    hub,
    outlet,
    lines,
    asked,
    come,
    say,
    /** Another connection of the client at socket 1. */
    further: (socket: SocketId) => come(socket, outlet.last(1, "welcome").session),
    forward: (
      question?: "inspect" | "revoke",
      { address }: { address: string } = other,
      socket = 1,
    ): void => {
      const channel = question === undefined ? CHANNEL : undefined;
      hub.forward({ t: "forward", socket, key, channel, ...other, address, question }, 0);
    },
    line: (at = 0): PlayedLine => lines[at]!,
    /** Said since the last look. */
    said: () => outlet.said.splice(0),
  };
}

/** A sender at socket 1 that another relay has accepted. */
function accepted() {
  const played = play();
  played.come(1);
  played.say(1, OFFER);
  played.forward();
  played.line().events.message({ t: "accepted", share: id });
  played.said();
  return played;
}

test("a sender is another relay's once the main thread says so: that one hears its offer and all after it", () => {
  const { come, say, forward, line, said, asked, lines } = play();
  come(1);
  say(1, OFFER);
  expect([asked, lines]).toEqual([["claim"], []]);
  forward();
  const { target } = line();
  expect(target).toMatchObject({
    address: "relay:1",
    client: { mayStore: false, address: ADDRESS },
  });
  expect(toHex(target.channel)).toBe(CHANNEL);
  line().events.message({ t: "accepted", share: id });
  line().events.message({ t: "want", share: id, first: 0, count: 1 });
  say(1, share.frame(0));
  say(1, { t: "receipted", share: id, receiver: randomId() });
  say(1, INSPECT);
  expect(line().heard).toEqual(["offer", "frame", "receipted", "inspect"]);
  expect(said()).toEqual(["1 accepted", "1 want"]);
  expect(asked).toEqual(["claim"]);
});

test("a sender that was through before hears nothing, and the other relay hears how it ended", () => {
  for (const end of [
    { t: "end", share: id },
    { t: "cancel", share: id, reason: "sender-stopped" },
  ] as const) {
    const { come, say, forward, line } = play();
    come(1);
    say(1, OFFER);
    say(1, end);
    forward();
    expect(line().heard).toEqual(["offer", end.t]);
  }
});

test("nothing is forwarded for a client that is gone, or asks for another share", () => {
  const { come, say, forward, lines, hub } = play();
  come(1);
  say(1, OFFER);
  hub.closed(1, 0);
  forward();
  come(2);
  forward(undefined, undefined, 2);
  forward("inspect", undefined, 2);
  expect(lines).toEqual([]);
});

test("the line closes with its client", () => {
  const { hub, line } = accepted();
  hub.closed(1, 0);
  expect(line().heard.at(-1)).toBe("closed");
});

describe("further connections of a sender", () => {
  test("give frames alone, and the other relay hears of each that comes and goes", () => {
    const { further, say, line, said, hub } = accepted();
    further(2);
    say(2, share.frame(1));
    hub.closed(2, 0);
    expect(line().heard).toEqual(["offer", "further opened", "frame", "further closed"]);
    further(3);
    say(3, { t: "end", share: id });
    expect(said()).toEqual(["3 bad-message no frame, on a further connection"]);
  });

  test("that came before are told with the offer", () => {
    const { come, further, say, forward, line } = play();
    come(1);
    further(2);
    say(1, OFFER);
    forward();
    expect(line().heard).toEqual(["offer", "further opened"]);
  });
});

test("a frame before the other relay accepted the offer ends the sender's connection", () => {
  const { come, say, forward, line, said } = play();
  come(1);
  say(1, OFFER);
  forward();
  say(1, share.frame(0));
  expect(said()).toEqual(["1 bad-message a frame without an accepted offer"]);
  expect(line().heard).toEqual(["offer"]);
});

describe("a line that takes no more", () => {
  test("leaves the connections unread by which frames come, until it takes more", () => {
    const { further, say, line, said } = accepted();
    further(2);
    line().hasRoom = false;
    for (const socket of [1, 2, 2]) say(socket, share.frame(0));
    expect(said()).toEqual(["1 held", "2 held"]);
    line().events.room();
    line().events.room();
    expect(said()).toEqual(["1 read", "2 read"]);
  });

  test("and fails lets its sender be read before it goes", () => {
    const { say, line, said } = accepted();
    line().hasRoom = false;
    say(1, share.frame(0));
    line().events.failed(new FaultError("going-away", "the line broke"));
    expect(said()).toEqual(["1 held", "1 read", "1 going-away the line broke"]);
    // On its way meanwhile.
    say(1, share.frame(1));
    expect(said()).toEqual([]);
  });
});

test("a fault of the other relay is the sender's, with its reason and its wait", () => {
  const { line, said } = accepted();
  const fault = { t: "fault", code: "too-many", message: "full", retry: true, after: 7 } as const;
  line().events.message(fault);
  expect(said()).toEqual(["1 too-many full 7"]);
});

test("a relay that answers no offer in time loses the sender, which may come again", () => {
  const { come, say, forward, said, hub } = play();
  come(1);
  say(1, OFFER);
  forward();
  hub.tick(ACCEPT_MS - 1);
  expect(said()).toEqual([]);
  hub.tick(ACCEPT_MS);
  expect(said()[0]).toStartWith("1 going-away");
  const answered = accepted();
  answered.hub.tick(ACCEPT_MS);
  expect(answered.said()).toEqual([]);
});

describe("a question about a share that another relay stores", () => {
  test("goes there, and the next one by the same line; another relay's by another", () => {
    const { come, say, forward, line, said, lines, asked } = play();
    come(1);
    say(1, INSPECT);
    forward("inspect");
    line().events.message(INSPECTED);
    say(1, { t: "revoke", share: id, proof });
    forward("revoke");
    line().events.message({ t: "revoked", share: id, known: true });
    expect(line().heard).toEqual(["inspect", "revoke"]);
    say(1, INSPECT);
    forward("inspect", { address: "relay:2" });
    expect(line().heard).toEqual(["inspect", "revoke", "closed"]);
    line(1).events.message(INSPECTED);
    expect(said()).toEqual(["1 inspected", "1 revoked", "1 inspected"]);
    expect([asked, lines.length]).toEqual([["inspect", "revoke", "inspect"], 2]);
  });

  test("is one at a time, and its line says nothing else to the client", () => {
    const { come, say, forward, line, said } = play();
    come(1);
    say(1, INSPECT);
    forward("inspect");
    say(1, INSPECT);
    expect(said()).toEqual(["1 bad-message a question before an answer"]);
    line().events.message({ t: "accepted", share: id });
    line().events.message({ t: "want", share: id, first: 0, count: 1 });
    expect(said()).toEqual([]);
  });

  test("without an answer in time ends the connection; a line that breaks after the answer does not", () => {
    const { come, say, forward, line, said, hub, lines } = play();
    come(1);
    say(1, INSPECT);
    forward("inspect");
    line().events.message(INSPECTED);
    line().events.failed(new FaultError("going-away", "the line broke"));
    hub.tick(ANSWER_MS);
    expect(said()).toEqual(["1 inspected"]);
    say(1, INSPECT);
    hub.forward(
      {
        t: "forward",
        socket: 1,
        key,
        channel: undefined,
        relay: "",
        address: "relay:1",
        question: "inspect",
      },
      ANSWER_MS,
    );
    expect(lines).toHaveLength(2);
    hub.tick(2 * ANSWER_MS - 1);
    expect(said()).toEqual([]);
    hub.tick(2 * ANSWER_MS);
    expect(said()[0]).toStartWith("1 going-away");
    expect(line(1).heard).toEqual(["inspect", "closed"]);
  });
});

test("a relay that ends sends senders of other relays' shares away", () => {
  const { hub, said } = accepted();
  hub.drain(0);
  expect(said()).toEqual(["1 going-away"]);
});
