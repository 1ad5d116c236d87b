/** Two real relays of a cluster: the sender is at one, and real receivers are at both. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, ReceiverProcess, send } from "../../support/clients/clients.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { makeFile, type MadeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { EdgeRelay } from "../../support/relay/edge-relay.ts";

const MiB = 1024 ** 2;

/** An owner, an edge that reads the channel of a code from it through a proxy, and a file. */
class Pair implements AsyncDisposable {
  readonly code = newCode();
  readonly file: MadeFile;
  readonly owner: EdgeRelay;
  readonly edge: EdgeRelay;
  readonly proxy: Proxy;
  readonly #folder: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(stack: AsyncDisposableStack, folder: string, relays: Relays) {
    this.#stack = stack;
    this.#folder = folder;
    this.owner = relays.owner;
    this.edge = relays.edge;
    this.proxy = relays.proxy;
    this.file = makeFile(folder, "a.bin", 20 * MiB);
  }

  static async open(workers = 1): Promise<Pair> {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(temporaryFolder());
    const owner = stack.use(await EdgeRelay.open({ workers }));
    const edge = stack.use(await EdgeRelay.open({ workers }));
    const proxy = stack.use(await Proxy.start({ port: owner.clusterPort }));
    return new Pair(stack.move(), path, { owner, edge, proxy });
  }

  /** The edge reads the channel from the owner. */
  link(worker = 0): void {
    const { proxy, owner, code } = this;
    const { host } = new URL(proxy.url);
    this.edge.link({ relay: owner.relay, address: host }, keysOf(code), worker);
  }

  out(name: string): string {
    const out = join(this.#folder, name);
    mkdirSync(out);
    return out;
  }

  bytesIn(out: string): Uint8Array {
    return readFileSync(join(this.#folder, out, "a.bin"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

interface Relays {
  readonly owner: EdgeRelay;
  readonly edge: EdgeRelay;
  readonly proxy: Proxy;
}

test.each([1, 2])(
  "a share of one relay comes whole to receivers of another, once to that relay, with %d workers",
  async (workers) => {
    await using pair = await Pair.open(workers);
    const { code, file, owner, edge, proxy } = pair;
    pair.link();
    await using sender = send({ relay: owner.url, code, path: file.path, receivers: 5 });
    const { records } = await sender.when("source");
    const names = ["one", "two", "three"];
    const running = names.map((name) => receive({ relay: edge.url, code, out: pair.out(name) }));
    const near = receive({ relay: owner.url, code, out: pair.out("near") });
    for (const each of [...running, near]) {
      expect((await each.outcome).exitCode).toBe(0);
    }
    const late = receive({ relay: edge.url, code, out: pair.out("late") });
    expect((await late.outcome).exitCode).toBe(0);
    for (const name of [...names, "near", "late"]) expect(pair.bytesIn(name)).toEqual(file.bytes);
    expect((await sender.outcome).exitCode).toBe(0);
    expect(proxy.down.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: records }, (_, index) => index),
    );
  },
);

test("receivers go on when the lines between relays break in the middle, again and again", async () => {
  await using pair = await Pair.open();
  const { code, file, owner, edge, proxy } = pair;
  pair.link();
  await using sender = send({ relay: owner.url, code, path: file.path, receivers: 2 });
  const running = ["one", "two"].map((name) => {
    return receive({ relay: edge.url, code, out: pair.out(name) });
  });
  for (let breaks = 0; breaks < 3; breaks++) {
    await proxy.holdAfter(4);
    proxy.cut();
    await edge.when("link-lost", breaks + 1);
  }
  for (const each of running) expect((await each.outcome).exitCode).toBe(0);
  for (const name of ["one", "two"]) expect(pair.bytesIn(name)).toEqual(file.bytes);
  expect((await sender.outcome).exitCode).toBe(0);
});

test("a receiver that is killed at one relay goes on at the other, where it was", async () => {
  await using pair = await Pair.open();
  const { code, file, owner, edge, proxy } = pair;
  pair.link();
  await using sender = send({ relay: owner.url, code, path: file.path });
  const job = { code, out: pair.out("one") };
  await using first = new ReceiverProcess({ ...job, relay: edge.url }, "a");
  await proxy.holdAfter(8);
  await first.kill();
  await using second = new ReceiverProcess({ ...job, relay: owner.url }, "a");
  expect((await second.outcome).exitCode).toBe(0);
  expect(pair.bytesIn("one")).toEqual(file.bytes);
  expect((await sender.outcome).exitCode).toBe(0);
});

test("receivers go on when the edge's worker with the link dies, and another one has it", async () => {
  await using pair = await Pair.open(2);
  const { code, file, owner, edge, proxy } = pair;
  pair.link();
  await using sender = send({ relay: owner.url, code, path: file.path, receivers: 3 });
  const names = ["one", "two", "three"];
  const running = names.map((name) => receive({ relay: edge.url, code, out: pair.out(name) }));
  await proxy.holdAfter(6);
  edge.supervisor.crash(0);
  pair.link(1);
  proxy.release();
  for (const each of running) expect((await each.outcome).exitCode).toBe(0);
  for (const name of names) expect(pair.bytesIn(name)).toEqual(file.bytes);
  expect((await sender.outcome).exitCode).toBe(0);
});

test("a sender that waits for receivers counts those of both relays, and serves them together", async () => {
  await using pair = await Pair.open();
  const { code, file, owner, edge, proxy } = pair;
  pair.link();
  const startWhen = { receivers: 3, minWaitMs: 0, maxWaitMs: undefined };
  await using sender = send({
    relay: owner.url,
    code,
    path: file.path,
    startWhen,
    receivers: 3,
  });
  const { records } = await sender.when("source");
  const near = receive({ relay: owner.url, code, out: pair.out("near") });
  const first = receive({ relay: edge.url, code, out: pair.out("first") });
  await sender.when("gate", ({ agreed }) => agreed === 2);
  const second = receive({ relay: edge.url, code, out: pair.out("second") });
  for (const each of [near, first, second]) expect((await each.outcome).exitCode).toBe(0);
  for (const name of ["near", "first", "second"]) expect(pair.bytesIn(name)).toEqual(file.bytes);
  expect((await sender.outcome).exitCode).toBe(0);
  expect(proxy.down.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: records }, (_, index) => index),
  );
});

test("a sender that admits each receiver decides about those of the other relay", async () => {
  await using pair = await Pair.open();
  const { code, file, owner, edge } = pair;
  pair.link();
  await using sender = send({ relay: owner.url, code, path: file.path, ask: true });
  const refused = receive({ relay: edge.url, code, out: pair.out("refused") });
  const one = await sender.when("asks");
  sender.admit(one, false);
  expect((await refused.outcome).fault).toBe("not-admitted");
  const admitted = receive({ relay: edge.url, code, out: pair.out("admitted") });
  sender.admit(await sender.when("asks", ({ id }) => id !== one.id), true);
  expect((await admitted.outcome).exitCode).toBe(0);
  expect(pair.bytesIn("admitted")).toEqual(file.bytes);
  expect((await sender.outcome).exitCode).toBe(0);
});

test("an edge that drains lets receivers end what they receive from another relay", async () => {
  await using pair = await Pair.open();
  const { code, file, owner, edge, proxy } = pair;
  pair.link();
  await using sender = send({ relay: owner.url, code, path: file.path });
  await using receiver = receive({ relay: edge.url, code, out: pair.out("one") });
  await proxy.holdAfter(6);
  const drained = edge.supervisor.drain(60_000);
  proxy.release();
  expect((await receiver.outcome).exitCode).toBe(0);
  expect(pair.bytesIn("one")).toEqual(file.bytes);
  expect((await sender.outcome).exitCode).toBe(0);
  await drained;
});

test("a sender that stops is told of at the other relay", async () => {
  await using pair = await Pair.open();
  const { code, file, owner, edge, proxy } = pair;
  pair.link();
  const sender = send({ relay: owner.url, code, path: file.path });
  await using receiver = receive({ relay: edge.url, code, out: pair.out("one") });
  await proxy.holdAfter(4);
  sender.interrupt();
  await sender.outcome;
  proxy.release();
  expect((await receiver.outcome).fault).toBe("sender-stopped");
});
