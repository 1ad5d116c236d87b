import { createHmac, randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { FaultError } from "../../protocol/mod.ts";
import type { Ledger } from "./ledger.ts";
import type { StorePlace } from "./record-store.ts";
import type { Fence, S3Cluster, S3Events } from "./s3-ledger.ts";
import type { StoredShare, Tombstone } from "./stored-share.ts";

export interface OpenStore {
  readonly ledger: Ledger;
  readonly saved: {
    readonly shares: readonly StoredShare[];
    readonly tombstones: readonly Tombstone[];
  };
  /** The store as other relays share it; undefined: this relay is alone there. */
  readonly shared?: SharedStore | undefined;
  /** For the workers: where the records are. */
  readonly place: StorePlace;
  readonly hashOf: (address: string) => string;
}

/** A bucket that all relays of a cluster use. */
export interface SharedStore {
  readonly fence: Fence;
  /** The shares of all relays when this relay started. The cluster's keeper takes them out once. */
  readonly found: StoredShare[];
}

const KEY_BYTES = 32;

/**
 * Loads the modules of the wanted kind of store alone.
 * @param place of a disk, the folder of the whole store
 * @param cluster whose relays may use a bucket together
 * @throws FaultError `bad-store`, `store-failed`
 */
export async function openStore(
  place: StorePlace,
  events: S3Events,
  cluster?: S3Cluster,
): Promise<OpenStore> {
  const { ledger, records, key } = await openLedger(place, events, cluster);
  try {
    const saved = await ledger.load();
    const hashOf = (address: string): string =>
      createHmac("sha256", key).update(address).digest("hex");
    const all = { ledger, place: records, hashOf };
    if (records.kind !== "s3" || cluster === undefined) return { ...all, saved };
    const { shares: found, tombstones } = saved;
    const { fence } = cluster;
    return { ...all, saved: { shares: [], tombstones }, shared: { fence, found } };
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

async function openLedger(
  place: StorePlace,
  events: S3Events,
  cluster: S3Cluster | undefined,
): Promise<{
  readonly ledger: Ledger;
  readonly records: StorePlace;
  readonly key: string | Uint8Array;
}> {
  if (place.kind === "s3") {
    const { S3Ledger } = await import("./s3-ledger.ts");
    // Not in the bucket, and the same after a restart.
    const key = place.secretAccessKey ?? randomBytes(KEY_BYTES);
    return { ledger: new S3Ledger(place, events, cluster), records: place, key };
  }
  const { SqliteLedger, prepareFolder } = await import("./sqlite-ledger.ts");
  const { folder } = place;
  const records = prepareFolder(folder);
  const ledger = new SqliteLedger(folder, records);
  return { ledger, records: { kind: "disk", folder: records }, key: addressKey(folder) };
}

/** In a file of its own: a copy of the index alone tells nothing of addresses. @throws FaultError `bad-store` */
function addressKey(folder: string): Uint8Array {
  const path = join(folder, "address-key");
  try {
    if (existsSync(path)) return readFileSync(path);
    const key = randomBytes(KEY_BYTES);
    const file = openSync(path, "wx", 0o600);
    writeFileSync(file, key);
    fsyncSync(file);
    closeSync(file);
    return key;
  } catch (error) {
    throw new FaultError("bad-store", `${path} can't be used`, { cause: error });
  }
}
