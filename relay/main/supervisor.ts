/**
 * The main thread of a relay: holds its directory, its policy and its certificate, and its workers.
 * It starts, drains and ends the relay, and reports what operators should know. `startRelay()`
 * makes one; the admin listener sees it as `ManagedRelay`.
 */
import { randomBytes } from "node:crypto";

import { FaultError } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../cluster/proof.ts";
import { RELAY_ID_BYTES } from "../cluster/wire.ts";
import { WriteFence } from "../cluster/write-fence.ts";
import { LiveLimits, TICK_MS } from "../limits/limits.ts";
import { type RelayLimitName } from "../limits/operator-limits.ts";

import type { Ban, Bans } from "../access/bans.ts";
import type { FromCluster, Refuge } from "../cluster/messages.ts";
import type { Health, ManagedCluster, ManagedRelay, ManagedStore } from "../admin/manager.ts";
import { Measuring } from "../admin/measuring.ts";
import { KeptCertificate, type Certificate } from "../access/certificate.ts";
import {
  createAddressTable,
  forgetWorker,
  type AddressTableBuffers,
} from "../limits/address-table.ts";
import { descriptorLimit } from "../system/descriptors.ts";
import { Directory } from "./directory.ts";
import { createEgress } from "../net/egress.ts";
import { guardPort } from "../system/guard.ts";
import { LivePolicy } from "./live-policy.ts";
import { openLogFile, type LogFile } from "../log/log-file.ts";
import type { PageFile } from "../../web/mod.ts";
import type { ClusterPlace, Ports, WorkerStart } from "../worker/thread-messages.ts";
import type { Policy, WorkerPolicy } from "../access/policy.ts";
import { reclaim, type PoolBuffers } from "../log/block-pool.ts";
import {
  RefusalCounters,
  createRefusalCounters,
  refusalCounts,
} from "../limits/refusal-counters.ts";
import type { ToDirectory, ToStoreBook } from "../share/messages.ts";
import { isWhole } from "../store/kept-share.ts";
import { openStore, type OpenStore } from "../store/open-store.ts";
import type { S3Events } from "../store/s3-ledger.ts";
import type { DownloadWord } from "../share/edge-downloads.ts";
import type { ChannelQuestion } from "../share/look-ups.ts";
import type { ShareClaim } from "../store/book-effects.ts";
import { ClusterKeeper, type BucketOfCluster } from "./cluster-keeper.ts";
import { StoreKeeper } from "./store-keeper.ts";
import { SUPERVISION, type ClusterOptions, type RelayOptions } from "./options.ts";
import { reportAway, Reports, type Report, type ReportLevel } from "../worker/reports.ts";
import { WorkerPool } from "./worker-pool.ts";

export class Supervisor implements ManagedRelay {
  /** Resolves when the relay has ended, with why if it could not go on; never rejects. */
  readonly ended: Promise<FaultError | undefined>;
  readonly measuring: Measuring;
  readonly #options: RelayOptions;
  readonly #descriptors = descriptorLimit();
  readonly #reports: Reports;
  readonly #log: LogFile;
  readonly #directory: Directory;
  readonly #store: OpenStore | undefined;
  /** Of stored shares; undefined: the relay stores none. */
  readonly #keeper: StoreKeeper | undefined;
  /** Undefined: the relay is in no cluster. */
  readonly #cluster: ClusterKeeper | undefined;
  readonly #workers: WorkerPool;
  readonly #policy: LivePolicy;
  readonly #timers: readonly NodeJS.Timeout[];
  #guard = new DisposableStack();
  #port: number;
  #httpPort: number | undefined;
  #clusterPort: number | undefined;
  readonly #kept: KeptCertificate | undefined;
  readonly #refusals: SharedArrayBuffer;
  readonly #limits: LiveLimits;
  readonly #addresses: AddressTableBuffers;
  readonly #egress = createEgress();
  #started = false;
  /** When what still runs is cut off; undefined before a drain. */
  #drainedBy: number | undefined;
  #refuge: Refuge = "none";
  #stopping: Promise<void> | undefined;
  #fault: FaultError | undefined;
  readonly #end: (fault: FaultError | undefined) => void;

  /** @param fence of a store that other relays of the cluster use too */
  private constructor(options: RelayOptions, store: OpenStore | undefined, fence: WriteFence) {
    this.#options = options;
    const { onReport, onShares, onStats, reportLevel = "info", workers, policy, tls } = options;
    this.#reports = new Reports((report) => onReport?.(report), reportLevel);
    this.#port = options.port;
    this.#httpPort = options.httpPort;
    this.#policy = new LivePolicy({
      policy,
      tokenFile: options.tokenFile,
      banFile: options.banFile,
      workers,
      descriptors: this.#descriptors,
      changed: (changed) => this.#postPolicy(changed),
      trouble: (trouble) => this.#warn(trouble),
      info: (event, fields) => this.#report("info", event, fields),
    });
    this.#refusals = createRefusalCounters(workers);
    this.#kept = tls === undefined ? undefined : new KeptCertificate(tls, Date.now());
    // The kernel sends files as they are, and what goes out by TLS has to be encrypted first.
    this.#log = openLogFile({ ...options, zeroCopy: options.zeroCopy && tls === undefined });
    this.#addresses = createAddressTable(workers);
    const { promise, resolve } = Promise.withResolvers<FaultError | undefined>();
    this.ended = promise;
    this.#end = resolve;
    const supervision = { ...SUPERVISION, ...options.supervision };
    this.#workers = new WorkerPool({
      ...supervision,
      count: workers,
      startOf: (worker) => this.#startOf(worker),
      events: {
        ready: (...ready) => this.#ready(...ready),
        directory: (message) => this.#heard(message),
        storeBook: (message) => {
          if (isChannelQuestion(message)) this.#cluster?.handle(message);
          if (message.t === "inspect" || message.t === "revoke") this.#asked(message);
          else if (isDownload(message) && this.#cluster?.tellOwner(message) === true) return;
          else this.#keeper?.handle(message);
        },
        cluster: (message) => {
          this.#cluster?.handle(message);
          supervision.onLinks(message);
        },
        stats: (stats) => onStats?.(stats),
        measures: (measures) => this.measuring.received(measures),
        report: (report) => onReport?.(report),
        pageWanted: (worker) => void this.#givePage(worker),
        ended: (worker) => {
          this.measuring.lost(worker);
          reclaim(this.#log.pool, worker);
          forgetWorker(this.#addresses, worker);
        },
        lost: (worker) => {
          this.#keeper?.workerLost(worker);
          this.#cluster?.workerLost(worker);
          this.#directory.workerLost(worker, performance.now(), (channel) =>
            this.#keeper?.book.askerIn(channel),
          );
        },
        trouble: (trouble, event) => this.#warn(trouble, event),
        hopeless: (why) => this.#fail(why),
      },
    });
    this.#limits = new LiveLimits(policy.limits, new RefusalCounters(this.#refusals));
    this.#directory = new Directory(
      {
        toWorker: (worker, message) => this.#workers.post(worker, message),
        workers: () => this.#workers.ready(),
        report: (report) => this.#reports.report(report),
        changed: onShares,
        opened: (key) => this.#cluster?.opened(key),
        refused: (key) => this.#cluster?.refused(key),
        ended: (key, channel) => this.#cluster?.ended(key, channel),
      },
      this.#limits,
    );
    this.#store = store;
    this.#keeper =
      store &&
      new StoreKeeper({
        store,
        limits: this.#limits,
        directory: this.#directory,
        toWorker: (worker, message) => this.#workers.post(worker, message),
        workers: () => this.#workers.ready(),
        report: (report) => this.#reports.report(report),
        cluster: {
          kept: (share, place, isPart) => this.#cluster?.kept(share, place, isPart),
          released: (share) => this.#cluster?.released(share),
          adopts: (name) => this.#cluster?.adopts(name) === true,
          isNameOf: (name, share) => this.#cluster?.isNameOf(name, share) === true,
          adopted: (name) => this.#cluster?.adopted(name),
        },
      });
    const { cluster } = options;
    const keeper = this.#keeper;
    this.#cluster =
      cluster &&
      new ClusterKeeper({
        name: cluster.name,
        site: cluster.site,
        me: randomBytes(RELAY_ID_BYTES).toString("hex"),
        secret: secretOf(cluster),
        publicOrigin: policy.access.publicOrigin,
        open: async (events) => {
          const { openNatsKv } = await import("../cluster/nats-kv.ts");
          return await openNatsKv(cluster, events, (report) => this.#reports.report(report));
        },
        directory: this.#directory,
        claim: (claim) => this.#claim(claim),
        store: keeper && {
          kind: store?.place.kind ?? "disk",
          ordered: (order) => keeper.ordered(order),
          dropped: (key) => keeper.dropped(key),
          inquired: (asked) => void keeper.inquired(asked),
          bucket: bucketOf(store, cluster, fence),
        },
        toWorker: (worker, message) => this.#workers.post(worker, message),
        workers: () => this.#workers.ready(),
        report: (report) => this.#reports.report(report),
        clock: () => performance.now(),
      });
    for (const one of keeper?.shares ?? []) {
      this.#cluster?.kept(one.share, one.share.place, !isWhole(one));
    }
    for (const each of keeper?.book.tombstones ?? []) this.#cluster?.kept(each, undefined, false);
    this.measuring = new Measuring({
      ask: () => {
        this.#workers.postAll({ t: "measure" });
        return [...this.#workers.ready()];
      },
      clock: () => performance.now(),
    });
    this.#timers = [
      setInterval(() => this.#tick(performance.now()), TICK_MS),
      setInterval(() => this.#policy.pollTokens(false), supervision.tokensMs),
      setInterval(() => this.#pollCertificate(false), supervision.certificateMs),
    ];
  }

  /**
   * Starts all workers and resolves when each listens.
   * @throws FaultError `port-in-use`, `cannot-listen`, `bad-log-folder`, `bad-certificate`, `bad-tokens`,
   *   `bad-ban-file`, `relay-failed`
   */
  static async start(options: RelayOptions): Promise<Supervisor> {
    const { hostname, port, httpPort, workers, tls, onlyFor, supervision } = options;
    if (onlyFor !== undefined && workers !== 1) {
      throw new RangeError("a relay for one channel has one worker");
    }
    // A port that only one listener can have is kept by the kernel, and a free one is nobody else's.
    using guard = new DisposableStack();
    if ((workers > 1 || tls !== undefined) && port !== 0) guard.use(guardPort(hostname, port));
    if (httpPort !== undefined && httpPort !== 0) guard.use(guardPort(hostname, httpPort));
    const cluster = options.cluster?.listen ?? supervision?.cluster;
    if (cluster !== undefined && cluster.port !== 0 && workers > 1) {
      guard.use(guardPort(cluster.hostname, cluster.port));
    }
    let supervisor: Supervisor;
    const events: S3Events = {
      away: (...told) => reportAway(supervisor.#reports.report, ...told),
      held: (by) => options.onReport?.({ level: "warn", event: "store-held", fields: { by } }),
      lost: (by) => supervisor.#fail(`${by} took the store over`),
    };
    const fence = new WriteFence({
      clock: () => performance.now(),
      wallTime: () => Date.now(),
      isProven: () => supervisor.#cluster?.isProven === true,
    });
    const lease = options.cluster && secretOf(options.cluster).leaseOf(options.cluster.name);
    const shared = lease === undefined ? undefined : { lease, fence };
    const store = options.store && (await openStore(options.store, events, shared));
    try {
      supervisor = new Supervisor(options, store, fence);
    } catch (error) {
      await store?.ledger.close();
      throw error;
    }
    supervisor.#guard = guard.move();
    try {
      await supervisor.#workers.start();
      if (options.cluster !== undefined) {
        await supervisor.#cluster?.open(supervisor.#advertised(options.cluster));
      }
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
    supervisor.#started = true;
    supervisor.#report("info", "listening", { address: hostname, port: supervisor.port, workers });
    const { warning } = supervisor.#policy;
    if (warning !== undefined) supervisor.#warn(warning);
    return supervisor;
  }

  get health(): Health {
    return {
      isStarted: this.#started,
      isEnding: this.#drainedBy !== undefined || this.#stopping !== undefined,
      up: [...this.#workers.ready()].length,
      answering: this.#workers.answering,
      workers: this.#workers.count,
    };
  }

  liveChannels(most: number): string[] {
    const live = this.#directory.liveChannels(most);
    const stored = this.#keeper?.book.channels(most) ?? [];
    return [...new Set([...live, ...stored])].slice(0, most);
  }

  get shares(): Directory["list"] {
    return this.#directory.list;
  }

  get sharesOpened(): number {
    return this.#directory.openedEver;
  }

  get store(): ManagedStore | undefined {
    return this.#keeper;
  }

  get cluster(): ManagedCluster | undefined {
    return this.#cluster;
  }

  get workersLost(): number {
    return this.#workers.lost;
  }

  /** With the tokens of the file; not to be given to `setPolicy`. */
  get policy(): Policy {
    return this.#policy.current;
  }

  get bans(): Bans {
    return this.#policy.bans;
  }

  get pool(): PoolBuffers {
    return this.#log.pool;
  }

  get port(): number {
    return this.#port;
  }

  get httpPort(): number | undefined {
    return this.#httpPort;
  }

  /** Where other relays come. */
  get clusterPort(): number | undefined {
    return this.#clusterPort;
  }

  get certificate(): Certificate | undefined {
    return this.#kept?.certificate;
  }

  /** How often each limit was gone over. */
  get refusals(): Record<RelayLimitName, number> {
    return refusalCounts(this.#refusals);
  }

  /** Reads again what can change while it runs: bans, tokens and certificate. A fault there is told. */
  reload(): void {
    this.#report("info", "reloaded", {});
    this.#policy.reloadBans();
    this.#policy.pollTokens(true);
    this.#pollCertificate(true);
  }

  /** From now on that one holds, in every worker. @throws RangeError for a limit that is none */
  setPolicy(given: Policy): void {
    this.#policy.set(given);
  }

  /** @throws FaultError `bad-ban`, `bad-ban-file` */
  ban(range: string, until: number | undefined): Ban {
    return this.#policy.ban(range, until);
  }

  /** @returns whether there was such a ban. @throws FaultError `bad-ban-file` */
  unban(range: string): boolean {
    return this.#policy.unban(range);
  }

  /** Ends a share for all who are in it. @returns false: no share has that number */
  removeShare(number: number): boolean {
    const now = performance.now();
    const stored = this.#keeper?.remove(number);
    if (stored !== undefined) this.#directory.forbid(stored, now);
    return stored !== undefined || this.#directory.remove(number, now);
  }

  /** Has a worker read shares from another relay of the cluster, or no more. */
  toWorker(worker: number, message: FromCluster): void {
    this.#workers.post(worker, message);
  }

  /** Ends one worker as if it had crashed; for tests of supervision. */
  crash(worker: number): void {
    this.#workers.crash(worker);
  }

  /**
   * Takes no new socket and no new share, sends clients away that are in no transfer, and ends when
   * the last transfer has or after `ms`. Another relay may listen at the port at once.
   */
  async drain(ms: number): Promise<void> {
    if (this.#drainedBy === undefined && this.#stopping === undefined) {
      const now = performance.now();
      this.#drainedBy = now + ms;
      this.#report("info", "draining", { seconds: ms / 1000, shares: this.#directory.shares });
      this.#workers.drain();
      this.#guard.dispose();
      this.#directory.drain();
      this.#cluster?.drain();
      this.#tick(now);
    }
    await this.ended;
  }

  /** Tells all clients that the relay goes away, closes their sockets and ends the workers. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    // The next owner of what lies in a common bucket takes it once this relay has saved the rest.
    const isShared = this.#store?.shared !== undefined;
    if (isShared) this.#cluster?.leave();
    await Promise.all([this.#workers.end(), isShared || this.#cluster?.close()]);
    await this.#keeper?.close();
    await this.#cluster?.close();
    this.#guard.dispose();
    this.#log[Symbol.dispose]();
    if (this.#fault === undefined) this.#report("info", "ended", {});
    else this.#report("error", "ended", { why: this.#fault.detail ?? this.#fault.code });
    this.#end(this.#fault);
  }

  #tick(now: number): void {
    this.#reports.tick(now);
    this.#directory.tick(now);
    this.#keeper?.tick();
    this.#cluster?.tick();
    this.#policy.tick();
    if (this.#drainedBy === undefined) return;
    this.#findRefuge();
    if (this.#directory.shares === 0 || now >= this.#drainedBy) void this.stop();
  }

  /** Clients that another relay of the cluster can serve need not wait for the end. */
  #findRefuge(): void {
    const refuge = this.#cluster?.refuge ?? "none";
    if (refuge === this.#refuge) return;
    this.#refuge = refuge;
    if (refuge !== "none") this.#directory.awaitOwners();
    this.#workers.postAll({ t: "drain", refuge });
  }

  #heard(message: ToDirectory): void {
    if (message.t === "claim") {
      this.#claimed(message);
      return;
    }
    const isLeft = message.t === "orphan" || message.t === "close";
    // Its sender may be at another worker by now.
    if (isLeft && this.#directory.isOwner(message.key, message.epoch)) {
      this.#keeper?.senderLeft(message.key);
    }
    this.#directory.handle(message, performance.now());
  }

  /** The sender's share may be at another relay. */
  #asked(message: Extract<ToStoreBook, { t: "inspect" | "revoke" }>): void {
    const { t: question, ...asked } = message;
    const { key } = asked;
    const isHere = this.#keeper?.book.knows(key) === true;
    if (this.#cluster === undefined || isHere) this.#keeper?.handle(message);
    else this.#cluster.inquire({ ...asked, question });
  }

  /** The cluster is asked first, then the store. */
  #claimed(claim: ShareClaim): void {
    const cluster = this.#cluster;
    if (cluster === undefined) {
      this.#claim(claim);
      return;
    }
    const refusal = this.#directory.refusalOf(claim, performance.now());
    if (refusal === undefined) cluster.claim(claim);
    else this.#directory.refuse(claim, refusal, true);
  }

  #claim(claim: ShareClaim): void {
    if (claim.uplink === undefined && this.#keeper?.claim(claim) === true) return;
    this.#directory.claim(claim, performance.now());
  }

  get #clusterPlace(): ClusterPlace | undefined {
    const { cluster, supervision } = this.#options;
    const relay = this.#cluster?.me ?? "";
    const own = cluster && { ...cluster.listen, secret: cluster.secret, relay };
    const place = own ?? supervision?.cluster;
    return place && { ...place, port: this.#clusterPort ?? place.port };
  }

  /** HOST:PORT, by which other relays reach this one. */
  #advertised({ listen, advertise = listen }: ClusterOptions): string {
    const { hostname, port } = advertise;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return `${host}:${advertise === listen ? this.#clusterPort : (port ?? this.#clusterPort)}`;
  }

  #startOf(worker: number): WorkerStart {
    const {
      hostname,
      workers,
      stallMs,
      lobby,
      onlyFor,
      page,
      onStats,
      reportLevel = "info",
    } = this.#options;
    return {
      t: "start",
      worker,
      workers,
      hostname,
      port: this.#port,
      pool: this.#log.pool,
      zeroCopy: this.#log.zeroCopy,
      stallMs,
      lobby,
      onlyFor,
      page,
      stats: onStats !== undefined,
      reportLevel,
      policy: this.#policy.current,
      refusals: this.#refusals,
      descriptors: this.#descriptors,
      tls: this.#kept?.certificate.pair,
      httpPort: this.#httpPort,
      addresses: this.#addresses,
      egress: this.#egress,
      store: this.#store?.place,
      cluster: this.#clusterPlace,
      hasDirectory: this.#cluster !== undefined,
    };
  }

  #ready(worker: number, start: WorkerStart, { port, httpPort, clusterPort }: Ports): void {
    this.#port = port;
    this.#httpPort = httpPort;
    this.#clusterPort = clusterPort;
    // It may have changed since the thread was started.
    this.#workers.post(worker, { t: "policy", policy: this.#policy.current });
    const tls = this.#kept?.certificate.pair;
    if (tls !== undefined && tls !== start.tls) {
      this.#workers.post(worker, { t: "certificate", tls });
    }
    this.#directory.workerUp(worker);
  }

  /** Without a page browsers get the help page, as with `page: false`. */
  async #givePage(worker: number): Promise<void> {
    let files: readonly PageFile[] | undefined;
    try {
      const { pageFiles } = await import("../../web/mod.ts");
      files = await pageFiles();
    } catch (error) {
      const why = error instanceof AggregateError ? error.errors.join("; ") : String(error);
      this.#warn(`The page for browsers cannot be made, so they get the help page: ${why}`);
    }
    this.#workers.post(worker, { t: "page", files });
  }

  #postPolicy(policy: WorkerPolicy): void {
    this.#limits.now = policy.limits;
    this.#workers.postAll({ t: "policy", policy });
  }

  /** @param insists the operator asked for it */
  #pollCertificate(insists: boolean): void {
    const poll = this.#kept?.poll(Date.now(), insists);
    if (poll === undefined || poll.found === "same") return;
    if (poll.found === "trouble") {
      this.#warn(poll.trouble);
      return;
    }
    const { pair, endsAt } = poll.certificate;
    this.#workers.postAll({ t: "certificate", tls: pair });
    this.#report("info", "certificate-renewed", { until: new Date(endsAt).toISOString() });
  }

  /** Clients that are left hear goodbye, and the relay ends. */
  #fail(why: string): void {
    this.#fault ??= new FaultError("relay-failed", why);
    void this.stop();
  }

  #warn(trouble: string, event = "trouble"): void {
    this.#options.onTrouble?.(trouble);
    this.#report("warn", event, { trouble });
  }

  #report(level: ReportLevel, event: string, fields: Report["fields"]): void {
    this.#reports.report({ level, event, fields });
  }
}

function secretOf({ secret }: ClusterOptions): ClusterSecret {
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

function isChannelQuestion(message: ToStoreBook): message is ChannelQuestion {
  return message.t === "asked" || message.t === "unasked" || message.t === "look-up";
}

function isDownload(message: ToStoreBook): message is DownloadWord {
  return message.t === "begun" || message.t === "finishing" || message.t === "download";
}
