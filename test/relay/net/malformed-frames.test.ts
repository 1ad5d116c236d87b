/** WebSocket frames as no client sends them. */
import { describe, expect, test } from "bun:test";

import { concat } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { expectServed } from "../../support/relay/wire-checks.ts";

describe("closed, and nobody else is harmed", () => {
  test.concurrent.each([
    ["T9 an unmasked frame", Uint8Array.of(0x82, 0x02, 0x81, 0xa1)],
    ["T9 bits that are reserved", Uint8Array.of(0xf2, 0x80, 0, 0, 0, 0)],
    ["T9 an opcode that is none", Uint8Array.of(0x83, 0x80, 0, 0, 0, 0)],
    ["T9 text that is not UTF-8", Uint8Array.of(0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28)],
    [
      "T9 a close with a reason that is not UTF-8",
      Uint8Array.of(0x88, 0x84, 0, 0, 0, 0, 3, 0xe8, 0xc3, 0x28),
    ],
    [
      "T9 a ping of more than 125 bytes",
      concat(Uint8Array.of(0x89, 0xfe, 0, 200, 0, 0, 0, 0), new Uint8Array(200)),
    ],
    ["T9 a ping in parts", Uint8Array.of(0x09, 0x80, 0, 0, 0, 0)],
    ["T9 a part of nothing", Uint8Array.of(0x80, 0x81, 0, 0, 0, 0, 1)],
  ])("%s", async (_name, bytes) => {
    await using relay = await startRelay();
    await using socket = RawSocket.open(relay.port);
    expect(await socket.status()).toBe(101);
    socket.write(bytes);
    // One with a code of RFC 6455, or none at all.
    expect([1000, 1002, 1007, 4002, undefined]).toContain(await socket.closed);
    const channel = randomId();
    const share = rawShare(4);
    await using sender = await RawClient.offering(`${relay.url}/ws`, channel, share);
    await expectServed(`${relay.url}/ws`, sender, channel, share);
  });
});
