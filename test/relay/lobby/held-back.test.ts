/** A sender that says what it has to say slowly, or never, keeps nobody from what others send. */
import { expect, test } from "bun:test";
import { connect } from "node:net";

import { startRelay } from "../../../relay/mod.ts";
import { lobbyKeys } from "../../../relay/lobby/lobby-keys.ts";
import { content } from "../../support/files.ts";
import { RawClient, rawShare } from "../../support/relay/raw-client.ts";

const BYTES = content(7, 3 * 2 ** 20 + 5);

/** One file through the lobby by its name, both ways by HTTP. */
async function through(url: string): Promise<void> {
  const taking = fetch(`${url}/lobby/wanted.bin`).then((response) => response.bytes());
  const sent = await fetch(`${url}/lobby/wanted.bin`, { method: "PUT", body: BYTES });
  expect(Buffer.compare(await taking, BYTES)).toBe(0);
  expect(await sent.text()).toEndWith("sent: to 1 receiver that can't say that it saved it\n");
}

test("T3 a body that says its length and then drips is offered to nobody", async () => {
  await using relay = await startRelay();
  const socket = connect(relay.port, "127.0.0.1");
  const { promise: heard, resolve } = Promise.withResolvers<void>();
  socket.once("data", () => resolve());
  socket.write(
    `PUT /lobby/slow.bin HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\na`,
  );
  await heard;
  await using receiver = await RawClient.greeted(`${relay.url}/ws`, "receiver", lobbyKeys());
  expect(await receiver.when("offers")).toEqual({ t: "offers", list: [] });
  await through(relay.url.replace("ws", "http"));
  socket.destroy();
});

test("P5 a share of the lobby whose first record never comes is passed over", async () => {
  await using relay = await startRelay();
  await using silent = await RawClient.offering(`${relay.url}/ws`, lobbyKeys(), rawShare(5));
  await through(relay.url.replace("ws", "http"));
  // It was asked for it, and gave nothing.
  expect(await silent.when("want")).toMatchObject({ first: 0 });
});
