/** Clients of other versions, and of other protocols, at the relay of today. */
import { describe, expect, test } from "bun:test";
import { pack } from "msgpackr";
import { PROTOCOL_VERSION, proveHello } from "../../../protocol/mod.ts";
import { signerOfChannel } from "../../support/relay/channel.ts";
import { RawClient, randomId } from "../../support/relay/raw-client.ts";
import { rawHttp } from "../../support/relay/raw-http.ts";
import { relayOfFile } from "../../support/relay/relay-of-file.ts";
import { expectFault } from "../../support/relay/wire-checks.ts";

const file = relayOfFile();

const ours = `the relay speaks version ${PROTOCOL_VERSION}`;

test.each([
  {
    who: "a newer client",
    hello: { v: 4, least: 3, role: "sender", key: randomId() },
    told: `${ours} and this program versions 3 to 4, so the relay is the older one`,
  },
  {
    who: "an older client",
    hello: { v: 1, role: "receiver", channel: randomId() },
    told: `${ours} and this program version 1, so this program is the older one`,
  },
  {
    who: "a client of another form",
    hello: { v: 900, role: { any: ["thing"] }, channel: 7, added: randomId(), token: [[[1]]] },
    told: `${ours} and this program version 900, so the relay is the older one`,
  },
  {
    who: "a client whose versions can't be read",
    hello: { v: "2024-01", channel: randomId() },
    told: `${ours} and can't read which this program speaks`,
  },
])("$who is told which versions there are, and closed", async ({ hello, told }) => {
  await using client = await RawClient.open(file.url);
  client.send(new Uint8Array(pack({ t: "hello", ...hello })));
  await expectFault(client, "version-mismatch");
  expect((await client.when("fault")).message).toBe(told);
  const { reason } = await client.closed;
  expect(reason).toStartWith("version-mismatch: the relay speaks version");
  expect(`version-mismatch: ${told}`).toStartWith(reason);
});

test("a newer client that goes back is welcomed in the version of both", async () => {
  await using client = await RawClient.open(file.url);
  const claim = { v: 7, least: PROTOCOL_VERSION, role: "receiver" } as const;
  const challenge = await client.challenge();
  const proof = proveHello(claim, challenge!, signerOfChannel(randomId()));
  client.send(new Uint8Array(pack({ t: "hello", ...claim, ...proof, more: { a: 1 } })));
  expect((await client.when("welcome")).v).toBe(PROTOCOL_VERSION);
  await client.when("offers");
});

test("a client of today is told the version too", async () => {
  await using client = await RawClient.greeted(file.url, "sender", randomId());
  expect((await client.when("welcome")).v).toBe(PROTOCOL_VERSION);
});

describe("a client that speaks no fileshare is closed with a reason", () => {
  test.each(["hello?", '{"type":"file_info","name":"a"}', "GET / HTTP/1.1\r\n\r\n", ""])(
    "text: %p",
    async (text) => {
      await using client = await RawClient.open(file.url);
      client.send(text);
      const reason = "bad-message: text, where fileshare speaks binary messages";
      expect(await client.closed).toEqual({ code: 4002, reason });
    },
  );

  test.each([
    ["zeros", new Uint8Array(100)],
    ["an empty message", new Uint8Array(0)],
    ["protobuf", Uint8Array.of(0x0a, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f)],
    ["another map", pack({ op: "connect", version: 1 })],
  ])("binary: %s", async (_what, bytes) => {
    await using client = await RawClient.open(file.url);
    client.send(new Uint8Array(bytes));
    const { code, reason } = await client.closed;
    expect(code).toBe(4002);
    expect(reason).toMatch(/^bad-message: ./);
  });

  test("no HTTP at all", async () => {
    expect(await rawHttp(file.relay.port, "hello?\r\n\r\n")).toStartWith("HTTP/1.1 400 ");
  });
});
