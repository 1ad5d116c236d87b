/**
 * The keepers of a relay's shares: its directory, and the keepers of its store and of its place in a cluster, if it has them.
 * It binds the three together, and `ShareWords` gives each the words of workers that are for it. The supervisor owns it.
 */
import { randomBytes } from "node:crypto";

import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import type { FromCluster } from "../cluster/messages.ts";
import { ClusterSecret } from "../cluster/proof.ts";
import { RELAY_ID_BYTES } from "../cluster/wire.ts";
import type { WriteFence } from "../cluster/write-fence.ts";
import type { LiveLimits } from "../limits/limits.ts";
import type { FromDirectory, FromStoreBook } from "../share/messages.ts";
import { isWhole } from "../store/kept-share.ts";
import type { OpenStore } from "../store/open-store.ts";
import type { Reporter } from "../worker/reports.ts";
import { ClusterKeeper, type BucketOfCluster } from "./cluster-keeper.ts";
import { Directory } from "./directory.ts";
import type { ClusterOptions } from "./options.ts";
import { ShareWords, type Keepers } from "./share-words.ts";
import { StoreKeeper } from "./store-keeper.ts";

export interface ShareKeepersOptions {
  readonly limits: LiveLimits;
  readonly store: OpenStore | undefined;
  /** The fence of a store that other relays of the cluster use too. */
  readonly fence: WriteFence;
  readonly cluster: ClusterOptions | undefined;
  /** See `ClusterKeeperOptions`. */
  readonly publicOrigin: string | undefined;
  /** See `DirectoryOutput`. */
  readonly changed: (() => void) | undefined;
  readonly toWorker: (worker: number, message: FromDirectory | FromStoreBook | FromCluster) => void;
  readonly workers: () => Iterable<number>;
  readonly report: Reporter;
}

const clock = (): number => performance.now();

export class ShareKeepers implements Keepers {
  readonly directory: Directory;
  readonly store: StoreKeeper | undefined;
  readonly cluster: ClusterKeeper | undefined;
  readonly words = new ShareWords(this, clock);

  constructor(options: ShareKeepersOptions) {
    const { limits, store, cluster, toWorker, workers, report } = options;
    this.directory = new Directory(
      {
        toWorker,
        workers,
        report,
        changed: options.changed,
        opened: (key) => this.cluster?.opened(key),
        refused: (key) => this.cluster?.refused(key),
        ended: (key, channel) => this.cluster?.ended(key, channel),
      },
      limits,
    );
    this.store =
      store &&
      new StoreKeeper({
        store,
        limits,
        directory: this.directory,
        toWorker,
        workers,
        report,
        cluster: {
          kept: (share, place, isPart) => this.cluster?.kept(share, place, isPart),
          released: (share) => this.cluster?.released(share),
          adopts: (name) => this.cluster?.adopts(name) === true,
          isNameOf: (name, share) => this.cluster?.isNameOf(name, share) === true,
          adopted: (name) => this.cluster?.adopted(name),
        },
      });
    const keeper = this.store;
    this.cluster =
      cluster &&
      new ClusterKeeper({
        name: cluster.name,
        site: cluster.site,
        me: randomBytes(RELAY_ID_BYTES).toString("hex"),
        secret: secretOf(cluster),
        publicOrigin: options.publicOrigin,
        open: async (events) => {
          const { openNatsKv } = await import("../cluster/nats-kv.ts");
          return await openNatsKv(cluster, events, report);
        },
        directory: this.directory,
        claim: (claim) => this.words.passed(claim),
        store: keeper && {
          kind: store?.place.kind ?? "disk",
          ordered: (order) => keeper.ordered(order),
          dropped: (key) => keeper.dropped(key),
          inquired: (asked) => void keeper.inquired(asked),
          bucket: bucketOf(store, cluster, options.fence),
        },
        toWorker,
        workers,
        report,
        clock,
      });
    for (const one of keeper?.shares ?? []) {
      this.cluster?.kept(one.share, one.share.place, !isWhole(one));
    }
    for (const each of keeper?.book.tombstones ?? []) this.cluster?.kept(each, undefined, false);
  }

  /** Channels with a live sender or a stored share, each once, in hex. */
  liveChannels(most: number): string[] {
    const live = this.directory.liveChannels(most);
    const stored = this.store?.book.channels(most) ?? [];
    return [...new Set([...live, ...stored])].slice(0, most);
  }

  /** Ends a share for all its clients. @returns false: no share has that number */
  removeShare(number: number): boolean {
    const now = clock();
    const stored = this.store?.remove(number);
    if (stored !== undefined) this.directory.forbid(stored, now);
    return stored !== undefined || this.directory.remove(number, now);
  }

  drain(): void {
    this.directory.drain();
    this.cluster?.drain();
  }
}

export function secretOf({ secret }: ClusterOptions): ClusterSecret {
  return new ClusterSecret(secret, nodePrimitives);
}

function bucketOf(
  store: OpenStore | undefined,
  cluster: ClusterOptions,
  fence: WriteFence,
): BucketOfCluster | undefined {
  if (store?.shared === undefined || store.place.kind !== "s3") return undefined;
  const id = secretOf(cluster).storeOf(store.place);
  return { id, fence, found: store.shared.found };
}
