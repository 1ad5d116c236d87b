import { describe, expect, test } from "bun:test";

import { at } from "../../../bench/load/pattern.ts";
import type { System } from "../../../bench/systems/system.ts";
import { measure, MiB } from "../../support/bench/load.ts";

const SIZE = 5 * MiB + 1000;
const load = `${import.meta.dir}/../../../bench/load`;

/** The fault that receivers find in the answers of a server of the test. */
async function faultOf(system: System): Promise<string> {
  const run = measure(system, [{ kind: "healthy", count: 2 }]);
  return run.then(
    ({ invalid }) => `run: ${invalid}`,
    (error: unknown) => String(error),
  );
}

function content(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SIZE);
  for (let offset = 0; offset < SIZE; offset += MiB) {
    bytes.set(at(offset, Math.min(MiB, SIZE - offset)), offset);
  }
  return bytes;
}

/** Serves a body over HTTP as nginx does. */
function httpServer(body: Uint8Array<ArrayBuffer>): System {
  return {
    name: "nginx",
    find: () => Promise.resolve({ version: "a test's" }),
    start() {
      const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(body) });
      return Promise.resolve({
        pids: [],
        url: server.url.href,
        load: { sender: undefined, receivers: [process.execPath, `${load}/http-receivers.ts`] },
        [Symbol.asyncDispose]: () => server.stop(true),
      });
    },
  };
}

/** Sends each receiver of the original app a file by itself, as `messages` has it. */
function textServer(messages: readonly (string | Uint8Array<ArrayBuffer>)[]): System {
  return {
    name: "original",
    find: () => Promise.resolve({ version: "a test's" }),
    start() {
      const server = Bun.serve({
        hostname: "127.0.0.1",
        port: 0,
        fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("no")),
        websocket: {
          open(socket) {
            for (const message of messages) socket.send(message);
          },
          message: () => undefined,
        },
      });
      return Promise.resolve({
        pids: [],
        url: server.url.href.replace("http", "ws").replace(/\/$/, ""),
        load: { sender: undefined, receivers: [process.execPath, `${load}/text-receivers.ts`] },
        [Symbol.asyncDispose]: () => server.stop(true),
      });
    },
  };
}

describe("a receiver over HTTP", () => {
  test("is content with what is right", async () => {
    expect(await faultOf(httpServer(content()))).toBe("run: undefined");
  });

  test("finds a wrong byte", async () => {
    const wrong = content();
    wrong[3 * MiB]! ^= 1;
    expect(await faultOf(httpServer(wrong))).toMatch(/a byte from \d+ on is wrong/);
  });

  test("finds bytes that were swapped", async () => {
    const wrong = content();
    const piece = wrong.slice(0, MiB);
    wrong.copyWithin(0, MiB, 2 * MiB).set(piece, MiB);
    expect(await faultOf(httpServer(wrong))).toMatch(/a byte from 0 on is wrong/);
  });

  test("finds that some are missing", async () => {
    expect(await faultOf(httpServer(content().subarray(1)))).toMatch(/the answer is .* 5243879/);
  });
});

describe("a receiver of the original app", () => {
  const half = content().slice(0, 4096);

  test("finds a name that was not sent", async () => {
    expect(await faultOf(textServer(["START:other"]))).toMatch(/it was told START:other/);
  });

  test("finds bytes before a name", async () => {
    expect(await faultOf(textServer([half]))).toMatch(/bytes that are of no file/);
  });
});
