/** The directory of a cluster in real NATS servers: compare-and-set, the watch, and servers that fail. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

import { connect } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";

import type { DirectoryKv, Outcome } from "../../../relay/cluster/directory-kv.ts";
import { NATS_TIMES, openNatsKv, type NatsTimes } from "../../../relay/cluster/nats-kv.ts";
import type { NatsOptions } from "../../../relay/cluster/nats-connection.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { laterFaultOf, temporaryFolder } from "../../support/disk.ts";
import { lacksNats, startNats, type NatsServers } from "../../support/net/nats.ts";
import { natsAccounts } from "../../support/net/nats-jwt.ts";
import { HeardDirectory } from "../../support/relay/directory-events.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { until } from "../../support/until.ts";

const ONE = { relay: "1".repeat(16) };
const TWO = { relay: "2".repeat(16) };
const ADDRESS = { address: "10.0.0.1:8001", version: 1, site: "eu/lab-3" };

let names = 0;
/** Buckets of a test alone. */
const newName = (): string => `test${++names}`;
const key = (number: number): string => {
  return `${number.toString(16).padStart(32, "c")}.${number.toString(16).padStart(32, "5")}`;
};

interface Directory extends AsyncDisposable {
  readonly kv: DirectoryKv;
  readonly heard: HeardDirectory;
  readonly reports: string[];
}

async function open(
  servers: readonly string[],
  name: string,
  options: Partial<NatsOptions> = {},
  times: Partial<NatsTimes> = {},
): Promise<Directory> {
  const heard = new HeardDirectory();
  const reports: string[] = [];
  const kv = await openNatsKv(
    { servers, name, ...options },
    heard,
    ({ event, fields }) => reports.push(`${event}: ${fields["why"] ?? fields["server"]}`),
    { ...NATS_TIMES, ...times },
  );
  return { kv, heard, reports, [Symbol.asyncDispose]: () => kv.close() };
}

function revisionOf(outcome: Outcome): number {
  if (outcome.t !== "done") throw new Error(JSON.stringify(outcome));
  return outcome.revision;
}

/** Until the directory answers, as a relay does it. */
async function certainly(ask: () => Promise<Outcome>): Promise<Outcome> {
  for (;;) {
    const outcome = await ask();
    if (outcome.t !== "unknown") return outcome;
    await Bun.sleep(20);
  }
}

describe.skipIf(lacksNats)("one server", () => {
  let nats: NatsServers;
  beforeAll(async () => {
    nats = await startNats();
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  test("gives a key to one of two relays, and lets the other take it with the right revision", async () => {
    const name = newName();
    await using a = await open(nats.urls, name);
    await using b = await open(nats.urls, name);
    await Promise.all([a.heard.sync(1), b.heard.sync(1)]);
    const both = await Promise.all([a.kv.putShare(key(1), ONE, 0), b.kv.putShare(key(1), TWO, 0)]);
    expect(both.map(({ t }) => t).toSorted()).toEqual(["conflict", "done"]);
    const first = Math.max(...both.map((outcome) => (outcome.t === "done" ? outcome.revision : 0)));
    expect(await a.kv.putShare(key(1), ONE, first - 1)).toEqual({ t: "conflict" });
    const second = revisionOf(await a.kv.putShare(key(1), ONE, first));
    expect(second).toBeGreaterThan(first);
    expect(await b.kv.putShare(key(1), TWO, first)).toEqual({ t: "conflict" });
    expect(await b.kv.removeShare(key(1), first)).toEqual({ t: "conflict" });
    await b.heard.when(() => b.heard.shares.get(key(1))?.revision === second);
    expect(b.heard.shares.get(key(1))).toEqual({ key: key(1), value: ONE, revision: second });
    expect(b.kv.roundTrip).toBeGreaterThan(0);
  });

  test("lets a relay claim a key again that was removed, and tells both", async () => {
    const name = newName();
    await using a = await open(nats.urls, name);
    await using b = await open(nats.urls, name);
    await Promise.all([a.heard.sync(1), b.heard.sync(1)]);
    const first = revisionOf(await a.kv.putShare(key(1), ONE, 0));
    const removed = revisionOf(await a.kv.removeShare(key(1), first));
    await b.heard.when(() => b.heard.shares.get(key(1))?.revision === removed);
    expect(b.heard.shares.get(key(1))?.value).toBeUndefined();
    expect(await b.kv.putShare(key(1), TWO, first)).toEqual({ t: "conflict" });
    const again = await Promise.all([a.kv.putShare(key(1), ONE, 0), b.kv.putShare(key(1), TWO, 0)]);
    expect(again.map(({ t }) => t).toSorted()).toEqual(["conflict", "done"]);
    const revision = again.map((one) => (one.t === "done" ? one.revision : 0)).find(Boolean) ?? 0;
    expect(revision).toBeGreaterThan(removed);
  });

  test("tells a relay that comes later all that is there, and then that this is all", async () => {
    const name = newName();
    await using a = await open(nats.urls, name);
    await a.heard.sync(1);
    const count = 500;
    const puts = Array.from({ length: count }, (_, at) => a.kv.putShare(key(at), ONE, 0));
    const revisions = (await Promise.all(puts)).map(revisionOf);
    await a.kv.removeShare(key(7), revisions[7] ?? 0);
    await a.kv.putRelay(ONE.relay, ADDRESS);
    await using b = await open(nats.urls, name);
    await b.heard.sync(1);
    expect(b.heard.syncs[0]?.size).toBe(count - 1);
    expect(b.heard.syncs[0]?.has(key(7))).toBe(false);
    expect(b.heard.relays.get(ONE.relay)?.value).toEqual(ADDRESS);
    expect(b.heard.events[0]).toBe("connected");
    expect(b.heard.events.at(-1)).toBe("synced");
    expect(await a.kv.removeRelay(ONE.relay)).toMatchObject({ t: "done" });
    await b.heard.when(() => b.heard.relays.get(ONE.relay)?.value === undefined);
  });

  test("forgets heartbeats by itself, and shares never", async () => {
    const name = newName();
    await using a = await open(nats.urls, name);
    await a.heard.sync(1);
    await using nc = await connection(nats.urls);
    const manager = await jetstreamManager(nc.nc);
    const shape = async (what: string) => {
      const { config } = await manager.streams.info(`KV_fileshare-${name}-${what}`);
      const { max_age, max_msgs_per_subject, num_replicas, storage } = config;
      return { max_age, max_msgs_per_subject, num_replicas, storage };
    };
    const rest = { max_msgs_per_subject: 1, num_replicas: 1, storage: "file" };
    expect(await shape("shares")).toMatchObject({ max_age: 0, ...rest });
    expect(await shape("relays")).toMatchObject({ max_age: 60e9, ...rest });
  });

  test("C1 ignores keys of others, and takes a value that is none for a free key", async () => {
    const name = newName();
    await using a = await open(nats.urls, name);
    await a.heard.sync(1);
    await using nc = await connection(nats.urls);
    const prefix = `$KV.fileshare-${name}-`;
    const strange: readonly (readonly [string, string])[] = [
      [`shares.${key(1)}`, "{}"],
      [`shares.${key(2)}`, '{"relay":"../../etc"}'],
      [`shares.${key(3)}`, "\u0000not json"],
      ["shares.another.key", '{"relay":"1111111111111111"}'],
      [`shares.${key(4)}.more`, '{"relay":"1111111111111111"}'],
      [`relays.${ONE.relay}`, '{"address":"a b:1","version":1}'],
      [`relays.${"3".repeat(16)}`, '{"address":"10.0.0.1:1","version":2,"site":"eu//a"}'],
      [`relays.${TWO.relay}`, '{"address":"10.0.0.1:1","version":-1}'],
    ];
    for (const [subject, text] of strange) nc.nc.publish(`${prefix}${subject}`, text);
    const later = '{"relay":"1111111111111111","since":"a later version"}';
    nc.nc.publish(`${prefix}shares.${key(5)}`, later);
    await a.heard.when(() => a.heard.shares.has(key(5)) && a.heard.relays.has(TWO.relay));
    expect(a.heard.shares.get(key(5))?.value).toEqual(ONE);
    expect([...a.heard.shares.keys()]).toEqual([1, 2, 3, 5].map(key));
    for (const at of [1, 2, 3]) expect(a.heard.shares.get(key(at))?.value).toBeUndefined();
    for (const { value } of a.heard.relays.values()) expect(value).toBeUndefined();
    expect(a.reports.filter((one) => one.startsWith("directory-entry"))).toHaveLength(1);
    expect(await a.kv.putShare(key(1), TWO, 0)).toMatchObject({ t: "done" });
    expect(await a.kv.putShare(key(5), TWO, 0)).toEqual({ t: "conflict" });
    await using b = await open(nats.urls, name);
    await b.heard.sync(1);
    expect(b.heard.syncs[0]).toEqual(new Set([key(1), key(5)]));
  });

  test("loses its old markers, and never a value that came after one", async () => {
    const name = newName();
    await using a = await open(nats.urls, name, {}, { markerMs: 0, sweepMs: 20 });
    // This one never takes markers away, so it leaves some behind.
    await using b = await open(nats.urls, name);
    await Promise.all([a.heard.sync(1), b.heard.sync(1)]);
    await using nc = await connection(nats.urls);
    const manager = await jetstreamManager(nc.nc);
    const stream = `KV_fileshare-${name}-shares`;
    const messages = async () => (await manager.streams.info(stream)).state.messages;
    const claimAndRemove = async (kv: DirectoryKv, at: number): Promise<void> => {
      const revision = revisionOf(await kv.putShare(key(at), ONE, 0));
      await kv.removeShare(key(at), revision);
    };
    await Promise.all(Array.from({ length: 50 }, (_, at) => claimAndRemove(a.kv, at)));
    await until(async () => (await messages()) === 0);
    await Promise.all(Array.from({ length: 50 }, (_, at) => claimAndRemove(b.kv, at)));
    expect(await messages()).toBe(50);
    const kept = revisionOf(await b.kv.putShare(key(3), TWO, 0));
    await using c = await open(nats.urls, name, {}, { markerMs: 0, sweepMs: 20 });
    await until(async () => (await messages()) === 1);
    expect(c.heard.syncs).toEqual([new Set([key(3)])]);
    expect(await c.kv.removeShare(key(3), kept)).toMatchObject({ t: "done" });
    await until(async () => (await messages()) === 0);
    await using d = await open(nats.urls, name, {}, { heartbeatMs: 100 });
    await d.heard.sync(1);
    expect(d.heard.events).toEqual(["connected", "synced"]);
    expect(d.heard.syncs).toEqual([new Set()]);
  });

  test("is told once when something is wrong, and a relay waits for it", async () => {
    await using none = await startNats({ jetStream: false });
    const port = await ownPort();
    await using a = await open([`nats://127.0.0.1:${port}`], newName(), {}, { retryMostMs: 5 });
    await using b = await open(none.urls, newName(), {}, { retryMostMs: 5 });
    await until(() => a.reports.length > 0 && b.reports.length > 0);
    expect(await a.kv.putShare(key(1), ONE, 0)).toEqual({
      t: "unknown",
      why: "the directory is not connected",
    });
    expect(a.kv.roundTrip).toBeUndefined();
    expect(b.reports).toEqual([
      "directory-unreachable: the NATS server has no JetStream; start it with -js or jetstream {} in its configuration",
    ]);
    expect(a.reports).toEqual([
      "directory-unreachable: connection refused; start NATS there, or correct --cluster",
    ]);
    expect([a.heard.events, b.heard.events]).toEqual([[], []]);
  });

  test("C1 begins anew with what is there, when another deletes a stream under it", async () => {
    const name = newName();
    await using a = await open(nats.urls, name, {}, { heartbeatMs: 100, silentMs: 1000 });
    await a.heard.sync(1);
    const revision = revisionOf(await a.kv.putShare(key(1), ONE, 0));
    await using nc = await connection(nats.urls);
    const manager = await jetstreamManager(nc.nc);
    await manager.streams.delete(`KV_fileshare-${name}-shares`);
    await a.heard.sync(2);
    expect(a.heard.syncs[1]?.size).toBe(0);
    expect(await a.kv.putShare(key(1), ONE, revision)).toEqual({ t: "conflict" });
    expect(revisionOf(await a.kv.putShare(key(1), ONE, 0))).toBeGreaterThan(revision);
  });

  test("C1 begins anew when its consumer is deleted, and misses nothing", async () => {
    const name = newName();
    await using a = await open(nats.urls, name, {}, { heartbeatMs: 100, silentMs: 1000 });
    await using b = await open(nats.urls, name);
    await Promise.all([a.heard.sync(1), b.heard.sync(1)]);
    await using nc = await connection(nats.urls);
    const manager = await jetstreamManager(nc.nc);
    const stream = `KV_fileshare-${name}-shares`;
    for await (const { name: consumer } of manager.consumers.list(stream)) {
      await manager.consumers.delete(stream, consumer);
    }
    const revision = revisionOf(await certainly(() => b.kv.putShare(key(1), ONE, 0)));
    await a.heard.when(() => a.heard.shares.get(key(1))?.revision === revision);
    await a.heard.sync(2);
    expect(a.heard.syncs[1]).toEqual(new Set([key(1)]));
  });
});

describe.skipIf(lacksNats)("a server that ends", () => {
  test("and starts again with its folder has everything, and tells of changes again", async () => {
    await using nats = await startNats();
    await using a = await open(nats.urls, newName());
    await a.heard.sync(1);
    const revision = revisionOf(await a.kv.putShare(key(1), ONE, 0));
    await nats.servers[0]?.kill();
    await a.heard.when(() => !a.heard.isConnected);
    expect(await a.kv.putShare(key(2), ONE, 0)).toMatchObject({ t: "unknown" });
    await nats.servers[0]?.start();
    await a.heard.sync(2);
    expect(a.heard.syncs[1]).toEqual(new Set([key(1)]));
    expect(a.heard.shares.get(key(1))?.revision).toBe(revision);
    const next = revisionOf(await a.kv.putShare(key(1), TWO, revision));
    await a.heard.when(() => a.heard.shares.get(key(1))?.revision === next);
    expect(a.reports.map((one) => one.split(":")[0])).toEqual([
      "directory-connected",
      "directory-unreachable",
      "directory-connected",
    ]);
  });

  test("and starts again without its folder has nothing, and revisions grow nevertheless", async () => {
    await using nats = await startNats();
    const name = newName();
    await using a = await open(nats.urls, name);
    await using b = await open(nats.urls, name);
    await Promise.all([a.heard.sync(1), b.heard.sync(1)]);
    const before = revisionOf(await a.kv.putShare(key(1), ONE, 0));
    await nats.servers[0]?.kill();
    await nats.servers[0]?.start(true);
    await Promise.all([a.heard.sync(2), b.heard.sync(2)]);
    expect(a.heard.syncs[1]?.size).toBe(0);
    expect(await a.kv.putShare(key(1), ONE, before)).toEqual({ t: "conflict" });
    const after = revisionOf(await a.kv.putShare(key(1), ONE, 0));
    expect(after).toBeGreaterThan(before);
    await b.heard.when(() => b.heard.shares.get(key(1))?.revision === after);
  });

  test("is awaited by a relay that started before it", async () => {
    await using nats = await startNats();
    await nats.servers[0]?.kill();
    await using a = await open(nats.urls, newName());
    await until(() => a.reports.length > 0);
    await nats.servers[0]?.start();
    await a.heard.sync(1);
    expect(await a.kv.putShare(key(1), ONE, 0)).toMatchObject({ t: "done" });
  });

  test("in the middle of operations leaves none without an outcome", async () => {
    await using nats = await startNats();
    await using a = await open(nats.urls, newName());
    await a.heard.sync(1);
    const puts = Array.from({ length: 900 }, (_, at) => a.kv.putShare(key(at), ONE, 0));
    const killed = nats.servers[0]?.kill();
    const outcomes = await Promise.all(puts);
    await killed;
    expect(outcomes.every(({ t }) => t === "done" || t === "unknown")).toBe(true);
    await nats.servers[0]?.start();
    await a.heard.sync(2);
    // JetStream said of each of these that it has it.
    for (const [at, { t }] of outcomes.entries()) {
      if (t === "done") expect(a.heard.syncs[1]?.has(key(at))).toBe(true);
    }
  });

  test("is told more operations at once than it may have open: the others are unknown", async () => {
    await using nats = await startNats();
    await using a = await open(nats.urls, newName());
    await a.heard.sync(1);
    await nats.servers[0]?.pause();
    const puts = Array.from({ length: 1001 }, (_, at) => a.kv.putShare(key(at), ONE, 0));
    expect(await puts[1000]).toEqual({
      t: "unknown",
      why: "too many operations wait for the directory",
    });
    nats.servers[0]?.resume();
    await Promise.all(puts);
  });
});

describe.skipIf(lacksNats)("a server that stands still", () => {
  test("makes operations unknown, and the watch begins anew when it goes on", async () => {
    await using nats = await startNats();
    const name = newName();
    const times = { questionMs: 200, heartbeatMs: 100, silentMs: 500, retryMostMs: 50 };
    await using a = await open(nats.urls, name, {}, times);
    await a.heard.sync(1);
    await nats.servers[0]?.pause();
    expect(await a.kv.putShare(key(1), ONE, 0)).toMatchObject({ t: "unknown" });
    await a.heard.when(() => !a.heard.isConnected);
    nats.servers[0]?.resume();
    await a.heard.sync(2);
    // The server has read it since, or lost it with the connection: the watch says which.
    const isThere = a.heard.syncs[1]?.has(key(1)) === true;
    const outcome = await a.kv.putShare(key(1), ONE, 0);
    expect(outcome.t).toBe(isThere ? "conflict" : "done");
  });
});

describe("a server that is no server of NATS", () => {
  const info = `INFO ${JSON.stringify({ version: "2.9.10", proto: 1, max_payload: 1e6, headers: true, jetstream: true })}\r\n`;
  const said: readonly (readonly [string, (socket: Socket) => void])[] = [
    ["unexpected response from server", (socket) => socket.write("HTTP/1.1 400 Bad\r\n\r\n")],
    ["timeout; see whether NATS listens at that port", () => undefined],
    ["the server closed the connection", (socket) => socket.end()],
    ["JSON Parse error", (socket) => socket.write("INFO {no json}\r\n")],
    ["timeout", (socket) => socket.write(`INFO ${"x".repeat(1 << 20)}`)],
    ["timeout", (socket) => socket.write(info)],
    ["", (socket) => speak(socket, "PONG\r\n-ERR 'Stale Connection'\r\n")],
    ["timeout", (socket) => speak(socket, "PONG\r\n")],
  ];

  function speak(socket: Socket, answer: string): void {
    socket.write(info);
    socket.on("data", () => socket.write(answer));
  }

  test.each(said)(
    "C1 is told of (%s), tried again, and left at once at the end",
    async (why, act) => {
      let connections = 0;
      const server = createServer((socket) => {
        connections++;
        socket.on("error", () => undefined);
        act(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const times = { connectMs: 50, questionMs: 50, retryLeastMs: 1, retryMostMs: 5 };
      const a = await open([`nats://127.0.0.1:${port}`], newName(), {}, times);
      await until(() => connections >= 3);
      expect(a.reports[0]).toStartWith(`directory-unreachable: ${why}`);
      await a.kv.close();
      server.close();
      expect(a.heard.events).toEqual([]);
    },
  );

  test("whose troubles come in turn tells each of them once", async () => {
    let connections = 0;
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      const [, act] = said[connections++ % said.length]!;
      act(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const times = { connectMs: 50, questionMs: 50, retryLeastMs: 1, retryMostMs: 5 };
    const a = await open([`nats://127.0.0.1:${port}`], newName(), {}, times);
    await until(() => connections > 3 * said.length);
    await a.kv.close();
    server.close();
    expect(new Set(a.reports).size).toBe(a.reports.length);
  });

  test("does not hold up a relay that ends", async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const connected = once(server, "connection");
    const a = await open([`nats://127.0.0.1:${port}`], newName(), {}, { connectMs: 1e8 });
    await connected;
    await a.kv.close();
    server.close();
    if (lacksNats) return;
    await using nats = await startNats();
    await using b = await open(nats.urls, newName(), {}, { questionMs: 1e8, silentMs: 1e8 });
    await b.heard.sync(1);
    await nats.servers[0]?.pause();
    const put = b.kv.putShare(key(1), ONE, 0);
    await b.kv.close();
    expect(await put).toMatchObject({ t: "unknown" });
    nats.servers[0]?.resume();
  });
});

describe.skipIf(lacksNats)("three servers", () => {
  test("keep three copies, and one of them may end: nothing is lost and changes go on", async () => {
    await using nats = await startNats({ count: 3 });
    const name = newName();
    await using a = await open(nats.urls, name);
    await using b = await open(nats.urls, name);
    await Promise.all([a.heard.sync(1), b.heard.sync(1)]);
    const isOld = /^2\.[0-9]\./.test(await natsVersion(nats.urls));
    const revision = revisionOf(await a.kv.putShare(key(1), ONE, 0));
    for (const server of nats.servers) {
      await server.kill();
      const number = nats.servers.indexOf(server) + 2;
      await certainly(() => a.kv.putShare(key(number), ONE, 0));
      await b.heard.when(() => b.heard.shares.get(key(number))?.value !== undefined);
      await server.start();
    }
    const warnings = a.reports.filter((one) => one.includes("can lose changes"));
    expect(warnings).toHaveLength(isOld ? 1 : 0);
    await using c = await open(nats.urls, name);
    await c.heard.sync(1);
    expect(c.heard.syncs[0]).toEqual(new Set([1, 2, 3, 4].map(key)));
    expect(c.heard.shares.get(key(1))?.revision).toBe(revision);
    await using nc = await connection(nats.urls);
    const manager = await jetstreamManager(nc.nc);
    for (const what of ["shares", "relays"]) {
      const { config } = await manager.streams.info(`KV_fileshare-${name}-${what}`);
      expect(config.num_replicas).toBe(3);
    }
  });

  test("get three copies of a bucket that an operator made with one, and keep what it has", async () => {
    await using nats = await startNats({ count: 3 });
    const name = newName();
    await using nc = await connection(nats.urls);
    const manager = await jetstreamManager(nc.nc);
    const prefix = `$KV.fileshare-${name}-shares`;
    const stream = `KV_fileshare-${name}-shares`;
    await manager.streams.add({ name: stream, subjects: [`${prefix}.>`], max_msgs_per_subject: 1 });
    await nc.nc.request(`${prefix}.${key(1)}`, JSON.stringify(ONE));
    await using a = await open(nats.urls, name);
    await a.heard.sync(1);
    expect(a.heard.syncs[0]).toEqual(new Set([key(1)]));
    await until(async () => (await manager.streams.info(stream)).config.num_replicas === 3);
    const { revision = 0 } = a.heard.shares.get(key(1)) ?? {};
    expect(await certainly(() => a.kv.putShare(key(1), TWO, revision))).toMatchObject({
      t: "done",
    });
  });

  test("without the other two answer nothing, and everything again when they are back", async () => {
    await using nats = await startNats({ count: 3 });
    await using a = await open(nats.urls, newName(), {}, { questionMs: 500 });
    await a.heard.sync(1);
    const [, ...others] = nats.servers;
    await Promise.all(others.map((server) => server.kill()));
    expect(await a.kv.putShare(key(1), ONE, 0)).toMatchObject({ t: "unknown" });
    await Promise.all(others.map((server) => server.start()));
    const outcome = await certainly(() => a.kv.putShare(key(1), ONE, 0));
    await a.heard.when(() => a.heard.shares.get(key(1))?.value?.relay === ONE.relay);
    expect(["done", "conflict"]).toContain(outcome.t);
  });
});

describe.skipIf(lacksNats)("a server that asks", () => {
  test("for a token or a password lets in a relay that has it", async () => {
    await using token = await startNats({ lines: "authorization { token: sesame }" });
    await using password = await startNats({
      lines: "authorization { user: ada, password: sesame }",
    });
    const name = newName();
    await using a = await open(token.urls, name, { token: "sesame" });
    await using b = await open(password.urls, name, { user: "ada", password: "sesame" });
    await Promise.all([a.heard.sync(1), b.heard.sync(1)]);
    await using c = await open(token.urls, name, { token: "open" });
    await using d = await open(password.urls, name);
    await until(() => c.reports.length > 0 && d.reports.length > 0);
    expect(c.reports[0]).toContain("Authorization Violation");
    expect(d.reports[0]).toContain("Authorization Violation");
    expect(d.reports[0]).toEndWith(
      "; give the token, the user or --cluster-creds that NATS asks for",
    );
  });

  test("for the credentials of an account lets in a relay that has them", async () => {
    const accounts = natsAccounts();
    await using nats = await startNats({ lines: accounts.lines });
    const name = newName();
    const { credentials } = accounts;
    await using a = await open(nats.urls, name, { credentials: () => credentials });
    await a.heard.sync(1);
    expect(await a.kv.putShare(key(1), ONE, 0)).toMatchObject({ t: "done" });
    await using b = await open(nats.urls, name, { credentials: () => accounts.strange });
    await until(() => b.reports.length > 0);
    expect(b.reports[0]).toContain("Authorization Violation");
    const broken = new TextEncoder().encode("no credentials");
    expect(await laterFaultOf(open(nats.urls, name, { credentials: () => broken }))).toBe(
      "bad-cluster",
    );
  });

  test("for credentials that were renewed lets in a relay that reads them anew", async () => {
    const accounts = natsAccounts();
    await using nats = await startNats({ lines: accounts.lines });
    let given = accounts.strange;
    await using a = await open(nats.urls, newName(), { credentials: () => given });
    await until(() => a.reports.length > 0);
    expect(a.reports[0]).toContain("Authorization Violation");
    given = accounts.credentials;
    await a.heard.sync(1);
  });

  test("for TLS and a certificate lets in a relay that has one, and is refused with a strange one", async () => {
    using folder = temporaryFolder();
    const authority = new Authority();
    const { cert, key: keyFile } = writeCertificate(folder.path, authority.issue());
    const ca = `${folder.path}/ca.pem`;
    await Bun.write(ca, authority.cert);
    const files = `cert_file: "${cert}", key_file: "${keyFile}", ca_file: "${ca}"`;
    await using nats = await startNats({ lines: `tls { ${files}, verify: true, timeout: 5 }` });
    const name = newName();
    const urls = nats.urls.map((url) => url.replace("nats:", "tls:"));
    const own = authority.issue();
    await using a = await open(urls, name, { tls: { ca: authority.cert, ...own } });
    await a.heard.sync(1);
    expect(await a.kv.putShare(key(1), ONE, 0)).toMatchObject({ t: "done" });
    await using b = await open(urls, name, { tls: { ca: new Authority().cert, ...own } });
    await using c = await open(urls, name, { tls: { ca: authority.cert } });
    await until(() => b.reports.length > 0 && c.reports.length > 0);
    expect(b.reports[0]).toStartWith("directory-unreachable: ");
    expect(c.reports[0]).toStartWith("directory-unreachable: ");
    expect([b.heard.events, c.heard.events]).toEqual([[], []]);
    const broken = open(urls, name, { tls: { ca: authority.cert, cert: "no PEM", key: "none" } });
    expect(await laterFaultOf(broken)).toBe("bad-cluster");
  });

  test("for no TLS is refused by a relay that was told to use it", async () => {
    await using nats = await startNats();
    const urls = nats.urls.map((url) => url.replace("nats:", "tls:"));
    await using a = await open(urls, newName());
    await until(() => a.reports.length > 0);
    expect(a.reports[0]).toContain("tls");
    expect(a.heard.events).toEqual([]);
  });
});

async function natsVersion(servers: readonly string[]): Promise<string> {
  await using nc = await connection(servers);
  return nc.nc.info?.version ?? "";
}

async function connection(servers: readonly string[]) {
  const nc = await connect({ servers: [...servers] });
  return { nc, [Symbol.asyncDispose]: () => nc.close() };
}
