import { expect, test } from "bun:test";

import { openSocket } from "../../../cli/connection/relay-socket.ts";

/** More than the kernel takes of a connection that nobody reads. */
const MESSAGES = 16;
const MESSAGE_BYTES = 1024 ** 2;

test("a message leaves as it was when it was sent, whatever its array holds by then", async () => {
  const got: number[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response()),
    websocket: {
      maxPayloadLength: MESSAGE_BYTES,
      message(_, message) {
        const bytes = message as Buffer;
        const first = bytes[0]!;
        got.push(bytes.every((byte) => byte === first) ? first : -1);
        if (got.length === MESSAGES) resolve();
      },
    },
  });
  const way = { proxy: undefined, ca: [], proxyCa: [] };
  const socket = openSocket(`ws://127.0.0.1:${server.port}`, way, {
    opened() {
      const message = new Uint8Array(MESSAGE_BYTES);
      for (let value = 0; value < MESSAGES; value++) socket.send(message.fill(value));
      message.fill(0xff);
      // The server has its turn only after this one.
      if (socket.buffered === 0) reject(new Error("the kernel took all of it"));
    },
    message: () => undefined,
    pinged: () => undefined,
    closed: ({ message }) => reject(new Error(message)),
  });
  await promise;
  socket.terminate();
  expect(got).toEqual([...Array(MESSAGES).keys()]);
});
