/** What operators see of a cluster at each of its relays: metrics, status, events; with a real NATS. */
import { afterAll, beforeAll, expect, test } from "bun:test";

import { toHex } from "../../../protocol/mod.ts";
import { lacksNats, startNats, type NatsServers } from "../../support/net/nats.ts";
import { adminOf } from "../../support/relay/admin-requests.ts";
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
