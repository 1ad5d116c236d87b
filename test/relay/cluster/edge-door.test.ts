/** The port for other relays: strangers, relays that overstep, and floods. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CONTROL_BYTES,
  FAULTS,
  RECEIVERS_PER_MESSAGE,
  toHex,
  type SocketFault,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../../../relay/cluster/proof.ts";
import { CLUSTER_VERSION, encodeCluster } from "../../../relay/cluster/wire.ts";
import { startRelay } from "../../../relay/mod.ts";
import { EDGE_MESSAGES_PER_SECOND } from "../../../relay/net/sockets.ts";
import { EDGE_STREAMS_MOST } from "../../../relay/share/fanout.ts";
import { EDGE_LINES_MOST, EDGE_STRANGERS_MOST } from "../../../relay/worker/edge-door.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { helloTo } from "../../support/relay/channel.ts";
import { edgeStage, entryOf } from "../../support/relay/edge-stage.ts";
import { policyOf } from "../../support/relay/limited.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import {
  CLUSTER_SECRET,
  EdgeLine,
  edgesMayCome,
  type EdgeHello,
} from "../../support/relay/scripted-edge.ts";

const FRAME = rawShare(1).frame(0);

/** The line ends with this fault, and nothing of the relay was told before. */
async function expectRefused(line: EdgeLine, code: SocketFault): Promise<void> {
  expect((await line.fault()).code).toBe(code);
  expect((await line.closed).code).toBe(FAULTS[code].closeCode);
  expect(line.messages.map(({ t }) => t)).toEqual(["challenge", "fault"]);
}

describe("C4 a stranger at the port for other relays", () => {
  const relay = new Uint8Array(8).fill(1);

  test.each<[string, (hello: EdgeHello) => EdgeHello, SocketFault]>([
    ["without the secret", (hello) => ({ ...hello, mac: new Uint8Array(32) }), "not-proved"],
    ["that proves another channel", (hello) => ({ ...hello, channel: randomId() }), "not-proved"],
    ["that proves another share", (hello) => ({ ...hello, share: randomId() }), "not-proved"],
    ["that proves no share", (hello) => ({ ...hello, share: undefined }), "not-proved"],
    [
      "that proves no client",
      (hello) => ({ ...hello, share: undefined, forward: { mayStore: true } }),
      "not-proved",
    ],
    [
      "with a share and a client",
      (hello) => ({ ...hello, forward: { mayStore: true } }),
      "bad-message",
    ],
    [
      "that proves another relay",
      (hello) => ({ ...hello, relay: relay.map(() => 2) }),
      "not-proved",
    ],
    ["of a later version", (hello) => ({ ...hello, v: hello.v + 1 }), "version-mismatch"],
    ["with a proof that is cut", (hello) => ({ ...hello, mac: hello.mac.slice(1) }), "bad-message"],
    ["with a relay's id that is none", (hello) => ({ ...hello, relay: randomId() }), "bad-message"],
  ])("%s is refused", async (_, alter, code) => {
    await using at = await edgeStage({ workers: 1 });
    const { channel, id: share } = at;
    const line = await EdgeLine.saysHello({ port: at.relay.clusterPort, channel, share, alter });
    await expectRefused(line, code);
  });

  test("with another secret is refused, and with a proof that was overheard", async () => {
    await using at = await edgeStage();
    const { channel } = at;
    const port = at.relay.clusterPort;
    const secret = nodePrimitives.randomBytes(32);
    await expectRefused(await EdgeLine.saysHello({ port, channel, secret }), "not-proved");
    const { hello } = await at.control();
    await using line = new EdgeLine(port);
    await line.when("challenge");
    line.send(hello!);
    await expectRefused(line, "not-proved");
  });

  test("cannot use the proof of an owner as its own", async () => {
    await using at = await edgeStage();
    const { channel } = at;
    const secret = new ClusterSecret(CLUSTER_SECRET, nodePrimitives);
    await using line = new EdgeLine(at.relay.clusterPort);
    const { nonce } = await line.when("challenge");
    const hello = { v: CLUSTER_VERSION, relay, channel, nonce };
    line.send({ t: "edge-hello", ...hello, mac: secret.ownerProof(nonce, { relay, channel }) });
    await expectRefused(line, "not-proved");
  });

  test.each<[string, Uint8Array | string]>([
    ["text", "hello"],
    ["nothing", new Uint8Array(0)],
    ["a frame", FRAME],
    ["no message", new Uint8Array(100)],
    ["a message that is none", new Uint8Array([0x81, 0xa1, 0x74, 0xc0])],
    ["receivers", encodeCluster({ t: "receivers", share: randomId(), list: [] })],
    ["a join", encodeCluster({ t: "ack", share: randomId(), next: 0, window: 1 })],
    ["the owner's welcome", encodeCluster({ t: "edge-welcome", mac: new Uint8Array(32) })],
  ])("that says %s first is refused", async (_, message) => {
    await using at = await edgeStage({ workers: 1 });
    await using line = new EdgeLine(at.relay.clusterPort);
    await line.when("challenge");
    line.send(message);
    await expectRefused(line, "bad-message");
  });

  test("that says nothing is disconnected in time", async () => {
    await using at = await edgeStage({ policy: policyOf({ "hello-timeout": 500 }) });
    await using line = new EdgeLine(at.relay.clusterPort);
    await expectRefused(line, "hello-timeout");
  });
});

describe("C5 another relay that oversteps", () => {
  test.each<[string, "control" | "stream", (share: Uint8Array) => Uint8Array, SocketFault]>([
    ["sends a frame by its control line", "control", () => FRAME, "wrong-role"],
    ["sends a frame by a stream", "stream", () => FRAME, "wrong-role"],
    ["joins by its control line", "control", (share) => joining(share), "wrong-role"],
    [
      "tells of receivers by a stream",
      "stream",
      (share) => encodeCluster({ t: "receivers", share, list: [] }),
      "wrong-role",
    ],
    ["joins another share", "stream", () => joining(randomId()), "bad-message"],
    [
      "acknowledges another share",
      "stream",
      () => encodeCluster({ t: "ack", share: randomId(), next: 0, window: 1 }),
      "bad-message",
    ],
    [
      "completes by a stream",
      "stream",
      (share) => encodeCluster({ t: "complete", share, records: 1, mac: randomId() }),
      "bad-message",
    ],
    [
      "ends a share by its control line",
      "control",
      (share) => encodeCluster({ t: "end", share }),
      "bad-message",
    ],
    ["offers by its control line", "control", () => new Uint8Array([0x80]), "bad-message"],
  ])("and %s is disconnected", async (_, kind, message, code) => {
    await using at = await edgeStage({ workers: 1 });
    const line = await at[kind]();
    line.send(message(at.id));
    expect((await line.fault()).code).toBe(code);
    // Others go on.
    const other = await at.stream();
    expect(await other.take(at.id, 0, 30)).toEqual(at.frames(0, 30));
  });

  test("and says hello twice is disconnected", async () => {
    await using at = await edgeStage();
    for (const line of [await at.control(), await at.stream()]) {
      line.send(line.hello!);
      expect((await line.fault()).code).toBe("wrong-role");
    }
  });

  test("and sends a message that is too long is cut off before it is whole", async () => {
    await using at = await edgeStage();
    const line = await at.control();
    line.send(new Uint8Array(CONTROL_BYTES + 1));
    await line.closed;
    // The longest that a relay says comes through.
    const other = await at.control();
    const list = Array.from({ length: RECEIVERS_PER_MESSAGE }, () => {
      return { ...entryOf(randomId(), "live"), name: new Uint8Array(512) };
    });
    other.send({ t: "receivers", share: at.id, list });
    await at.sender.when("receivers", (told) => told.list.length === RECEIVERS_PER_MESSAGE);
  });

  test("and tells of shares of another channel, or of none, changes nothing", async () => {
    await using at = await edgeStage({ workers: 1 });
    const elsewhere = await at.control({ channel: randomId() });
    const here = await at.control();
    const [stranger, receiver] = [randomId(), randomId()];
    elsewhere.send({ t: "receivers", share: at.id, list: [entryOf(stranger, "live")] });
    const receipt = { receiver: stranger, records: 30, mac: randomId() };
    elsewhere.send({ t: "receipt", share: at.id, ...receipt });
    here.send({ t: "receivers", share: randomId(), list: [entryOf(stranger, "live")] });
    here.send({ t: "receivers", share: at.id, list: [entryOf(receiver, "live")] });
    const { list } = await at.sender.when("receivers");
    expect(list.map(({ id }) => toHex(id))).toEqual([toHex(receiver)]);
    expect(at.sender.messages.some(({ t }) => t === "receipt")).toBe(false);
  });

  test("and tells of more receivers than a share may have hears of each that is too many", async () => {
    await using at = await edgeStage({ policy: policyOf({ "receivers-per-share": 100 }) });
    const line = await at.control();
    const all = Array.from({ length: 1000 }, () => entryOf(randomId(), "live"));
    for (let from = 0; from < all.length; from += RECEIVERS_PER_MESSAGE) {
      const list = all.slice(from, from + RECEIVERS_PER_MESSAGE);
      line.send({ t: "receivers", share: at.id, list });
    }
    const last = toHex(all.at(-1)!.id);
    await line.when("full", ({ receiver }) => toHex(receiver) === last);
    expect(line.messages.filter(({ t }) => t === "full")).toHaveLength(900);
    const told = at.sender.messages.flatMap((each) => (each.t === "receivers" ? each.list : []));
    expect(new Set(told.map(({ id }) => toHex(id))).size).toBeLessThanOrEqual(100);
  });

  test("and talks without an end is disconnected", async () => {
    await using at = await edgeStage({ workers: 1 });
    const line = await at.control();
    const message = encodeCluster({ t: "receivers", share: at.id, list: [] });
    for (let sent = 0; sent <= 20 * EDGE_MESSAGES_PER_SECOND; sent++) line.send(message);
    expect((await line.fault()).code).toBe("too-fast");
  });

  test("and opens more streams of a share than it may is refused those", async () => {
    await using at = await edgeStage({ workers: 1 });
    for (let opened = 0; opened < EDGE_STREAMS_MOST; opened++) {
      const stream = await at.stream();
      await stream.take(at.id, 0, 1);
    }
    const over = await at.stream();
    over.join(at.id, 0, 1);
    expect((await over.fault()).code).toBe("too-many");
    // Receivers have places of their own.
    const receiver = await at.receiver();
    receiver.join();
    await receiver.until("frame 0");
  });
});

describe("C6 lines by the thousand", () => {
  const AT_ONCE = 500;
  /** Ten times as many as may stay. */
  const STRANGERS = 5 * AT_ONCE;
  /** So few that none goes as a stranger before it proves itself. */
  const RELAYS_AT_ONCE = EDGE_STRANGERS_MOST / 2;
  /** So many that a thousand are refused. */
  const RELAYS = EDGE_LINES_MOST + 8 * RELAYS_AT_ONCE;

  test("of strangers: the oldest go, and a relay comes in all the same", async () => {
    await using at = await edgeStage({ workers: 1 });
    const before = await at.control();
    const strangers: EdgeLine[] = [];
    let over = 0;
    while (strangers.length < STRANGERS) {
      const more = Array.from({ length: AT_ONCE }, () => new EdgeLine(at.relay.clusterPort));
      for (const { closed } of more) void closed.then(() => over++);
      strangers.push(...more);
      await Promise.all(more.map((line) => line.when("challenge")));
      const stream = await at.stream();
      expect(await stream.take(at.id, 0, 3)).toEqual(at.frames(0, 3));
      await stream[Symbol.asyncDispose]();
    }
    await Promise.all(strangers.slice(0, -EDGE_STRANGERS_MOST).map(({ closed }) => closed));
    expect(over).toBeLessThanOrEqual(STRANGERS);
    expect(before.messages.some(({ t }) => t === "fault")).toBe(false);
    for (const { socket } of strangers) socket.close();
  }, 120_000);

  test("of relays: as many as one worker takes, and clients are served on", async () => {
    await using at = await edgeStage({ workers: 1 });
    const port = at.relay.clusterPort;
    const lines: EdgeLine[] = [];
    let refused = 0;
    while (lines.length + refused < RELAYS) {
      const more = Array.from({ length: RELAYS_AT_ONCE }, () => {
        return EdgeLine.open({ port, channel: randomId() });
      });
      for (const each of await Promise.allSettled(more)) {
        if (each.status === "fulfilled") lines.push(each.value);
        else refused++;
      }
    }
    expect(lines).toHaveLength(EDGE_LINES_MOST);
    expect(refused).toBe(RELAYS - EDGE_LINES_MOST);
    await using over = RawSocket.open(port!, {}, "/cluster");
    expect(await over.status()).toBe(503);
    const receiver = await at.receiver();
    receiver.join();
    await receiver.takeAll();
    await lines.pop()?.[Symbol.asyncDispose]();
    const stream = await at.stream();
    expect(await stream.take(at.id, 0, 30)).toEqual(at.frames(0, 30));
    for (const { socket } of lines) socket.close();
  }, 120_000);
});

describe("C7 the port of clients and that of other relays", () => {
  test("take no hello of the other one", async () => {
    await using at = await edgeStage({ workers: 1 });
    const { hello } = await at.control();
    await using client = await RawClient.open(at.url);
    await client.challenge();
    client.send(encodeCluster(hello!));
    expect((await client.when("fault")).code).toBe("bad-message");
    await using line = new EdgeLine(at.relay.clusterPort);
    const challenge = await line.when("challenge");
    line.send(helloTo(challenge, "receiver", at.code));
    await expectRefused(line, "bad-message");
  });

  test("have each its own path, and that of relays has no HTTP", async () => {
    await using relay = await startRelay({ supervision: edgesMayCome() });
    const statusAt = async (port: number, path: string): Promise<number> => {
      await using socket = RawSocket.open(port, {}, path);
      return await socket.status();
    };
    const { port, clusterPort = 0 } = relay;
    expect(await statusAt(port, "/ws")).toBe(101);
    expect(await statusAt(port, "/cluster")).toBe(404);
    expect(await statusAt(clusterPort, "/cluster")).toBe(101);
    for (const path of ["/ws", "/", "/healthz", "/metrics", "/cluster/", "/c/1/2"]) {
      expect([path, await statusAt(clusterPort, path)]).toEqual([path, 404]);
      const answer = await fetch(`http://127.0.0.1:${clusterPort}${path}`);
      expect([path, answer.status]).toEqual([path, 404]);
    }
    const plain = await fetch(`http://127.0.0.1:${clusterPort}/cluster`);
    expect(plain.status).toBe(426);
  });

  test("have nothing to do with each other's bans, tokens and limits per address", async () => {
    const policy = policyOf({ "sockets-per-address": 2 });
    using folder = temporaryFolder();
    const banFile = join(folder.path, "bans");
    await using at = await edgeStage({ workers: 1, policy, banFile });
    const lines = [await at.control(), await at.stream(), await at.stream()];
    const access = { ...policy.access, mode: "closed" } as const;
    at.relay.setPolicy({ ...policy, access });
    await at.sender.closed;
    writeFileSync(banFile, "127.0.0.0/8\n");
    at.relay.reload();
    const banned = async (): Promise<boolean> => {
      return (await fetch(`http://127.0.0.1:${at.relay.port}/`)).status === 403;
    };
    while (!(await banned())) await Bun.sleep(10);
    const stream = await at.stream();
    await Promise.all([...lines, stream].map((line) => line.answersPing()));
  });

  test("are none for a relay that is in no cluster", async () => {
    await using relay = await startRelay();
    expect(relay.clusterPort).toBeUndefined();
  });
});

function joining(share: Uint8Array): Uint8Array {
  const join = { share, receiver: randomId(), name: new Uint8Array(0), from: 0, window: 1 };
  return encodeCluster({ t: "join", ...join });
}
