import { afterEach, expect, test } from "bun:test";

import { DelayLine, type DelayLineOptions } from "../../bench/load/delay-line.ts";

const MiB = 1024 ** 2;
const opened: Disposable[] = [];

afterEach(() => {
  for (const each of opened.splice(0)) each[Symbol.dispose]();
});

/** A client that writes `bytes` as the line takes them, and then ends; resolves with all that came back. */
async function exchange(port: number, bytes: Uint8Array): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const came: Buffer[] = [];
  let [sent, received] = [0, 0];
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void (sent += socket.write(bytes)),
      drain: (socket) => void (sent += socket.write(bytes.subarray(sent))),
      data(socket, chunk) {
        came.push(chunk);
        received += chunk.length;
        if (received === bytes.length) socket.end();
      },
      close: () => resolve(Buffer.concat(came)),
    },
  });
  return promise;
}

/** Gives back what it gets, and what was not taken yet. @param deaf so many connections are not read at all */
function echo(deaf = 0): Bun.TCPSocketListener<Buffer> {
  let connections = 0;
  const server = Bun.listen<Buffer>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = Buffer.alloc(0);
        if (connections++ < deaf) socket.pause();
      },
      data(socket, chunk) {
        const all = socket.data.length === 0 ? chunk : Buffer.concat([socket.data, chunk]);
        socket.data = all.subarray(Math.max(0, socket.write(all)));
      },
      drain: (socket) => void (socket.data = socket.data.subarray(socket.write(socket.data))),
    },
  });
  opened.push({ [Symbol.dispose]: () => server.stop(true) });
  return server;
}

function lineTo(port: number, options: Omit<DelayLineOptions, "host" | "port">): DelayLine {
  const line = new DelayLine({ host: "127.0.0.1", port, ...options });
  opened.push(line);
  return line;
}

function bytesOf(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * seed) >>> 7;
  return bytes;
}

/** Looks again and again, as nothing tells of it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(1);
}

test("A line carries every byte of several connections in order, and holds little of it at once", async () => {
  const line = lineTo(echo().port, { oneWayMs: 2, bytesPerSecond: 256 * MiB });
  const sent = [3, 5, 7].map((seed) => bytesOf(seed, 8 * MiB + seed));
  const came = await Promise.all(sent.map((bytes) => exchange(line.port, bytes)));
  expect(came.map((bytes, at) => bytes.equals(sent[at]!))).toEqual([true, true, true]);
  const total = 24 * MiB + 15;
  expect([line.up.total, line.down.total]).toEqual([total, total]);
  // 22 ms of the rate, and what three connections may have stuck or had under way.
  expect(line.up.most).toBeLessThan(12 * MiB);
  await until(() => line.up.inFlight + line.down.inFlight === 0);
});

test("Bytes on their way are in the line, and not at its end", async () => {
  const line = lineTo(echo().port, { oneWayMs: 3_600_000 });
  void exchange(line.port, bytesOf(3, 64 * 1024));
  await until(() => line.up.inFlight === 64 * 1024);
  expect(line.down.total).toBe(0);
});

test("A connection whose far end reads nothing holds its part of the line, and others go on", async () => {
  const line = lineTo(echo(1).port, { oneWayMs: 1 });
  void exchange(line.port, bytesOf(3, 64 * MiB));
  await until(() => line.up.inFlight >= MiB);
  const sent = bytesOf(5, 8 * MiB);
  expect((await exchange(line.port, sent)).equals(sent)).toBe(true);
  // Kernels hold some of the 64 MiB; without a bound the line would hold the rest.
  expect(line.up.inFlight).toBeLessThan(24 * MiB);
});

test("A server that is not there closes the connection of its client", async () => {
  const server = echo();
  const { port } = server;
  server.stop(true);
  const line = lineTo(port, { oneWayMs: 1 });
  expect(await exchange(line.port, bytesOf(3, 10))).toHaveLength(0);
});
