/**
 * Runs the book of the cluster: gives it messages of workers and of the directory in NATS, the relay's own directory, and
 * the time, and carries its effects out in their order. The supervisor owns it, if the relay is in a cluster.
 *
 *   workers --claim, asked, look-up--> keeper --put-share, remove-share--> NATS
 *           <--link, unlink, refused--        <--share, relay, synced-----
 *   directory <--claim, drop---------- keeper <--opened, refused, ended--- directory
 */
import { FaultError, fromHex, socketFault, toHex, type Message } from "../../protocol/mod.ts";
import type { AskedShare, ClusterEffect, StoreOrder } from "../cluster/book-effects.ts";
import { ClusterBook, type ClusterCounts } from "../cluster/cluster-book.ts";
import type {
  DirectoryEvents,
  DirectoryKv,
  Outcome,
  RelayValue,
  StoreKind,
} from "../cluster/directory-kv.ts";
import type { ClusterRelay } from "../cluster/known-relays.ts";
import type { FromCluster, Refuge, ToCluster } from "../cluster/messages.ts";
import type { ClusterSecret } from "../cluster/proof.ts";
import type { KeptShare } from "../cluster/slot.ts";
import { Strangers } from "../cluster/strangers.ts";
import { CLUSTER_VERSION } from "../cluster/wire.ts";
import type { WriteFence } from "../cluster/write-fence.ts";
import type { ManagedCluster } from "../admin/manager.ts";
import { toEdgeDownload, type DownloadWord } from "../share/edge-downloads.ts";
import type { ChannelQuestion } from "../share/look-ups.ts";
import type { FromStoreBook } from "../share/messages.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import type { StoredShare } from "../store/stored-share.ts";
import type { Reporter } from "../worker/reports.ts";
import { BucketRight } from "./bucket-right.ts";
import type { Directory } from "./directory.ts";

/** NATS that does not answer holds up the end of the relay so long at most; the others find out by its heartbeat. ms */
const CLOSE_MS = 2000;
/**
 * Relays that are all told to end at once hear of each other within this time, and keep their clients. The port for clients
 * is closed meanwhile, so a balancer sends new clients elsewhere. ms
 */
export const REFUGE_AFTER_MS = 500;

export interface ClusterKeeperOptions {
  readonly name: string;
  readonly me: string;
  /** The site of the relay, see `relay/cluster/routes.ts`. */
  readonly site?: string | undefined;
  readonly secret: ClusterSecret;
  /** The public address of the relay; undefined: the operator named none. */
  readonly publicOrigin?: string | undefined;
  /** Opens the directory in NATS; returns before there is a connection. */
  readonly open: (events: DirectoryEvents) => Promise<DirectoryKv>;
  readonly directory: Directory;
  /** The cluster has nothing against it: the store and the relay's directory may have it. */
  readonly claim: (claim: ShareClaim) => void;
  /** Undefined: the relay has no store. */
  readonly store?: StoreOfCluster | undefined;
  readonly toWorker: (worker: number, message: FromCluster | FromStoreBook) => void;
  readonly workers: () => Iterable<number>;
  readonly report: Reporter;
  readonly clock: () => number;
  /** A number in [0, 1) (default: Math.random). */
  readonly random?: () => number;
}

/** The store of this relay, as the cluster's book speaks to it. */
export interface StoreOfCluster {
  readonly kind: StoreKind;
  ordered(order: StoreOrder): void;
  /** No link reads the share any more. */
  dropped(key: string): void;
  /** No relay has the share. With a bucket the store answers. */
  inquired(asked: AskedShare): void;
  /** Undefined: no other relay of the cluster uses it. */
  readonly bucket?: BucketOfCluster | undefined;
}

type ShareName = Pick<StoredShare, "key" | "channel">;

export interface BucketOfCluster {
  /** See `OwnerValue.store`. */
  readonly id: string;
  readonly fence: WriteFence;
  /** See `SharedStore.found`. */
  readonly found: StoredShare[];
}

export class ClusterKeeper implements ManagedCluster {
  readonly name: string;
  readonly me: string;
  readonly #options: ClusterKeeperOptions;
  readonly #book: ClusterBook;
  #address = "";
  #kv: DirectoryKv | undefined;
  /** Changes of the directory in NATS that were not answered. */
  readonly #asking = new Set<Promise<void>>();
  #since: number;
  #wasConnected = false;
  /** Undefined: the relay uses no bucket together with others. */
  readonly #right: BucketRight | undefined;
  #isActing = false;
  #isClosed = false;
  readonly #public: string | undefined;
  #drainsSince: number | undefined;

  constructor(options: ClusterKeeperOptions) {
    const { name, me, site, secret, store, publicOrigin } = options;
    const { report, clock, random = Math.random } = options;
    this.name = name;
    this.me = me;
    this.#public = publicOrigin && secret.blinded(toHex(new TextEncoder().encode(publicOrigin)));
    this.#options = options;
    this.#since = clock();
    this.#book = new ClusterBook(
      {
        me,
        site,
        blinded: (id) => secret.blinded(id),
        masked: (channel, share) => secret.masked(channel, share),
        maskedPlace: (place, share) => secret.maskedPlace(place, share),
        store: store?.bucket?.id,
        random,
        report,
      },
      this.#since,
    );
    const { fence, found = [] } = store?.bucket ?? {};
    const { toWorker, workers } = options;
    const book = this.#book;
    this.#right = fence && new BucketRight({ fence, book, toWorker, workers });
    this.#book.found(
      found.splice(0).map((share) => this.#keptOf(share, share.place, "s3")),
      this.#since,
    );
  }

  #keptOf({ key, channel }: ShareName, place: string | undefined, stored: StoreKind): KeptShare {
    return { key, channel, place, stored, store: this.#options.store?.bucket?.id };
  }

  get address(): string {
    return this.#address;
  }

  get counts(): ClusterCounts {
    return this.#book.counts;
  }

  get since(): number {
    return this.#since;
  }

  get relays(): readonly ClusterRelay[] {
    return this.#book.cluster();
  }

  get roundTrip(): number | undefined {
    return this.#kv?.roundTrip;
  }

  /**
   * From now on the other relays can find this one. @param address HOST:PORT
   * @throws FaultError `no-nats`, `bad-cluster`
   */
  async open(address: string): Promise<void> {
    this.#address = address;
    const { secret, report } = this.#options;
    const strangers = new Strangers(secret, report);
    const on =
      <Given extends readonly unknown[]>(tell: (now: number, ...given: Given) => void) =>
      (...given: Given): void =>
        this.#tell((now) => tell(now, ...given));
    this.#kv = await this.#options.open({
      share: on((now, entry) => this.#book.share(entry, now)),
      relay: on((now, entry) => this.#book.relay(strangers.marked(entry), now)),
      synced: on((now, keys) => this.#book.synced(keys, now)),
      connected: on((now, is) => this.#book.connected(is, now)),
    });
    this.#tell(() => undefined);
  }

  claim(claim: ShareClaim): void {
    this.#tell((now) => this.#book.claim(claim, now));
  }

  handle(message: ToCluster | ChannelQuestion): void {
    this.#tell((now) => {
      switch (message.t) {
        case "asked":
          // Receivers of other relays need no links of this one: each would keep the other's alive.
          if (message.isForEdges) this.#book.unasked(message.worker, message.channel, now);
          else this.#book.asked(message.worker, message.channel, now);
          return;
        case "unasked":
          this.#book.unasked(message.worker, message.channel, now);
          return;
        case "look-up":
          this.#book.lookUp(message.worker, message.question, message.key, now);
          return;
        case "linked":
          this.#book.linked(message.link);
          return;
        case "link-lost":
          this.#book.linkLost(message.link, now);
          return;
        case "over-there":
          this.#book.over(message.link, message.list);
          return;
        case "through":
          this.#book.through(message, now);
          return;
      }
    });
  }

  /** Tells the relay that stores a share of a receiver here. @returns false: no link reads the share */
  tellOwner(word: DownloadWord): boolean {
    const link = this.#book.linkOf(word.key);
    if (link === undefined) return false;
    const message = toEdgeDownload(word);
    this.#options.toWorker(link.worker, { t: "tell-owner", link: link.id, message });
    return true;
  }

  // The relay's directory

  opened(key: string): void {
    this.#tell(() => this.#book.opened(key));
  }

  refused(key: string): void {
    this.#tell(() => this.#book.refused(key));
  }

  ended(key: string, channel: string): void {
    this.#tell((now) => this.#book.ended(key, channel, now));
  }

  // The relay's store

  /** @param place undefined: it is over */
  kept({ key, channel }: ShareName, place: string | undefined, isPart: boolean): void {
    const stored = this.#options.store?.kind;
    if (stored === undefined) return;
    const share = { ...this.#keptOf({ key, channel }, place, stored), isPart };
    this.#tell((now) => this.#book.kept(share, now));
  }

  adopts(name: string): boolean {
    return this.#book.adopts(name);
  }

  isNameOf(name: string, { key, channel }: StoredShare): boolean {
    return this.#book.nameOf(channel, key) === name;
  }

  adopted(name: string): void {
    this.#tell((now) => this.#book.adopted(name, now));
  }

  /** Whether the directory names this relay as the owner of each share that it keeps in the bucket. */
  get isProven(): boolean {
    return this.#right?.isProven === true;
  }

  released({ key, channel }: ShareName): void {
    this.#tell((now) => this.#book.released(key, channel, now));
  }

  /** A sender asks about a share that the store does not know. */
  inquire(asked: AskedShare): void {
    this.#tell((now) => this.#book.inquire(asked, now));
  }

  workerLost(worker: number): void {
    this.#tell((now) => this.#book.workerLost(worker, now));
  }

  tick(): void {
    this.#tell((now) => this.#book.tick(now));
  }

  /** The other relays send no client here from now on. */
  drain(): void {
    this.#drainsSince = this.#options.clock();
    this.#tell((now) => this.#book.retire(now));
  }

  /** The clients of this draining relay that shall go on at another one. */
  get refuge(): Refuge {
    const now = this.#options.clock();
    if (now - (this.#drainsSince ?? now) < REFUGE_AFTER_MS) return "none";
    return this.#book.refuge(now, this.#public);
  }

  /** Takes the live shares out of the directory, so that the other relays need not wait for a heartbeat. */
  leave(): void {
    for (const { record } of this.#options.directory.list) {
      if (record.remote === undefined) this.ended(record.key, record.channel);
    }
    this.#isClosed = true;
  }

  /** Takes the address out of the directory too. Other relays take over the shares in a common bucket then. */
  async close(): Promise<void> {
    this.leave();
    const kv = this.#kv;
    this.#kv = undefined;
    if (kv === undefined) return;
    const farewell =
      this.#options.store?.bucket === undefined
        ? kv.removeRelay(this.me)
        : kv.putRelay(this.me, { ...this.#value, hasLeft: true });
    const left = Promise.all([...this.#asking, this.#ask(farewell)]);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_MS);
    await Promise.race([left, late]);
    clearTimeout(timer);
    await kv.close();
  }

  #tell(tell: (now: number) => void): void {
    if (this.#isClosed) return;
    const now = this.#options.clock();
    this.#right?.look(now);
    tell(now);
    const { isConnected } = this.#book;
    if (isConnected !== this.#wasConnected) {
      this.#wasConnected = isConnected;
      this.#since = now;
    }
    const kv = this.#kv;
    // An effect may ask for more: that comes after those before it.
    if (kv === undefined || this.#isActing) return;
    this.#isActing = true;
    for (;;) {
      const effects = this.#book.take();
      if (effects.length === 0) break;
      for (const effect of effects) this.#do(effect, kv);
    }
    this.#isActing = false;
    this.#right?.settled();
  }

  #do(effect: ClusterEffect, kv: DirectoryKv): void {
    const { directory, claim, store, toWorker, workers, clock } = this.#options;
    switch (effect.t) {
      case "put-share": {
        const { op, key, value, revision } = effect;
        void this.#ask(kv.putShare(key, value, revision), this.#changed(op));
        return;
      }
      case "remove-share":
        void this.#ask(kv.removeShare(effect.key, effect.revision), this.#changed(effect.op));
        return;
      case "put-relay": {
        const fence = store?.bucket?.fence;
        const sent = fence?.now;
        const taken = (outcome: Outcome): void => {
          if (outcome.t !== "done" || sent === undefined) return;
          fence?.held(sent);
          this.#tell(() => undefined);
          this.#right?.tell();
        };
        void this.#ask(kv.putRelay(this.me, this.#value), taken);
        return;
      }
      case "remove-relay":
        void this.#ask(kv.removeRelay(effect.id));
        return;
      case "claim":
        claim(effect.claim);
        return;
      case "refuse":
        directory.refuse(effect.claim, effect.fault, true);
        return;
      case "yield": {
        const detail = effect.again ? "the directory of its cluster lost the share" : undefined;
        const fault = socketFault(effect.again ? "going-away" : "replaced");
        for (const worker of workers()) {
          toWorker(worker, { t: "sender-failed", key: effect.key, fault, detail });
        }
        return;
      }
      case "drop":
        directory.drop(effect.key, clock());
        store?.dropped(effect.key);
        return;
      case "over": {
        const { worker, list, ...message } = effect;
        for (const { share, reason } of list) {
          directory.givenOver(toHex(share), new FaultError(reason));
        }
        toWorker(worker, { ...message, list });
        return;
      }
      case "link":
      case "unlink":
      case "forward":
      case "looked-up": {
        const { worker, ...message } = effect;
        toWorker(worker, message);
        return;
      }
      case "unknown-share": {
        const { worker, socket } = effect;
        if (store?.bucket !== undefined) store.inquired(effect);
        else toWorker(worker, { t: "answer", socket, message: unknownAnswer(effect) });
        return;
      }
      case "unasked-share": {
        const { worker, socket, fault } = effect;
        const { code, detail } = fault;
        toWorker(worker, { t: "socket-failed", socket, fault: socketFault(code), detail });
        return;
      }
      case "quiet":
      case "loud":
      case "adopt":
      case "disown":
        store?.ordered(effect);
        return;
    }
  }

  get #value(): RelayValue {
    const { site, secret } = this.#options;
    return {
      address: this.#address,
      version: CLUSTER_VERSION,
      proof: secret.blinded(this.me),
      ...(site !== undefined && { site }),
      ...(this.#public !== undefined && { public: this.#public }),
      ...(this.#drainsSince !== undefined && { drains: true }),
    };
  }

  #changed(op: number): (outcome: Outcome) => void {
    return (outcome) => this.#tell((now) => this.#book.outcome(op, outcome, now));
  }

  #ask(answer: Promise<Outcome>, answered?: (outcome: Outcome) => void): Promise<void> {
    const asking = answer
      .catch((error: unknown): Outcome => ({ t: "unknown", why: String(error) }))
      .then((outcome) => {
        this.#asking.delete(asking);
        answered?.(outcome);
      });
    this.#asking.add(asking);
    return asking;
  }
}

/** The answer to a question about a share that no store has. */
export function unknownAnswer({ key, question }: Pick<AskedShare, "key" | "question">): Message {
  const share = fromHex(key) ?? new Uint8Array(16);
  if (question === "revoke") return { t: "revoked", share, known: false };
  return { t: "inspected", share, state: "unknown", records: 0, downloads: 0, receipts: [] };
}
