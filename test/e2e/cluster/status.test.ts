/** The cluster as operators see it at each of its relays: metrics, status, events; with a real NATS. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { toHex } from "../../../protocol/mod.ts";
import type { Overview } from "../../../relay/admin/overview.ts";
import { lacks } from "../../needs.ts";
import { findChromium, startChromium, until as untilShown } from "../../support/chromium.ts";
import { run } from "../../support/clients/program.ts";
import { lacksNats, startNats, type NatsServers } from "../../support/net/nats.ts";
import { act, adminOf, overviewWhen } from "../../support/relay/admin-requests.ts";
import { startClusterRelay } from "../../support/relay/cluster-relays.ts";
import { parseExposition } from "../../support/relay/exposition.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";
import { until } from "../../support/until.ts";
import type { Relay } from "../../../relay/mod.ts";

let nats: NatsServers;
beforeAll(async () => {
  if (!lacksNats) nats = await startNats();
});
afterAll(() => nats?.[Symbol.asyncDispose]());

/** Metrics of the cluster by their names without the part that they share. */
async function metricsOf(relay: Relay): Promise<Record<string, number>> {
  const text = await (await fetch(`${adminOf(relay).url}/metrics`)).text();
  return Object.fromEntries(
    [...parseExposition(text)].flatMap(([name, { samples }]) =>
      name.startsWith("fileshare_cluster_")
        ? samples.map(({ value }) => [name.slice("fileshare_cluster_".length), value])
        : [],
    ),
  );
}

async function metricsWhen(relay: Relay, expected: Record<string, number>): Promise<void> {
  let metrics: Record<string, number> = {};
  await until(async () => {
    metrics = await metricsOf(relay);
    return Object.entries(expected).every(([name, value]) => metrics[name] === value);
  });
  expect(metrics).toMatchObject(expected);
}

test.skipIf(lacksNats)("metrics tell of relays, shares, links and NATS", async () => {
  await using one = await startClusterRelay(nats, "metrics");
  await using other = await startClusterRelay(nats, "metrics");
  const channel = randomId();
  const share = rawShare(3);
  await using _ = await RawClient.serving(`${one.relay.url}/ws`, channel, share);
  await using receiver = await RawClient.greeted(`${other.relay.url}/ws`, "receiver", channel);
  await receiver.offered(share);
  const all = { connected: 1, relays: 2, shares: 1, claims_waiting: 0 };
  await metricsWhen(one.relay, { ...all, shares_owned: 1, links: 0 });
  await metricsWhen(other.relay, { ...all, shares_owned: 0, links: 1 });
  expect((await metricsOf(other.relay))["nats_round_trip_seconds"]).toBeGreaterThan(0);
  const text = await (await fetch(`${adminOf(other.relay).url}/metrics`)).text();
  expect(text).not.toContain(toHex(channel));
});

test.skipIf(lacksNats)("metrics say that NATS is away", async () => {
  await using own = await startNats();
  await using one = await startClusterRelay(own, "away");
  await metricsWhen(one.relay, { connected: 1, relays: 1 });
  await own.servers[0]?.kill();
  await metricsWhen(one.relay, { connected: 0, relays: 1 });
});

/** A share at the first of two relays, with a receiver at the second, which knows both and the share. */
async function pair(cluster: string) {
  await using stack = new AsyncDisposableStack();
  const one = stack.use(await startClusterRelay(nats, cluster));
  const other = stack.use(await startClusterRelay(nats, cluster));
  const channel = randomId();
  const share = rawShare(3);
  stack.use(await RawClient.serving(`${one.relay.url}/ws`, channel, share));
  const url = `${other.relay.url}/ws`;
  const receiver = stack.use(await RawClient.greeted(url, "receiver", channel));
  await receiver.offered(share);
  const owner = await clusterWhen(one.relay, ({ owned }) => owned === 1);
  const edge = await clusterWhen(other.relay, ({ remote }) => remote === 1);
  const open = stack.move();
  return { one, other, owner, edge, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

type Cluster = NonNullable<Overview["cluster"]>;

async function clusterWhen(relay: Relay, isSo: (cluster: Cluster) => boolean): Promise<Cluster> {
  const { cluster } = await overviewWhen(
    adminOf(relay),
    ({ cluster }) => cluster !== undefined && cluster.relays.length === 2 && isSo(cluster),
  );
  if (cluster === undefined) throw new Error("no cluster");
  return cluster;
}

test.skipIf(lacksNats)(
  "the overview has this relay's part, and each relay of the cluster",
  async () => {
    await using two = await pair("overview");
    const { one, other, owner, edge } = two;
    const counts = { name: "overview", isConnected: true, shares: 1, waiting: 0 };
    expect(owner).toMatchObject({ ...counts, owned: 1, remote: 0, links: 0 });
    expect(edge).toMatchObject({ ...counts, owned: 0, remote: 1, links: 1 });
    expect(edge.roundTrip).toBeGreaterThan(0);
    const relays = [
      { id: owner.me, address: owner.address, shares: 1 },
      { id: edge.me, address: edge.address, shares: 0 },
    ];
    expect(owner.relays).toMatchObject(relays);
    expect(edge.relays).toMatchObject(relays);
    const { shares } = await overviewWhen(adminOf(other.relay), () => true);
    const { me: id, address } = owner;
    expect(shares.list.map(({ owner }) => owner)).toEqual([{ id, address }]);
    const own = await overviewWhen(adminOf(one.relay), () => true);
    expect(own.shares.list.map(({ owner }) => owner)).toEqual([undefined]);
  },
);

test.skipIf(lacksNats)(
  "status shows shares of other relays, and --cluster the relays",
  async () => {
    await using two = await pair("command");
    const { other, owner, edge } = two;
    const { url, token } = adminOf(other.relay);
    const status = async (...words: string[]): Promise<string> => {
      const args = ["relay", "status", "--admin", url, ...words];
      // A variable of the relay's own command is none of this one.
      const env = { FILESHARE_TOKEN: token, FILESHARE_CLUSTER: "nats://127.0.0.1" };
      const { out, err, exitCode } = await run(args, { env });
      expect({ err, exitCode }).toEqual({ err: "", exitCode: 0 });
      return out;
    };
    const shares = await status();
    expect(shares).toMatch(
      /^cluster command {3}this relay [0-9a-f]{16} at 127\.0\.0\.1:\d+ {3}NATS connected for [\d.]+ s, answers in [\d.]+ ms$/m,
    );
    expect(shares).toContain("2 relays with 1 share, here 0 own and 1 of other relays by 1 link\n");
    expect(shares).toMatch(new RegExp(`^\\d+ +at ${owner.address} `, "m"));
    const relays = (await status("--cluster")).trimEnd().split("\n").slice(-3);
    const words = relays.map((line) => line.replaceAll(/ {2,}/g, "  "));
    expect([words[0], words[2]]).toEqual([
      "relay  address  shares  heartbeat",
      `${edge.me}  ${edge.address}  0  this relay`,
    ]);
    expect(words[1]).toMatch(`${owner.me}  ${owner.address}  1  `);
    const json = JSON.parse(await status("--cluster", "--json")) as { cluster: Cluster };
    expect(json.cluster.relays.map(({ id }) => id)).toEqual([owner.me, edge.me]);
  },
);

test.skipIf(lacksNats)(
  "relays with different secrets say so once, and status shows it at either",
  async () => {
    const listen = { hostname: "127.0.0.1", port: 0 };
    const secret = new Uint8Array(32).fill(9);
    const cluster = { servers: nats.urls, name: "secrets", secret, listen };
    await using one = await startClusterRelay(nats, "secrets");
    await using other = await startClusterRelay(nats, "secrets", { cluster });
    for (const { relay, reports } of [one, other]) {
      const known = await clusterWhen(relay, ({ relays }) => {
        return relays.every(({ version }) => version !== undefined);
      });
      const strangers = known.relays.filter(({ isStranger }) => isStranger === true);
      expect(strangers.map(({ id }) => id)).toEqual(
        known.relays.map(({ id }) => id).filter((id) => id !== known.me),
      );
      expect(reports.filter(({ event }) => event === "relay-stranger")).toMatchObject([
        { level: "warn", fields: { relay: strangers[0]?.id, address: strangers[0]?.address } },
      ]);
      const { url, token: FILESHARE_TOKEN } = adminOf(relay);
      const words = ["relay", "status", "--cluster", "--admin", url];
      const { out } = await run(words, { env: { FILESHARE_TOKEN } });
      expect(out).toContain(`${strangers[0]?.address}, other secret  0`);
    }
  },
);

const program = findChromium();
const lacksPage = lacks(program !== undefined, "chromium-headless-shell") || lacksNats;

test.skipIf(lacksPage)("the page shows the cluster, and that NATS is away", async () => {
  await using own = await startNats();
  await using one = await startClusterRelay(own, "page");
  await using other = await startClusterRelay(own, "page");
  await clusterWhen(one.relay, ({ isConnected }) => isConnected);
  await clusterWhen(other.relay, ({ isConnected }) => isConnected);
  await using browser = await startChromium(program ?? "");
  const { url, token } = adminOf(one.relay);
  const tab = await browser.open(`${url}/#token=${token}`);
  const text = (selector: string): string => `document.querySelector("${selector}").textContent`;
  await untilShown(tab, `document.querySelectorAll("#relays tbody tr").length === 2`);
  expect(await tab.evaluate(text("#cluster-note"))).toMatch(
    /^page: .* · NATS connected for .* ms · 2 relays with 0 shares · /,
  );
  expect(await tab.evaluate(`document.getElementById("nats").hidden`)).toBe(true);
  const heads = `[...document.querySelectorAll("#relays tbody th")].map(({ scope }) => scope).join()`;
  expect(await tab.evaluate(heads)).toBe("row,row");
  await own.servers[0]?.kill();
  await untilShown(tab, `${text("#nats")}.startsWith("NATS is away. Transfers go on")`);
  expect(await tab.evaluate(`document.getElementById("nats").role`)).toBe("status");
  await tab.picture(360, 800);
  expect(await tab.evaluate(`document.documentElement.scrollWidth`)).toBeLessThanOrEqual(360);
  expect(tab.complaints).toEqual([]);
});

/** By `sender`, how many shares the relay has. */
async function sharesOf(relay: Relay): Promise<Record<string, number>> {
  const text = await (await fetch(`${adminOf(relay).url}/metrics`)).text();
  const samples = parseExposition(text).get("fileshare_shares")?.samples ?? [];
  return Object.fromEntries(samples.map(({ labels, value }) => [labels["sender"] ?? "", value]));
}

/** Has the operator of the relay end its only share. */
async function killOnly(relay: Relay): Promise<void> {
  const { shares } = await overviewWhen(adminOf(relay), ({ shares: { all } }) => all === 1);
  const [only] = shares.list;
  expect(await act(adminOf(relay), "remove", { share: only?.number })).toMatchObject({
    status: 200,
  });
}

describe.skipIf(lacksNats)("an operator that ends a share", () => {
  /** A share at the first relay, and a receiver at each. */
  async function shared(cluster: string) {
    await using stack = new AsyncDisposableStack();
    const one = stack.use(await startClusterRelay(nats, cluster));
    const other = stack.use(await startClusterRelay(nats, cluster));
    const channel = randomId();
    const share = rawShare(3);
    const sender = stack.use(await RawClient.serving(`${one.relay.url}/ws`, channel, share));
    const receiver = ({ url }: Relay): Promise<RawClient> => {
      return RawClient.greeted(`${url}/ws`, "receiver", channel);
    };
    const near = stack.use(await receiver(one.relay));
    const far = stack.use(await receiver(other.relay));
    for (const each of [near, far]) await each.offered(share);
    const open = stack.move();
    const more = { sender, near, far, receiver, [Symbol.asyncDispose]: () => open.disposeAsync() };
    return { one: one.relay, other: other.relay, ...more };
  }

  test("whose sender is at another relay ends it for the receivers of this relay alone", async () => {
    await using at = await shared("kill-remote");
    expect(await sharesOf(at.one)).toEqual({ here: 1, away: 0, remote: 0 });
    expect(await sharesOf(at.other)).toEqual({ here: 0, away: 0, remote: 1 });
    await killOnly(at.other);
    expect(await at.far.when("cancel")).toMatchObject({ reason: "removed" });
    expect(await sharesOf(at.other)).toEqual({ here: 0, away: 0, remote: 0 });
    // The relay hears of it still, and refuses it to itself and to receivers that come.
    await using late = await at.receiver(at.other);
    expect((await late.when("offers")).list).toEqual([]);
    expect(await sharesOf(at.one)).toEqual({ here: 1, away: 0, remote: 0 });
    for (const { messages } of [at.near, at.sender]) {
      expect(messages.filter(({ t }) => t === "cancel" || t === "fault")).toEqual([]);
    }
  });

  test("whose sender is at this relay ends it for all", async () => {
    await using at = await shared("kill-own");
    await killOnly(at.one);
    for (const each of [at.near, at.far]) {
      expect(await each.when("cancel")).toMatchObject({ reason: "removed" });
    }
    expect(await at.sender.when("fault")).toMatchObject({ code: "removed" });
  });
});
