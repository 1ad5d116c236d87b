/**
 * Three real relays in a row: the sender is at the owner, the gateway reads the share from there, and a third relay reads
 * it from the gateway. The test says which relay reads from which, so no directory is needed.
 */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { newCode, receive, send } from "../../support/clients/clients.ts";
import { fileshare } from "../../support/clients/command.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { content, makeFile, type MadeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { EdgeRelay } from "../../support/relay/edge-relay.ts";
import { policyOf } from "../../support/relay/limited.ts";
import { eachOnce, sorted } from "../../support/relay/whole-cluster.ts";

const MiB = 1024 ** 2;
const DONE = { fault: undefined, exitCode: 0 };

type Place = "owner" | "gateway" | "edge";

class Row implements AsyncDisposable {
  readonly code = newCode();
  readonly file: MadeFile;
  readonly owner: EdgeRelay;
  readonly gateway: EdgeRelay;
  readonly edge: EdgeRelay;
  /** The records that the gateway reads from the owner, and the edge from the gateway. */
  readonly toOwner: Proxy;
  readonly toGateway: Proxy;
  readonly #folder: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    stack: AsyncDisposableStack,
    folder: string,
    relays: Pick<Row, Place>,
    proxies: Pick<Row, "toOwner" | "toGateway">,
  ) {
    this.#stack = stack;
    this.#folder = folder;
    this.owner = relays.owner;
    this.gateway = relays.gateway;
    this.edge = relays.edge;
    this.toOwner = proxies.toOwner;
    this.toGateway = proxies.toGateway;
    this.file = makeFile(folder, "a.bin", 12 * MiB);
  }

  /** @param receiversMost of the owner */
  static async open(workers = 1, receiversMost?: number): Promise<Row> {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(temporaryFolder());
    const limits = receiversMost === undefined ? {} : { "receivers-per-share": receiversMost };
    const policy = policyOf(limits);
    const owner = stack.use(await EdgeRelay.open({ workers, policy }));
    const gateway = stack.use(await EdgeRelay.open({ workers }));
    const edge = stack.use(await EdgeRelay.open({ workers }));
    const toOwner = stack.use(await Proxy.start({ port: owner.clusterPort }));
    const toGateway = stack.use(await Proxy.start({ port: gateway.clusterPort }));
    const relays = { owner, gateway, edge };
    const row = new Row(stack.move(), path, relays, { toOwner, toGateway });
    gateway.link({ relay: owner.relay, address: new URL(toOwner.url).host }, keysOf(row.code));
    const last = workers - 1;
    row.#link(last);
    return row;
  }

  #link(worker: number): void {
    const { owner, toGateway, code } = this;
    const { host } = new URL(toGateway.url);
    this.edge.link({ relay: owner.relay, address: host }, keysOf(code), worker, 1);
  }

  send(more: Partial<Parameters<typeof send>[0]> = {}) {
    const { owner, code, file } = this;
    return send({ relay: owner.url, code, path: file.path, ...more });
  }

  receive(at: Place, name: string) {
    const out = join(this.#folder, name);
    mkdirSync(out);
    return receive({ relay: this[at].url, code: this.code, out, name });
  }

  bytesIn(out: string, file = "a.bin"): Uint8Array {
    return readFileSync(join(this.#folder, out, file));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

test.each([1, 2])(
  "receivers at all relays get the share, are named to the sender and proved, and it crosses each line once (workers: %p)",
  async (workers) => {
    await using row = await Row.open(workers);
    await using sender = row.send({ receivers: 5 });
    const { records } = await sender.when("source");
    const places = { near: "owner", middle: "gateway", far: "edge", farther: "edge" } as const;
    const running = Object.entries(places).map(([name, at]) => row.receive(at, name));
    for (const each of running) expect(await each.outcome).toEqual(DONE);
    expect(await row.receive("edge", "late").outcome).toEqual(DONE);
    expect(await sender.outcome).toEqual(DONE);
    const names = [...Object.keys(places), "late"];
    for (const name of names) expect(row.bytesIn(name)).toEqual(row.file.bytes);
    const done = sender.all("receiver").filter((each) => each.done);
    expect(new Set(done.map(({ name }) => name))).toEqual(new Set(names));
    for (const { down } of [row.toOwner, row.toGateway]) {
      expect(sorted(down)).toEqual(eachOnce(records));
    }
  },
);

test("a gateway without receivers of its own reads the share for the relay behind it alone", async () => {
  await using row = await Row.open();
  await using sender = row.send();
  const { records } = await sender.when("source");
  expect(await row.receive("edge", "far").outcome).toEqual(DONE);
  expect(await sender.outcome).toEqual(DONE);
  expect(sorted(row.toOwner.down)).toEqual(eachOnce(records));
});

test("the sender admits receivers at the far end, and dismisses them", async () => {
  await using row = await Row.open();
  await using sender = row.send({ ask: true });
  const refused = row.receive("edge", "refused");
  const one = await sender.when("asks");
  sender.admit(one, false);
  expect(await refused.outcome).toMatchObject({ fault: "not-admitted" });
  const admitted = row.receive("edge", "admitted");
  sender.admit(await sender.when("asks", ({ id }) => id !== one.id), true);
  expect(await admitted.outcome).toEqual(DONE);
  expect(row.bytesIn("admitted")).toEqual(row.file.bytes);
  expect(await sender.outcome).toEqual(DONE);
});

test("a sender that stops is told of at the far end", async () => {
  await using row = await Row.open();
  const sender = row.send();
  await using far = row.receive("edge", "far");
  await row.toGateway.holdAfter(4);
  sender.interrupt();
  await sender.outcome;
  row.toGateway.release();
  expect(await far.outcome).toMatchObject({ fault: "sender-stopped" });
});

test("a receiver at the far end hears that the share has as many as it may have", async () => {
  await using row = await Row.open(1, 1);
  await using sender = row.send({ limit: 2 * MiB });
  await using first = row.receive("edge", "first");
  await first.when("progress");
  await using second = row.receive("edge", "second");
  const refusal = await second.when("relay", ({ online }) => !online);
  expect(refusal).toMatchObject({ code: "too-many" });
  expect(await first.outcome).toEqual(DONE);
  expect(await sender.outcome).toEqual(DONE);
});

test("a gateway that gets nothing holds up no receiver at another relay", async () => {
  await using row = await Row.open();
  await using sender = row.send({ receivers: 2 });
  await using far = row.receive("edge", "far");
  await row.toOwner.holdAfter(4);
  expect(await row.receive("owner", "near").outcome).toEqual(DONE);
  row.toOwner.release();
  expect(await far.outcome).toEqual(DONE);
  expect(row.bytesIn("far")).toEqual(row.file.bytes);
  expect(await sender.outcome).toEqual(DONE);
});

test("receivers at the far end go on when the lines of either relay break", async () => {
  await using row = await Row.open();
  await using sender = row.send();
  await using far = row.receive("edge", "far");
  await row.toOwner.holdAfter(4);
  row.toOwner.cut();
  await row.gateway.when("link-lost");
  await row.toGateway.holdAfter(4);
  row.toGateway.cut();
  await row.edge.when("link-lost");
  expect(await far.outcome).toEqual(DONE);
  expect(row.bytesIn("far")).toEqual(row.file.bytes);
  expect(await sender.outcome).toEqual(DONE);
});

test("what is piped into the sender comes whole to the far end", async () => {
  await using row = await Row.open();
  const bytes = content(3, 5 * MiB + 5);
  const env = { FILESHARE_CODE: row.code, FILESHARE_RELAY: row.owner.url };
  await using sender = fileshare(["send", "-", "--name", "log"], env, undefined, bytes);
  const far = row.receive("edge", "far");
  expect(await far.outcome).toEqual(DONE);
  expect(row.bytesIn("far", "log")).toEqual(bytes);
  expect(await sender.exited).toBe(0);
});

test("the relay says which owner the edge asks for, and at which level, until the edge is gone", async () => {
  await using row = await Row.open();
  const { owner, gateway, edge } = row;
  const asked = await gateway.when("through");
  expect(asked).toMatchObject({ t: "through", owner: owner.relay, level: 1 });
  edge.unlink(1);
  expect(await gateway.when("through", 2)).toMatchObject({ owner: owner.relay, level: undefined });
});
