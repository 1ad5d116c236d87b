/** Real relays of one cluster, with an admin listener each; their directory is in a NATS of the test. */
import { DEFAULT_POLICY, startRelay, type Relay, type RelayOptions } from "../../../relay/mod.ts";
import type { Report } from "../../../relay/worker/reports.ts";
import type { NatsServers } from "../net/nats.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 };
const SECRET = new Uint8Array(32).fill(7);

export interface ClusterRelay {
  readonly relay: Relay;
  readonly reports: readonly Report[];
}

/** @param name of the cluster */
export async function startClusterRelay(
  { urls }: NatsServers,
  name: string,
  options: Partial<RelayOptions> = {},
): Promise<ClusterRelay & AsyncDisposable> {
  const reports: Report[] = [];
  const relay = await startRelay({
    policy: DEFAULT_POLICY,
    admin: LOCAL,
    page: false,
    cluster: { servers: urls, name, secret: SECRET, listen: LOCAL },
    onReport: (report) => void reports.push(report),
    ...options,
  });
  return { relay, reports, [Symbol.asyncDispose]: () => relay.stop() };
}
