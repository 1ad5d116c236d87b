import { BoundedMap } from "../../protocol/mod.ts";

import type { Report } from "./book-effects.ts";
import type { Entry, RelayValue } from "./directory-kv.ts";
import { CLUSTER_RELAYS_MOST } from "./known-relays.ts";
import type { ClusterSecret } from "./proof.ts";
import { CLUSTER_VERSION } from "./wire.ts";

const WHY = "it has another secret; give all relays of a cluster the same --cluster-secret";

/** Relays of this directory with another secret. They see no share of this relay, and the operator should know why. */
export class Strangers {
  readonly #secret: ClusterSecret;
  readonly #report: Report;
  readonly #reported = new BoundedMap<string, true>(CLUSTER_RELAYS_MOST);

  constructor(secret: ClusterSecret, report: Report) {
    this.#secret = secret;
    this.#report = report;
  }

  /** @returns the heartbeat, marked if it is of a stranger, whom the first one reports */
  marked(entry: Entry<RelayValue>): Entry<RelayValue> {
    const { key, value } = entry;
    if (value === undefined || value.version !== CLUSTER_VERSION) return entry;
    if (value.proof === this.#secret.blinded(key)) return entry;
    if (!this.#reported.has(key)) {
      const fields = { relay: key, address: value.address, why: WHY };
      this.#report({ level: "warn", event: "relay-stranger", fields });
    }
    this.#reported.set(key, true);
    return { ...entry, value: { ...value, isStranger: true } };
  }
}
