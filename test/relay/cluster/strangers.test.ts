/** A relay of the same directory with another secret: it is known, reported once, and used for nothing. */
import { expect, test } from "bun:test";

import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import type { Entry, RelayValue } from "../../../relay/cluster/directory-kv.ts";
import { ClusterSecret } from "../../../relay/cluster/proof.ts";
import { Strangers } from "../../../relay/cluster/strangers.ts";
import { CLUSTER_VERSION } from "../../../relay/cluster/wire.ts";

const OWN = new ClusterSecret(new Uint8Array(32).fill(1), nodePrimitives);
const OTHER = new ClusterSecret(new Uint8Array(32).fill(2), nodePrimitives);
const ID = "00112233aabbccdd";

function heartbeat(proof: string | undefined, more: Partial<RelayValue> = {}): Entry<RelayValue> {
  const value = { address: "10.0.0.2:8001", version: CLUSTER_VERSION, proof, ...more };
  return { key: ID, value, revision: 1 };
}

function play() {
  const reports: object[] = [];
  const strangers = new Strangers(OWN, (report) => void reports.push(report));
  return {
    reports,
    isStranger: (entry: Entry<RelayValue>) => strangers.marked(entry).value?.isStranger === true,
  };
}

test("a relay with the same secret is none", () => {
  const { reports, isStranger } = play();
  expect(isStranger(heartbeat(OWN.blinded(ID)))).toBe(false);
  expect(reports).toEqual([]);
});

test.each([
  ["of another secret", OTHER.blinded(ID)],
  ["of another relay", OWN.blinded("0000000000000001")],
  ["that is missing", undefined],
])("a heartbeat with a proof %s is of a stranger, which is reported once", (_, proof) => {
  const { reports, isStranger } = play();
  for (let beat = 0; beat < 3; beat++) expect(isStranger(heartbeat(proof))).toBe(true);
  expect(reports).toEqual([
    {
      level: "warn",
      event: "relay-stranger",
      fields: {
        relay: ID,
        address: "10.0.0.2:8001",
        why: "it has another secret; give all relays of a cluster the same --cluster-secret",
      },
    },
  ]);
});

test("a relay of another version, which proves otherwise, and one that left are not reported", () => {
  const { reports, isStranger } = play();
  expect(isStranger(heartbeat(undefined, { version: CLUSTER_VERSION + 1 }))).toBe(false);
  expect(isStranger({ key: ID, value: undefined, revision: 2 })).toBe(false);
  expect(reports).toEqual([]);
});
