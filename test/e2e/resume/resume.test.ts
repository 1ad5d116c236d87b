import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { dataPerRecord, RECORD_SIZE } from "../../../protocol/mod.ts";
import { startRelay } from "../../../relay/mod.ts";
import { bytesOf, list, temporaryFolder } from "../../support/disk.ts";
import {
  newCode,
  receive,
  ReceiverProcess,
  send,
  type Running,
} from "../../support/clients/clients.ts";
import { headBytes, makeFile } from "../../support/files.ts";
import { RelayProcess } from "../../support/clients/processes.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { ownPort } from "../../support/net/own-port.ts";

const MiB = 1024 * 1024;
const SIZE = 20.5 * MiB;
const RECORDS = 21;
const all = [...Array(RECORDS).keys()];

/** A relay behind a proxy, a file, and folders for so many receivers. */
async function staged<R extends AsyncDisposable & { readonly port: number; readonly url: string }>(
  receivers: number,
  starting: Promise<R>,
  size = SIZE,
) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const relay = stack.use(await starting);
  const proxy = stack.use(await Proxy.start({ port: relay.port }));
  const file = makeFile(folder.path, "a.bin", size);
  const folders = Array.from({ length: receivers }, (_, i) => join(folder.path, `out-${i}`));
  for (const path of folders) mkdirSync(path);
  const kept = stack.move();
  return {
    relay,
    proxy,
    file,
    folders,
    code: newCode(),
    /** The way past the proxy. */
    direct: relay.url.replace(/(?<!\/ws)$/, "/ws"),
    /** Expects the file in every folder, alone. */
    arrived: (): void => {
      for (const out of folders) {
        expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
        expect(list(out)).toEqual(["a.bin"]);
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function expectDone(...clients: Running[]): Promise<void> {
  const outcomes = await Promise.all(clients.map((client) => client.outcome));
  expect(clients.flatMap((client) => client.all("error"))).toEqual([]);
  expect(outcomes).toEqual(clients.map(() => ({ fault: undefined, exitCode: 0 })));
}

/** Lost the line at least once, and came back by itself. */
function expectCameBack(...clients: Running[]): void {
  for (const client of clients) {
    const lines = client.all("relay").map(({ online }) => online);
    expect(lines).toContain(false);
    expect(lines.filter(Boolean).length).toBeGreaterThan(1);
    expect(lines.at(-1)).toBe(true);
  }
}

describe("a receiver killed with -9", () => {
  test("F28 goes on from the very record, fetches none twice and counts once", async () => {
    await using stage = await staged(1, startRelay());
    const { proxy, file, folders, code, direct } = stage;
    const [out = ""] = folders;
    const head = headBytes(file.path);
    const job = { relay: proxy.url, code, out };
    await using sender = send({ relay: direct, code, path: file.path });
    let before = 0;
    for (const records of [1, 2, 9, 20, undefined]) {
      const held = records === undefined ? undefined : proxy.holdAfter(records - before);
      await using receiver = new ReceiverProcess(job);
      if (before > 0) {
        const bytes = before * dataPerRecord(RECORD_SIZE) - head;
        expect(await receiver.when("resumed")).toMatchObject({ bytes, size: SIZE });
      }
      if (records === undefined) {
        expect((await receiver.outcome).exitCode).toBe(0);
        break;
      }
      await held;
      // A receiver that has not agreed yet has its first record in memory alone.
      await sender.when("receiver", (now) => now.records === records && now.state !== "waiting");
      await receiver.kill();
      expect(list(out)).toHaveLength(1);
      expect(list(out)[0]).toEndWith(".partial");
      proxy.cut();
      before = records;
    }
    await expectDone(sender);
    stage.arrived();
    expect(proxy.down).toEqual(all);
    expect(new Set(sender.all("receiver").map(({ id }) => id)).size).toBe(1);
    expect(sender.all("receiver").filter(({ done }) => done)).toHaveLength(1);
    expect(sender.all("done")).toMatchObject([{ receivers: 1 }]);
  });

  test("F28 at any moment loses only what was not written yet", async () => {
    await using stage = await staged(1, startRelay());
    const { proxy, file, folders, code, direct } = stage;
    const [out = ""] = folders;
    const head = headBytes(file.path);
    const job = { relay: proxy.url, code, out };
    await using sender = send({ relay: direct, code, path: file.path });
    for (let kills = 0; kills < 4; kills++) {
      const held = proxy.holdAfter(1 + Math.floor(Math.random() * 5));
      await using receiver = new ReceiverProcess(job);
      await held;
      await receiver.kill();
      proxy.cut();
    }
    await using receiver = new ReceiverProcess(job);
    const resumed = await receiver.when("resumed");
    expect((await receiver.outcome).exitCode).toBe(0);
    await expectDone(sender);
    stage.arrived();
    expect(sender.all("done")).toMatchObject([{ receivers: 1 }]);
    // Each run fetches one record after the other, from where the one before was or earlier.
    let reached = 0;
    for (const { down } of proxy.lines) {
      expect(down).toEqual(down.map((_, i) => down[0]! + i));
      expect(down[0]!).toBeLessThanOrEqual(reached);
      reached = down.at(-1)! + 1;
    }
    expect(resumed.bytes).toBeGreaterThan(0);
    expect(resumed.bytes).toBe(proxy.lines.at(-1)!.down[0]! * dataPerRecord(RECORD_SIZE) - head);
  });
});

describe("a line that is cut", () => {
  test("between receivers and relay comes back, and what is on the disk stays there", async () => {
    await using stage = await staged(2, startRelay());
    const { proxy, file, folders, code, direct } = stage;
    const job = { relay: direct, code, path: file.path, receivers: 2 };
    await using one = receive({ relay: proxy.url, code, out: folders[0]! });
    await using two = receive({ relay: proxy.url, code, out: folders[1]! });
    await Promise.all([one.when("waiting"), two.when("waiting")]);
    let cut = proxy.holdAfter(6);
    await using sender = send(job);
    for (let cuts = 0; cuts < 3; cuts++) {
      await cut;
      proxy.cut();
      cut = proxy.holdAfter(6);
    }
    proxy.release();
    await expectDone(sender, one, two);
    expectCameBack(one, two);
    stage.arrived();
    expect(sender.all("done")).toMatchObject([{ receivers: 2 }]);
  });

  test("between sender and relay comes back, and receivers go on", async () => {
    await using stage = await staged(2, startRelay());
    const { proxy, file, folders, code, direct } = stage;
    await using one = receive({ relay: direct, code, out: folders[0]! });
    await using two = receive({ relay: direct, code, out: folders[1]! });
    await Promise.all([one.when("waiting"), two.when("waiting")]);
    let cut = proxy.holdAfter(5, "up");
    await using sender = send({ relay: proxy.url, code, path: file.path, receivers: 2 });
    for (let cuts = 0; cuts < 3; cuts++) {
      await cut;
      proxy.cut();
      cut = proxy.holdAfter(5, "up");
    }
    proxy.release();
    await expectDone(sender, one, two);
    expectCameBack(sender);
    expect(one.all("relay").map(({ online }) => online)).toEqual([true]);
    // The receivers that had joined heard that the sender was away, and that it was back.
    const told = [one, two].map((receiver) => receiver.all("sender").map(({ here }) => here));
    expect(told).toContainEqual(expect.arrayContaining([false, true]) as boolean[]);
    stage.arrived();
  });
});

describe("a relay that goes away", () => {
  test.each([{ workers: 1 }, { workers: 2 }])(
    "killed with -9 ($workers workers) and started again finds everyone back, and all finish",
    async ({ workers }) => {
      const port = await ownPort();
      await using stage = await staged(3, RelayProcess.start({ workers, port }));
      const { relay, proxy, file, folders, code, direct } = stage;
      await using one = receive({ relay: proxy.url, code, out: folders[0]! });
      await using two = receive({ relay: proxy.url, code, out: folders[1]! });
      await using three = receive({ relay: proxy.url, code, out: folders[2]! });
      await Promise.all([one, two, three].map((receiver) => receiver.when("waiting")));
      const half = proxy.holdAfter(RECORDS - 1);
      await using sender = send({ relay: direct, code, path: file.path, receivers: 3 });
      await half;
      await relay.kill();
      proxy.release();
      await sender.when("relay", ({ online }) => !online);
      await using second = await RelayProcess.start({ workers, port });
      await expectDone(sender, one, two, three);
      expect(second.port).toBe(port);
      expectCameBack(sender, one, two, three);
      stage.arrived();
      expect(sender.all("done")).toMatchObject([{ receivers: 3 }]);
    },
  );

  test.each([{ which: [0] }, { which: [1] }, { which: [0, 1] }])(
    "in part: workers that crash ($which) are replaced",
    async ({ which }) => {
      const troubles: string[] = [];
      const onTrouble = (trouble: string): void => void troubles.push(trouble);
      await using stage = await staged(4, startRelay({ workers: 2, onTrouble }));
      const { relay, proxy, file, folders, code, direct } = stage;
      await using stack = new AsyncDisposableStack();
      const receivers = folders.map((out) => stack.use(receive({ relay: proxy.url, code, out })));
      await Promise.all(receivers.map((receiver) => receiver.when("waiting")));
      const half = proxy.holdAfter(RECORDS - 1);
      await using sender = send({ relay: direct, code, path: file.path, receivers: 4 });
      await half;
      for (const worker of which) relay.crashWorker(worker);
      proxy.release();
      await expectDone(sender, ...receivers);
      stage.arrived();
      expect(sender.all("done")).toMatchObject([{ receivers: 4 }]);
      expect(troubles.toSorted()).toEqual(
        which.map((worker) => `Worker ${worker} ended and is started again`),
      );
      if (which.length === 2) expectCameBack(sender, ...receivers);
    },
  );
});

test("a receiver that joins when the log has forgotten the beginning has it read again", async () => {
  await using stage = await staged(2, startRelay({ logBytes: 8 * MiB }), 40 * MiB);
  const { proxy, file, folders, code, direct } = stage;
  await using sender = send({ relay: proxy.url, code, path: file.path, receivers: 2 });
  await using early = receive({ relay: direct, code, out: folders[0]! });
  await expectDone(early);
  expect(proxy.up).toEqual([...Array(41).keys()]);
  await using late = receive({ relay: direct, code, out: folders[1]! });
  await expectDone(late, sender);
  stage.arrived();
  expect(proxy.up.slice(41, 43)).toEqual([0, 1]);
  expect(proxy.up.length).toBeGreaterThan(41 + 41 - 9);
  expect(proxy.up.length).toBeLessThanOrEqual(2 * 41);
});
