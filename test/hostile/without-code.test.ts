/** An eavesdropper on a plain line: it knows every byte that passed, and not the code. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  channelOf,
  checkRelayName,
  ciphertextPath,
  decodeControl,
  isFrame,
  ReceiverSession,
  toHex,
  type Message,
  type MessageOf,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { startRelay, type Relay, type Report } from "../../relay/mod.ts";
import { faultOf, temporaryFolder } from "../support/disk.ts";
import { newCode, receive, send } from "../support/clients/clients.ts";
import { makeFile } from "../support/files.ts";
import { Proxy } from "../support/net/proxy.ts";
import { RawClient, rawShare } from "../support/relay/raw-client.ts";
import { expectFault } from "../support/relay/wire-checks.ts";
import { keysOf } from "../support/clients/known-codes.ts";

const MiB = 1024 ** 2;

let relay: Relay;
let url: string;
const reports: Report[] = [];

beforeAll(async () => {
  relay = await startRelay({
    workers: 2,
    reportLevel: "debug",
    onReport: (report) => void reports.push(report),
  });
  url = `${relay.url}/ws`;
});

afterAll(() => relay.stop());

/** A line of both clients that writes down what passes, and the code that they share. */
async function overheard() {
  const heard: Message[] = [];
  const proxy = await Proxy.start({
    port: relay.port,
    onMessage: (bytes) => {
      if (!isFrame(bytes)) heard.push(decodeControl(bytes, "anyone"));
    },
  });
  const of = <Type extends Message["t"]>(type: Type): MessageOf<Type>[] =>
    heard.filter((message): message is MessageOf<Type> => message.t === type);
  return { proxy, of, code: newCode() };
}

/** Hellos that the eavesdropper can send in each role: recorded ones, and some that it makes of them. */
function hellosOf(said: readonly MessageOf<"hello">[]): MessageOf<"hello">[] {
  const own = nodePrimitives.signer(nodePrimitives.randomBytes(32));
  return said.flatMap((hello): MessageOf<"hello">[] => [
    { ...hello, role: "sender" },
    { ...hello, role: "receiver" },
    // Its own signature under the channel's key.
    { ...hello, signature: own.sign(nodePrimitives.randomBytes(64)) },
    { ...hello, signature: new Uint8Array(64) },
  ]);
}

describe("a listener that overheard everything and has no code", () => {
  test("is refused in both roles, with whatever was said before", async () => {
    const { proxy, of, code } = await overheard();
    await using _ = proxy;
    using folder = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 2 * MiB);
    await using sender = send({ relay: proxy.url, code, path, stay: true, ask: true });
    await using receiver = receive({ relay: proxy.url, code, out: folder.path, name: "wanted" });
    const asked = await sender.when("asks");
    const hellos = of("hello");
    expect(hellos.map(({ role }) => role).toSorted()).toEqual(["receiver", "sender"]);
    const { channel } = keysOf(code);
    expect(channelOf(hellos[0]!.key, nodePrimitives)).toEqual(channel);
    for (const hello of hellosOf(hellos)) {
      await using thief = await RawClient.open(url);
      await thief.challenge();
      thief.send(hello);
      thief.send({ t: "offer", ...rawShare(3).offer, proof: rawShare(3).proof });
      await expectFault(thief, "not-proved");
      expect(thief.messages.map(({ t }) => t)).toEqual(["fault"]);
    }
    // Neither side saw any other client.
    sender.admit(asked, true);
    expect((await receiver.outcome).exitCode).toBe(0);
    expect(new Set(sender.all("asks").map(({ id }) => id))).toEqual(new Set([asked.id]));
    expect(new Set(sender.all("receiver").map(({ id }) => id))).toEqual(new Set([asked.id]));
    expect(of("offers").flatMap(({ list }) => list)).toHaveLength(1);
  });

  test("finds nothing by HTTP without the capability, and one share with it", async () => {
    const { proxy, of, code } = await overheard();
    await using _ = proxy;
    using folder = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 1000);
    await using sender = send({ relay: proxy.url, code, path, stay: true });
    await sender.when("relay", ({ online }) => online);
    await using looks = await RawClient.greeted(url, "receiver", keysOf(code));
    await looks.when("offers", ({ list }) => list.length > 0);
    const { share, capability } = of("offer")[0]!;
    const http = relay.url.replace("ws", "http");
    const { channel } = keysOf(code);
    for (const guess of [channel, share, capability!.toReversed(), new Uint8Array(16)]) {
      expect((await fetch(`${http}${ciphertextPath(share, guess)}`)).status).toBe(404);
    }
    expect((await fetch(`${http}${ciphertextPath(share, capability!)}`)).status).toBe(200);
  });

  test("and reads the relay's log finds no channel, key, share or capability in it", async () => {
    const { proxy, of, code } = await overheard();
    await using _ = proxy;
    using folder = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 1000);
    await using sender = send({ relay: proxy.url, code, path, stay: true });
    await using receiver = receive({ relay: proxy.url, code, out: folder.path, name: "r" });
    expect((await receiver.outcome).exitCode).toBe(0);
    await sender.when("receiver", ({ done }) => done);
    const { share, capability } = of("offer")[0]!;
    const http = relay.url.replace("ws", "http");
    for (const guess of [capability!, share]) await fetch(`${http}${ciphertextPath(share, guess)}`);
    const { channel } = keysOf(code);
    const secrets = [channel, of("hello")[0]!.key, share, capability!].map(toHex);
    const log = JSON.stringify(reports);
    expect(log).toContain("share-opened");
    expect(secrets.filter((secret) => log.includes(secret))).toEqual([]);
  });
});

test("a client that asked for another name signs nothing", () => {
  const options = {
    signer: nodePrimitives.signer(new Uint8Array(32)),
    host: "evil.example",
    lobby: false,
    giveUpAfterMs: undefined,
    window: 2,
    confirmMs: 1,
    random: () => 0,
  };
  const session = new ReceiverSession(options, 0);
  session.handle({ type: "tick" }, 0);
  session.handle({ type: "opened" }, 0);
  const message = { t: "challenge", nonce: new Uint8Array(32), name: "relay.example" } as const;
  expect(session.handle({ type: "message", message }, 0)).toEqual([
    { type: "finish", fault: "wrong-relay", detail: "it calls itself relay.example" },
  ]);
});

test("a relay with a name can't be impersonated by one that passes its nonces on", () => {
  expect(faultOf(() => checkRelayName("relay.example", "evil.example"))).toBe("wrong-relay");
  for (const [name, host] of [
    ["relay.example", "relay.example"],
    ["relay.example", "RELAY.example."],
    ["relay.example", "192.0.2.7"],
    ["relay.example", "[2001:db8::1]"],
    ["relay.example", "localhost"],
    ["192.0.2.7", "relay.example"],
    [undefined, "relay.example"],
    ["relay.example", undefined],
  ] as const) {
    expect(() => checkRelayName(name, host)).not.toThrow();
  }
});
