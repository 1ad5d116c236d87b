/** When a send begins, how fast it uploads, whom it serves and whom it drops. */
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send, type Running } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { Proxy } from "../../support/net/proxy.ts";

const MiB = 1024 * 1024;

function outs(dir: string, count: number): string[] {
  const paths = Array.from({ length: count }, (_, i) => join(dir, `out-${i}`));
  for (const path of paths) mkdirSync(path);
  return paths;
}

async function isDone(...clients: Running[]): Promise<void> {
  const outcomes = await Promise.all(clients.map((client) => client.outcome));
  expect(clients.flatMap((client) => client.all("error"))).toEqual([]);
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual(clients.map(() => 0));
}

describe("the start gate", () => {
  test("shows the offer to receivers that come, and sends nothing else before enough have agreed", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    await using proxy = await Proxy.start({ port: relay.port });
    const file = makeFile(folder.path, "a.bin", 5.5 * MiB);
    const [first = "", second = ""] = outs(folder.path, 2);
    const code = newCode();
    const at = `${relay.url}/ws`;
    const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };
    await using sender = send({ relay: proxy.url, code, path: file.path, startWhen, receivers: 2 });
    await using one = receive({ relay: at, code, out: first });
    expect(await sender.when("gate")).toMatchObject({ agreed: 1, wanted: 2, open: false });
    await one.when("offer");
    await using two = receive({ relay: at, code, out: second, ask: true });
    await two.when("offer");
    // It was asked for all that a receiver may have at once, and gave what holds the manifest.
    expect(proxy.up).toEqual([0]);
    two.answer({ accept: true });
    expect(await sender.when("gate", ({ open }) => open)).toMatchObject({ agreed: 2 });
    await isDone(sender, one, two);
    const { records } = await sender.when("source");
    expect(proxy.up).toEqual(Array.from({ length: records }, (_, index) => index));
    for (const out of [first, second]) expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
  });

  test("begins with fewer when the longest wait is over", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    const file = makeFile(folder.path, "a.bin", 3 * MiB);
    const [out = ""] = outs(folder.path, 1);
    const job = { relay: `${relay.url}/ws`, code: newCode() };
    const startWhen = { receivers: 5, minWaitMs: 0, maxWaitMs: 300 };
    await using sender = send({ ...job, path: file.path, startWhen });
    await using receiver = receive({ ...job, out });
    await isDone(sender, receiver);
    expect(sender.all("gate").map(({ agreed, open }) => [agreed, open])).toEqual([
      [1, false],
      [1, true],
    ]);
  });
});

test("a limit on the upload takes its time", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const file = makeFile(folder.path, "a.bin", 3 * MiB);
  const [out = ""] = outs(folder.path, 1);
  const job = { relay: `${relay.url}/ws`, code: newCode() };
  await using sender = send({ ...job, path: file.path, limit: 4 * MiB });
  await using receiver = receive({ ...job, out });
  await isDone(sender, receiver);
  expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
  // All but the last of four records had to wait for the one before; never faster, maybe slower.
  expect((await sender.when("done")).seconds).toBeGreaterThan(3 / 4);
});

describe("a sender that is asked about each receiver", () => {
  test("gives nothing before its answer, also after the relay was started again", async () => {
    using folder = temporaryFolder();
    const port = await ownPort();
    let relay = await startRelay({ port });
    try {
      const file = makeFile(folder.path, "a.bin", 6 * MiB);
      const [first = "", second = ""] = outs(folder.path, 2);
      const job = { relay: `${relay.url}/ws`, code: newCode() };
      await using sender = send({ ...job, path: file.path, ask: true, receivers: 1 });
      await using anna = receive({ ...job, out: first, name: "anna", limit: 2 * MiB });
      const asked = await sender.when("asks");
      expect(asked.name).toBe("anna");
      await anna.when("unadmitted");
      expect(sender.all("progress")).toEqual([]);
      expect(anna.all("offer")).toEqual([]);
      sender.admit(asked, true);
      await anna.when("progress");
      await relay.stop();
      relay = await startRelay({ port });
      await using mallory = receive({ ...job, out: second, name: "mallory" });
      const other = await sender.when("asks", ({ name }) => name === "mallory");
      sender.admit(other, false);
      expect(await mallory.outcome).toMatchObject({ fault: "not-admitted", exitCode: 1 });
      expect(await sender.when("dismissed")).toMatchObject({ reason: "not-admitted" });
      await isDone(sender, anna);
      expect(bytesOf(join(first, "a.bin"))).toEqual(file.bytes);
      expect(mallory.all("offer")).toEqual([]);
      // Anna was asked about once, whatever became of her line.
      expect(sender.all("asks").map(({ name }) => name)).toEqual(["anna", "mallory"]);
    } finally {
      await relay.stop();
    }
  });
});

describe("a receiver that takes nothing", () => {
  test("is dropped while others go on, and keeps what it has", async () => {
    using folder = temporaryFolder();
    await using relay = await startRelay();
    await using proxy = await Proxy.start({ port: relay.port });
    const file = makeFile(folder.path, "a.bin", 24 * MiB);
    const [first = "", second = ""] = outs(folder.path, 2);
    const code = newCode();
    const at = `${relay.url}/ws`;
    await using sender = send({ relay: at, code, path: file.path, dropSlowMs: 2000, receivers: 2 });
    const held = proxy.holdAfter(3);
    await using stuck = receive({ relay: proxy.url, code, out: second, name: "stuck" });
    await held;
    await using well = receive({ relay: at, code, out: first });
    const dropped = await sender.when("dismissed");
    expect(dropped).toMatchObject({ name: "stuck", reason: "too-slow" });
    proxy.release();
    expect(await stuck.outcome).toMatchObject({ fault: "too-slow", exitCode: 1 });
    expect((await stuck.when("kept")).bytes).toBeGreaterThan(0);
    expect(await well.outcome).toMatchObject({ exitCode: 0 });
    expect(bytesOf(join(first, "a.bin"))).toEqual(file.bytes);
    sender.interrupt();
    expect((await sender.outcome).exitCode).toBe(130);
  });
});
