/**
 * A receiver's disk side as a process of its own, to be killed: it finds or begins the partial of
 * a share and writes what is missing. Its orders and its steps are lines of JSON.
 */
import { findPartial, openPartial } from "../../../cli/receive/find-partial.ts";
import type { FinishPolicy } from "../../../cli/receive/place.ts";
import { testShare, testTree, type TreeEntry } from "../../support/disk.ts";

export interface Orders {
  readonly dir: string;
  readonly seed: number;
  readonly size: number;
  /** A tree instead of a file of that size. */
  readonly tree?: readonly TreeEntry[];
  readonly onExists: FinishPolicy["onExists"];
  /** Records after which it stops and waits to be killed; undefined to finish. */
  readonly stopAfter?: number;
  /** Records between checkpoints. */
  readonly checkpointEvery: number;
}

async function main(orders: Orders): Promise<void> {
  const { dir, seed, size, onExists, stopAfter, checkpointEvery } = orders;
  const { tree } = orders;
  const made = tree === undefined ? testShare(seed, size) : testTree(seed, tree);
  const { manifest, head, receiver, share, record } = made;
  const policy = { onExists, prefix: "", checksum: false };
  const found = findPartial({ dir, share });
  const partial = found ?? openPartial({ dir, manifest, head, receiver, policy });
  console.log(JSON.stringify({ found: found !== undefined, next: partial.next }));
  while (partial.next < manifest.records) {
    if (partial.next === stopAfter) {
      console.log(JSON.stringify({ stopped: partial.next }));
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }
    partial.write(partial.next, record(partial.next));
    if (partial.next % checkpointEvery === 0) await partial.checkpoint();
  }
  console.log(JSON.stringify({ path: await partial.finish({ onExists }) }));
}

await main(JSON.parse(process.argv[2]!) as Orders);
