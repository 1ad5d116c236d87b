/** Relays of one cluster on this machine, with a NATS of their own. */
import { randomBytes } from "node:crypto";

import manifest from "../../package.json" with { type: "json" };
import { FRESH_MS } from "../../relay/admin/measuring.ts";
import { frameLoad } from "./fileshare.ts";
import { findNats, startNats } from "./nats.ts";
import { startRelayProcess, type RelayProcess } from "./relay-process.ts";
import type {
  ClusterShape,
  Found,
  RelayPart,
  RunningSystem,
  StartOptions,
  System,
} from "./system.ts";

const SECRET_BYTES = 32;

export const fileshareCluster: System = { name: "fileshare-cluster", find, start };

async function find(): Promise<Found> {
  const { missing, version } = await findNats();
  return missing === undefined
    ? { version: `${manifest.version} with nats-server ${version}` }
    : { missing };
}

async function start({ workers, cluster }: StartOptions): Promise<RunningSystem> {
  const { relays, receiversAt } = cluster ?? { relays: 2, receiversAt: "each" };
  await using opening = new AsyncDisposableStack();
  const nats = opening.use(await startNats());
  const setting = { servers: [nats.url], secret: randomBytes(SECRET_BYTES).toString("hex") };
  const args = [`--workers=${workers}`, `--cluster=${JSON.stringify(setting)}`];
  const all = await Promise.all(
    Array.from({ length: relays }, async () =>
      opening.use(await startRelayProcess("fileshare-relay.ts", args)),
    ),
  );
  const [owner, ...edges] = all;
  if (owner === undefined) throw new RangeError("a cluster has a relay");
  const open = opening.move();
  return {
    pids: all.map(({ pid }) => pid),
    url: owner.url,
    receiverUrls: placesOf(all, receiversAt).map(({ url }) => url),
    load: frameLoad,
    cluster: { owner: partOf(owner), edges: edges.map(partOf), directoryPid: nats.pid },
    takeStats: () =>
      // Workers of all relays, each with a number of its own.
      all.flatMap((relay, at) =>
        relay
          .takeStats()
          .map((stats) => Object.assign(stats, { worker: at * workers + stats.worker })),
      ),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function placesOf(
  all: readonly RelayProcess[],
  receiversAt: ClusterShape["receiversAt"],
): readonly RelayProcess[] {
  if (receiversAt === "second") return all.slice(1, 2);
  return receiversAt === "edges" ? all.slice(1) : all;
}

function partOf({ pid, admin }: RelayProcess): RelayPart {
  let askedAt = -Infinity;
  return {
    pid,
    async traffic() {
      // An answer that is younger than that would be told again.
      await Bun.sleep(Math.max(0, askedAt + FRESH_MS - performance.now()));
      const text = await (await fetch(`${admin}/metrics`)).text();
      askedAt = performance.now();
      return {
        received: metricIn(text, "fileshare_received_bytes_total"),
        sent: metricIn(text, "fileshare_sent_bytes_total"),
      };
    },
  };
}

function metricIn(text: string, name: string): number {
  const [, found] = new RegExp(`^${name} (\\d+)$`, "m").exec(text) ?? [];
  if (found === undefined) throw new Error(`the relay has no metric ${name}`);
  return Number(found);
}
