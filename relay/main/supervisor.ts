/**
 * The life of a relay, on its main thread: it starts, drains and ends the relay, and reports what operators should know. It
 * owns the workers, their setup, and the keepers of shares. `startRelay()` makes one; the admin listener sees it as
 * `ManagedRelay`.
 */
import { FaultError } from "../../protocol/mod.ts";
import { WriteFence } from "../cluster/write-fence.ts";
import { TICK_MS } from "../limits/limits.ts";
import { type RelayLimitName } from "../limits/operator-limits.ts";

import type { Ban, Bans } from "../access/bans.ts";
import type { FromCluster, Refuge } from "../cluster/messages.ts";
import type { Health, ManagedCluster, ManagedRelay, ManagedStore } from "../admin/manager.ts";
import { Measuring } from "../admin/measuring.ts";
import type { Certificate } from "../access/certificate.ts";
import type { Directory } from "./directory.ts";
import { CLUSTER_LISTEN, guardPort } from "../system/guard.ts";
import type { Policy } from "../access/policy.ts";
import type { PoolBuffers } from "../log/block-pool.ts";
import { openStore, type OpenStore } from "../store/open-store.ts";
import type { S3Events } from "../store/s3-ledger.ts";
import { SUPERVISION, type RelayOptions } from "./options.ts";
import { reportAway, Reports, type Report, type ReportLevel } from "../worker/reports.ts";
import { ShareKeepers, secretOf } from "./share-keepers.ts";
import { WorkerPool } from "./worker-pool.ts";
import { WorkerSetup } from "./worker-setup.ts";

export class Supervisor implements ManagedRelay {
  /** Resolves when the relay has ended, with why if it could not go on; never rejects. */
  readonly ended: Promise<FaultError | undefined>;
  readonly measuring: Measuring;
  readonly #options: RelayOptions;
  readonly #reports: Reports;
  readonly #store: OpenStore | undefined;
  readonly #keepers: ShareKeepers;
  readonly #workers: WorkerPool;
  readonly #setup: WorkerSetup;
  readonly #timers: readonly NodeJS.Timeout[];
  #guard = new DisposableStack();
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
    this.#store = store;
    const { onReport, onStats, reportLevel = "info", workers } = options;
    this.#reports = new Reports((report) => onReport?.(report), reportLevel);
    this.#setup = new WorkerSetup(options, {
      post: (worker, message) => this.#workers.post(worker, message),
      postAll: (message) => this.#workers.postAll(message),
      trouble: (trouble) => this.#warn(trouble),
      info: (event, fields) => this.#report("info", event, fields),
    });
    const { promise, resolve } = Promise.withResolvers<FaultError | undefined>();
    this.ended = promise;
    this.#end = resolve;
    const supervision = { ...SUPERVISION, ...options.supervision };
    this.#workers = new WorkerPool({
      ...supervision,
      count: workers,
      startOf: (worker) => this.#setup.startOf(worker, store?.place, this.#keepers.cluster?.me),
      events: {
        ready: (worker, ...ready) => {
          this.#setup.ready(worker, ...ready);
          this.#keepers.directory.workerUp(worker);
        },
        directory: (message) => this.#keepers.words.heard(message),
        storeBook: (message) => this.#keepers.words.heardOfStore(message),
        cluster: (message) => {
          this.#keepers.cluster?.handle(message);
          supervision.onLinks(message);
        },
        stats: (stats) => onStats?.(stats),
        measures: (measures) => this.measuring.received(measures),
        report: (report) => onReport?.(report),
        pageWanted: (worker) => void this.#setup.givePage(worker),
        ended: (worker) => {
          this.measuring.lost(worker);
          this.#setup.workerEnded(worker);
        },
        lost: (worker) => this.#keepers.words.workerLost(worker),
        trouble: (trouble, event) => this.#warn(trouble, event),
        hopeless: (why) => this.#fail(why),
      },
    });
    this.#keepers = new ShareKeepers({
      limits: this.#setup.limits,
      store,
      fence,
      cluster: options.cluster,
      publicOrigin: options.policy.access.publicOrigin,
      changed: options.onShares,
      toWorker: (worker, message) => this.#workers.post(worker, message),
      workers: () => this.#workers.ready(),
      report: (report) => this.#reports.report(report),
    });
    this.measuring = new Measuring({
      ask: () => {
        this.#workers.postAll({ t: "measure" });
        return [...this.#workers.ready()];
      },
      clock: () => performance.now(),
    });
    this.#timers = [
      setInterval(() => this.#tick(performance.now()), TICK_MS),
      setInterval(() => this.#setup.policy.pollTokens(false), supervision.tokensMs),
      setInterval(() => this.#setup.pollCertificate(false), supervision.certificateMs),
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
    if (httpPort !== undefined && httpPort !== 0)
      guard.use(guardPort(hostname, httpPort, "--http-port"));
    const cluster = options.cluster?.listen ?? supervision?.cluster;
    if (cluster !== undefined && cluster.port !== 0) {
      guard.use(guardPort(cluster.hostname, cluster.port, CLUSTER_LISTEN));
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
      isProven: () => supervisor.#keepers.cluster?.isProven === true,
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
        const address = supervisor.#setup.advertised(options.cluster);
        await supervisor.#keepers.cluster?.open(address);
      }
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
    supervisor.#started = true;
    supervisor.#report("info", "listening", { address: hostname, port: supervisor.port, workers });
    const { warning } = supervisor.#setup.policy;
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
    return this.#keepers.liveChannels(most);
  }

  get shares(): Directory["list"] {
    return this.#keepers.directory.list;
  }

  get sharesOpened(): number {
    return this.#keepers.directory.openedEver;
  }

  get store(): ManagedStore | undefined {
    return this.#keepers.store;
  }

  get cluster(): ManagedCluster | undefined {
    return this.#keepers.cluster;
  }

  get workersLost(): number {
    return this.#workers.lost;
  }

  /** With the tokens of the file; not to be given to `setPolicy`. */
  get policy(): Policy {
    return this.#setup.policy.current;
  }

  get bans(): Bans {
    return this.#setup.policy.bans;
  }

  get pool(): PoolBuffers {
    return this.#setup.log.pool;
  }

  get port(): number {
    return this.#setup.ports.port;
  }

  get httpPort(): number | undefined {
    return this.#setup.ports.httpPort;
  }

  /** Where other relays come. */
  get clusterPort(): number | undefined {
    return this.#setup.ports.clusterPort;
  }

  get certificate(): Certificate | undefined {
    return this.#setup.certificate;
  }

  /** How often each limit was gone over. */
  get refusals(): Record<RelayLimitName, number> {
    return this.#setup.refusalCounts;
  }

  /** Reads again what can change while it runs: bans, tokens and certificate. A fault there is told. */
  reload(): void {
    this.#report("info", "reloaded", {});
    this.#setup.policy.reloadBans();
    this.#setup.policy.pollTokens(true);
    this.#setup.pollCertificate(true);
  }

  /** From now on that one holds, in every worker. @throws RangeError for a limit that is none */
  setPolicy(given: Policy): void {
    this.#setup.policy.set(given);
  }

  /** @throws FaultError `bad-ban`, `bad-ban-file` */
  ban(range: string, until: number | undefined): Ban {
    return this.#setup.policy.ban(range, until);
  }

  /** @returns whether there was such a ban. @throws FaultError `bad-ban-file` */
  unban(range: string): boolean {
    return this.#setup.policy.unban(range);
  }

  /** Ends a share for all who are in it. @returns false: no share has that number */
  removeShare(number: number): boolean {
    return this.#keepers.removeShare(number);
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
      this.#report("info", "draining", {
        seconds: ms / 1000,
        shares: this.#keepers.directory.shares,
      });
      this.#workers.drain();
      this.#guard.dispose();
      this.#keepers.drain();
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
    const { store, cluster } = this.#keepers;
    // Other relays take over the shares in a common bucket once this relay has saved the rest.
    const isShared = this.#store?.shared !== undefined;
    if (isShared) cluster?.leave();
    await Promise.all([this.#workers.end(), isShared || cluster?.close()]);
    await store?.close();
    await cluster?.close();
    this.#guard.dispose();
    this.#setup.log[Symbol.dispose]();
    if (this.#fault === undefined) this.#report("info", "ended", {});
    else this.#report("error", "ended", { why: this.#fault.detail ?? this.#fault.code });
    this.#end(this.#fault);
  }

  #tick(now: number): void {
    this.#reports.tick(now);
    this.#keepers.words.tick();
    this.#setup.policy.tick();
    if (this.#drainedBy === undefined) return;
    this.#findRefuge();
    if (this.#keepers.directory.shares === 0 || now >= this.#drainedBy) void this.stop();
  }

  /** Sends clients to other relays of the cluster that can serve them, instead of waiting for the end. */
  #findRefuge(): void {
    const refuge = this.#keepers.cluster?.refuge ?? "none";
    if (refuge === this.#refuge) return;
    this.#refuge = refuge;
    if (refuge !== "none") this.#keepers.directory.awaitOwners();
    this.#workers.postAll({ t: "drain", refuge });
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
