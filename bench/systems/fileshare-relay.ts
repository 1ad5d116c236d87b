/** A relay as a process of its own, with one JSON line for its address and one per report. */
import { parseArgs } from "node:util";

import { startRelay, type RelayOptions } from "../../relay/mod.ts";
import type { StorePlace } from "../../relay/store/record-store.ts";
import type { RelaySays } from "./relay-process.ts";

/** A free port of this machine. */
const LOCAL = { hostname: "127.0.0.1", port: 0 };

const { values } = parseArgs({
  options: {
    workers: { type: "string" },
    "log-bytes": { type: "string" },
    copy: { type: "boolean" },
    "tls-cert": { type: "string" },
    "tls-key": { type: "string" },
    port: { type: "string" },
    store: { type: "string" },
    cluster: { type: "string" },
  },
});

function say(message: RelaySays): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** A relay of a cluster; its admin listener counts what goes over it. */
function inCluster(json: string): Partial<RelayOptions> {
  const { servers, secret } = JSON.parse(json) as { servers: string[]; secret: string };
  return {
    cluster: { servers, name: "bench", secret: Uint8Array.fromHex(secret), listen: LOCAL },
    admin: LOCAL,
  };
}

const { "tls-cert": cert, "tls-key": key, port, store, cluster } = values;

await using relay = await startRelay({
  workers: Number(values.workers ?? 1),
  ...(values["log-bytes"] === undefined ? {} : { logBytes: Number(values["log-bytes"]) }),
  zeroCopy: values.copy !== true,
  ...(port === undefined ? {} : { port: Number(port) }),
  store: store === undefined ? undefined : (JSON.parse(store) as StorePlace),
  tls: cert === undefined || key === undefined ? undefined : { cert, key },
  ...(cluster === undefined ? {} : inCluster(cluster)),
  onStats: (stats) => say({ t: "stats", stats }),
  onTrouble: (trouble) => console.error(trouble),
});
say({ t: "listening", url: relay.url, admin: relay.admin?.url });
// Until stdin ends: the bench is through, or gone.
await Bun.stdin.text();
