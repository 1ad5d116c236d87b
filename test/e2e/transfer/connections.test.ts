/** Whole transfers by several connections, of which some break, and with sides that know only one. */
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy, type ProxyLine } from "../../support/net/proxy.ts";

const MiB = 1024 ** 2;
const CONNECTIONS = 4;

/** A relay behind a proxy for each side, and a file of so many MiB. */
async function staged(size: number, workers = 1) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const relay = stack.use(await startRelay({ workers }));
  const [up, down] = await Promise.all([0, 1].map(() => Proxy.start({ port: relay.port })));
  if (up === undefined || down === undefined) throw new Error("no proxy");
  stack.use(up);
  stack.use(down);
  const file = makeFile(folder.path, "a.bin", size * MiB);
  const out = join(folder.path, "out");
  mkdirSync(out);
  const kept = stack.move();
  return {
    up,
    down,
    file,
    out,
    code: newCode(),
    arrived: (): void => {
      expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
      expect(list(out)).toEqual(["a.bin"]);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function expectDone(...clients: Running[]): Promise<void> {
  const outcomes = await Promise.all(clients.map((client) => client.outcome));
  expect(clients.flatMap((client) => client.all("error"))).toEqual([]);
  expect(outcomes).toEqual(clients.map(() => ({ fault: undefined, exitCode: 0 })));
}

/** The lines that carried records that way. */
function busy({ lines }: Proxy, way: "up" | "down"): ProxyLine[] {
  return lines.filter((line) => line[way].length > 0);
}

describe("a transfer by several connections", () => {
  test("arrives whole, with records on each of them and one receipt", async () => {
    await using stage = await staged(24);
    const { up, down, file, out, code } = stage;
    await using receiver = receive({ relay: down.url, code, out, connections: CONNECTIONS });
    await receiver.when("waiting");
    await using sender = send({
      relay: up.url,
      code,
      path: file.path,
      connections: CONNECTIONS,
    });
    await expectDone(sender, receiver);
    stage.arrived();
    // Each side may begin before all of its connections are welcomed.
    expect(busy(up, "up").length).toBeGreaterThan(1);
    expect(busy(down, "down").length).toBeGreaterThan(1);
    const { receivers } = await sender.when("done");
    expect(receivers).toBe(1);
    expect(new Set(sender.all("receiver").map(({ id }) => id)).size).toBe(1);
  });

  test("goes on by the others when further ones break on either side, and by all when the main one does", async () => {
    await using stage = await staged(32);
    const { up, down, file, out, code } = stage;
    await using receiver = receive({ relay: down.url, code, out, connections: CONNECTIONS });
    await receiver.when("waiting");
    const first = down.holdAfter(6);
    await using sender = send({
      relay: up.url,
      code,
      path: file.path,
      connections: CONNECTIONS,
    });
    await first;
    // The main line is the oldest.
    for (const line of busy(down, "down").filter((each) => each !== down.lines[0])) line.cut();
    down.release();
    const second = up.holdAfter(4, "up");
    await second;
    for (const line of busy(up, "up").filter((each) => each !== up.lines[0])) line.cut();
    up.release();
    await expectDone(sender, receiver);
    stage.arrived();
    for (const client of [sender, receiver]) {
      expect(client.all("relay").filter(({ online }) => !online)).toEqual([]);
    }
  });

  test("comes back as one client when the main connection breaks", async () => {
    await using stage = await staged(24);
    const { up, down, file, out, code } = stage;
    await using receiver = receive({ relay: down.url, code, out, connections: CONNECTIONS });
    await receiver.when("waiting");
    const held = down.holdAfter(6);
    await using sender = send({ relay: up.url, code, path: file.path, connections: CONNECTIONS });
    await held;
    down.lines[0]?.cut();
    up.lines[0]?.cut();
    down.release();
    await expectDone(sender, receiver);
    stage.arrived();
    const { receivers } = await sender.when("done");
    expect(receivers).toBe(1);
  });

  test("finds the worker of its session, or goes on with fewer", async () => {
    await using stage = await staged(16, 2);
    const { up, down, file, out, code } = stage;
    await using receiver = receive({ relay: down.url, code, out, connections: CONNECTIONS });
    await receiver.when("waiting");
    await using sender = send({ relay: up.url, code, path: file.path, connections: CONNECTIONS });
    await expectDone(sender, receiver);
    stage.arrived();
  });

  test("near a relay has one connection, unless more are asked for", async () => {
    await using stage = await staged(4);
    const { up, down, file, out, code } = stage;
    await using receiver = receive({ relay: down.url, code, out });
    await receiver.when("waiting");
    await using sender = send({ relay: up.url, code, path: file.path });
    await expectDone(sender, receiver);
    stage.arrived();
    expect(up.lines).toHaveLength(1);
    expect(down.lines).toHaveLength(1);
  });
});
