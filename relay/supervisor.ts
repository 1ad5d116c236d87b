import {
  CERTIFICATE_EVERY_MS,
  FaultError,
  OPEN_FILES_WANTED,
  TICK_MS,
  TOKENS_EVERY_MS,
  WORKER_PING_MS,
  WORKER_RESTART_MS,
  type RelayLimitName,
} from "../protocol/mod.ts";

import { Bounds } from "./bounds.ts";
import { KeptCertificate, type Certificate, type CertificateFiles } from "./certificate.ts";
import { createCrowd, forgetCrowd, type CrowdBuffers } from "./crowd.ts";
import type { Managed } from "./admin/manager.ts";
import type { AdminOptions } from "./admin/listener.ts";
import { Bans, type Ban } from "./admin/bans.ts";
import { Measuring } from "./admin/measuring.ts";
import { clientsWithin, descriptorLimit } from "./descriptors.ts";
import { Directory } from "./directory.ts";
import { createEgress } from "./egress.ts";
import { guardPort, listenFault } from "./guard.ts";
import type { ToWorker } from "./messages.ts";
import { openLogFile, type LogFile, type LogFileOptions } from "./log-file.ts";
import type { Policy, WorkerPolicy } from "./policy.ts";
import { reclaim, type PoolBuffers } from "./pool.ts";
import { Refusals, createRefusals, refusalsIn } from "./refusals.ts";
import { checkLimits } from "./relay-limits.ts";
import { Reports, type Report, type ReportLevel, type Reporter } from "./reports.ts";
import { Restarts } from "./restarts.ts";
import type { WorkerStats } from "./stats.ts";
import { KeptTokens } from "./token-file.ts";
import { WorkerThread } from "./worker-thread.ts";

export interface RelayOptions extends LogFileOptions {
  /** Address to listen at. */
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Streaming worker threads; more than one needs SO_REUSEPORT, which only Linux has. */
  readonly workers: number;
  /** A receiver of a share that can't be read again may make no progress for so long. ms */
  readonly stallMs: number;
  /** Whether the lobby is open to the original app's clients and to HTTP. */
  readonly lobby: boolean;
  readonly policy: Policy;
  /** The file of its tokens; undefined: there are those of the policy alone. */
  readonly tokenFile?: string | undefined;
  /** Files of the certificate with which it speaks TLS; undefined: its sockets are not encrypted. */
  readonly tls?: CertificateFiles | undefined;
  /** With `tls`: a plain port that only says to come by TLS. 0 takes a free one. */
  readonly httpPort?: number | undefined;
  /** Where those who run it can see and steer it; without it nowhere. */
  readonly admin?: AdminOptions | undefined;
  /** Where bans are kept; without it they end with the relay. */
  readonly banFile?: string | undefined;
  /** Told of troubles of the relay itself; nothing in them comes from a peer. */
  readonly onTrouble?: (trouble: string) => void;
  /** Told of what an operator should know. */
  readonly onReport?: Reporter;
  /** The least of it; `info` unless told otherwise. */
  readonly reportLevel?: ReportLevel;
  /** Told what each worker measures of itself, STATS_EVERY_MS apart; without it nothing is measured. */
  readonly onStats?: (stats: WorkerStats) => void;
  /** For tests of supervision. */
  readonly supervision?: Partial<Supervision>;
}

/** What tests of supervision make different. */
export interface Supervision {
  /** Address of the workers' module. */
  readonly script: string;
  /** Instead of WORKER_PING_MS. */
  readonly pingMs: number;
  /** Instead of WORKER_RESTART_MS. */
  readonly restartMs: number;
  /** Instead of TOKENS_EVERY_MS. */
  readonly tokensMs: number;
  /** Instead of CERTIFICATE_EVERY_MS. */
  readonly certificateMs: number;
}

const supervised: Supervision = {
  script: new URL("./worker.ts", import.meta.url).href,
  pingMs: WORKER_PING_MS,
  restartMs: WORKER_RESTART_MS,
  tokensMs: TOKENS_EVERY_MS,
  certificateMs: CERTIFICATE_EVERY_MS,
};

export interface Health {
  /** Every worker was up once. */
  readonly isStarted: boolean;
  readonly isEnding: boolean;
  /** Workers that take clients. */
  readonly up: number;
  /** Of those, who answered when asked last. */
  readonly answering: number;
  /** Workers that there should be. */
  readonly workers: number;
}

/** The place of one worker: threads come and go in it. */
interface Place {
  readonly restarts: Restarts;
  thread: WorkerThread | undefined;
  /** Set while a new thread waits for its time. */
  again: NodeJS.Timeout | undefined;
}

/** The main thread of a relay: starts workers, replaces one that fails, holds the directory. */
export class Supervisor implements Managed {
  /** Resolves when the relay has ended, with why if it could not go on; never rejects. */
  readonly ended: Promise<FaultError | undefined>;
  readonly measuring: Measuring;
  readonly bans: Bans;
  readonly #options: RelayOptions;
  readonly #descriptors = descriptorLimit();
  readonly #reports: Reports;
  readonly #supervision: Supervision;
  readonly #log: LogFile;
  readonly #directory: Directory;
  readonly #places: readonly Place[];
  readonly #timers: readonly NodeJS.Timeout[];
  /** Workers that ended, and not with the relay. */
  workersLost = 0;
  #guard = new DisposableStack();
  #port: number;
  #httpPort: number | undefined;
  readonly #kept: KeptCertificate | undefined;
  readonly #keptTokens: KeptTokens | undefined;
  #policy: Policy;
  readonly #refusals: SharedArrayBuffer;
  readonly #bounds: Bounds;
  readonly #crowd: CrowdBuffers;
  readonly #egress = createEgress();
  #started = false;
  /** When what still runs is cut off; undefined before a drain. */
  #drainedBy: number | undefined;
  #stopping: Promise<void> | undefined;
  #fault: FaultError | undefined;
  readonly #end: (fault: FaultError | undefined) => void;

  private constructor(options: RelayOptions) {
    this.#options = options;
    const { onReport, reportLevel = "info" } = options;
    this.#reports = new Reports((report) => onReport?.(report), reportLevel);
    this.#supervision = { ...supervised, ...options.supervision };
    this.#port = options.port;
    this.#httpPort = options.httpPort;
    checkLimits(options.policy.limits);
    const { tokenFile } = options;
    this.#keptTokens = tokenFile === undefined ? undefined : new KeptTokens(tokenFile);
    this.#policy = this.#withinDescriptors(options.policy);
    this.bans = new Bans(options.banFile);
    this.bans.expire(Date.now());
    this.#refusals = createRefusals(options.workers);
    const { tls } = options;
    this.#kept = tls === undefined ? undefined : new KeptCertificate(tls, Date.now());
    // The kernel sends files as they are, and what goes out by TLS has to be encrypted first.
    this.#log = openLogFile({ ...options, zeroCopy: options.zeroCopy && tls === undefined });
    this.#crowd = createCrowd(options.workers);
    const { promise, resolve } = Promise.withResolvers<FaultError | undefined>();
    this.ended = promise;
    this.#end = resolve;
    const { pingMs, restartMs, tokensMs, certificateMs } = this.#supervision;
    this.#places = Array.from({ length: options.workers }, () => ({
      restarts: new Restarts(restartMs),
      thread: undefined,
      again: undefined,
    }));
    this.#bounds = new Bounds(options.policy.limits, new Refusals(this.#refusals));
    this.#directory = new Directory(
      {
        toWorker: (worker, message) => this.#post(worker, message),
        workers: () => this.#up(),
        report: (report) => this.#reports.report(report),
      },
      this.#bounds,
    );
    this.measuring = new Measuring({
      ask: () => {
        const up = [...this.#up()];
        for (const worker of up) this.#post(worker, { t: "measure" });
        return up;
      },
      clock: () => performance.now(),
    });
    this.#timers = [
      setInterval(() => this.#tick(performance.now()), TICK_MS),
      setInterval(() => this.#ping(), pingMs),
      setInterval(() => this.#lookAtTokens(false), tokensMs),
      setInterval(() => this.#lookAtCertificate(false), certificateMs),
    ];
  }

  /**
   * Starts all workers and resolves when each listens.
   * @throws FaultError `port-in-use`, `cannot-listen`, `bad-log-folder`, `bad-certificate`, `bad-tokens`,
   *   `relay-failed`
   */
  static async start(options: RelayOptions): Promise<Supervisor> {
    const { hostname, port, httpPort, workers, tls } = options;
    // A port that only one listener can have is kept by the kernel, and a free one is nobody else's.
    using guard = new DisposableStack();
    if ((workers > 1 || tls !== undefined) && port !== 0) guard.use(guardPort(hostname, port));
    if (httpPort !== undefined && httpPort !== 0) guard.use(guardPort(hostname, httpPort));
    const supervisor = new Supervisor(options);
    supervisor.#guard = guard.move();
    try {
      // One after the other: the first finds the port that the others share.
      for (let worker = 0; worker < workers; worker++) {
        await new Promise<void>((resolve, reject) => supervisor.#spawn(worker, resolve, reject));
      }
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
    supervisor.#started = true;
    supervisor.#report("info", "listening", { address: hostname, port: supervisor.port, workers });
    const warning = supervisor.#keptTokens?.warning;
    if (warning !== undefined) supervisor.#tell(warning);
    return supervisor;
  }

  /** What health checks ask for. */
  get health(): Health {
    const threads = this.#places.map(({ thread }) => thread);
    return {
      isStarted: this.#started,
      isEnding: this.#drainedBy !== undefined || this.#stopping !== undefined,
      up: threads.filter((thread) => thread?.isReady === true).length,
      answering: threads.filter((thread) => thread?.isAnswering === true).length,
      workers: threads.length,
    };
  }

  get shares(): Directory["list"] {
    return this.#directory.list;
  }

  get sharesOpened(): number {
    return this.#directory.openedEver;
  }

  /** With the tokens of the file; not to be given to `setPolicy`. */
  get policy(): Policy {
    return this.#workerPolicy;
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

  get certificate(): Certificate | undefined {
    return this.#kept?.certificate;
  }

  /** Reads again what can change while it runs: tokens and certificate. What is wrong there is told. */
  reload(): void {
    this.#report("info", "reloaded", {});
    this.#reloadBans();
    this.#lookAtTokens(true);
    this.#lookAtCertificate(true);
  }

  /** How often each limit was gone over. */
  get refusals(): Record<RelayLimitName, number> {
    return refusalsIn(this.#refusals);
  }

  /** From now on that one holds, in every worker. @throws RangeError for a limit that is none */
  setPolicy(given: Policy): void {
    checkLimits(given.limits);
    const policy = this.#withinDescriptors(given);
    this.#policy = policy;
    this.#bounds.limits = policy.limits;
    this.#tellPolicy();
  }

  /** @throws FaultError `bad-ban`, `bad-ban-file` */
  ban(range: string, until: number | undefined): Ban {
    const ban = this.bans.add(range, until, this.#policy.access.trustedProxies);
    const end = ban.until === undefined ? "never" : new Date(ban.until).toISOString();
    this.#report("info", "banned", { range: ban.range, until: end });
    this.#tellPolicy();
    return ban;
  }

  /** @returns whether there was such a ban. @throws FaultError `bad-ban-file` */
  unban(range: string): boolean {
    const had = this.bans.lift(range);
    if (!had) return false;
    this.#report("info", "unbanned", { range });
    this.#tellPolicy();
    return true;
  }

  /** Ends a share for all who are in it. @returns false: no share has that number */
  removeShare(number: number): boolean {
    return this.#directory.remove(number, performance.now());
  }

  /** What the operator decided, with what files add to it. */
  get #workerPolicy(): WorkerPolicy {
    const { access } = this.#policy;
    const tokens = [...access.tokens, ...(this.#keptTokens?.tokens ?? [])];
    return { ...this.#policy, access: { ...access, tokens }, banned: this.bans.ranges };
  }

  #tellPolicy(): void {
    const policy = this.#workerPolicy;
    for (const worker of this.#up()) this.#post(worker, { t: "policy", policy });
  }

  /** Ends one worker as if it had crashed; for tests of supervision. */
  crash(worker: number): void {
    this.#places[worker]?.thread?.terminate();
  }

  /**
   * Takes no new socket and no new share, sends everyone away who is in no transfer, and ends when
   * the last transfer has or after `ms`. Another relay may listen at the port at once.
   */
  async drain(ms: number): Promise<void> {
    if (this.#drainedBy === undefined && this.#stopping === undefined) {
      const now = performance.now();
      this.#drainedBy = now + ms;
      this.#report("info", "draining", { seconds: ms / 1000, shares: this.#directory.shares });
      for (const { thread, again } of this.#places) {
        clearTimeout(again);
        if (thread?.isReady === true) thread.post({ t: "drain" });
        else thread?.terminate();
      }
      this.#guard.dispose();
      this.#directory.drain();
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
    for (const { again } of this.#places) clearTimeout(again);
    const threads = this.#places.flatMap(({ thread }) => thread ?? []);
    await Promise.all(threads.map((thread) => thread.end()));
    this.#guard.dispose();
    this.#log[Symbol.dispose]();
    if (this.#fault === undefined) this.#report("info", "ended", {});
    else this.#report("error", "ended", { why: this.#fault.detail ?? this.#fault.code });
    this.#end(this.#fault);
  }

  #tick(now: number): void {
    this.#reports.tick(now);
    this.#directory.tick(now);
    if (this.bans.expire(Date.now())) this.#tellPolicy();
    if (this.#drainedBy === undefined) return;
    if (this.#directory.shares === 0 || now >= this.#drainedBy) void this.stop();
  }

  #reloadBans(): void {
    try {
      this.bans.load();
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#tell(`Bans stay as they were: ${error.message}`);
      return;
    }
    this.bans.expire(Date.now());
    this.#tellPolicy();
  }

  /** @param insists somebody asked for it */
  #lookAtTokens(insists: boolean): void {
    const look = this.#keptTokens?.look(insists);
    if (look === undefined || look.found === "same") return;
    if (look.found === "trouble") {
      this.#tell(look.trouble);
      return;
    }
    this.#tellPolicy();
    const fields = { tokens: this.#workerPolicy.access.tokens.length };
    this.#reports.report({ level: "info", event: "tokens-changed", fields });
  }

  /** @param insists somebody asked for it */
  #lookAtCertificate(insists: boolean): void {
    const look = this.#kept?.look(Date.now(), insists);
    if (look === undefined || look.found === "same") return;
    if (look.found === "trouble") {
      this.#tell(look.trouble);
      return;
    }
    const { pair, endsAt } = look.certificate;
    for (const worker of this.#up()) this.#post(worker, { t: "certificate", tls: pair });
    const until = new Date(endsAt).toISOString();
    this.#reports.report({ level: "info", event: "certificate-renewed", fields: { until } });
  }

  /** No more clients than there are descriptors for; where that is few, the operator is told. */
  #withinDescriptors(policy: Policy): Policy {
    const wanted = policy.limits["max-sockets"];
    const limit = this.#descriptors;
    const most = limit === undefined ? wanted : clientsWithin(limit, this.#options.workers);
    if (most >= wanted) return policy;
    if (most < OPEN_FILES_WANTED) {
      this.#tell(
        `The limit of open files (${limit}) leaves room for ${most} clients; raise it (ulimit -n, LimitNOFILE=)`,
      );
    }
    return { ...policy, limits: { ...policy.limits, "max-sockets": most } };
  }

  #ping(): void {
    for (const { thread } of this.#places) thread?.ping();
  }

  /** `notUp` is called instead of `up` when it ends before it is ready. */
  #spawn(worker: number, up: () => void, notUp: (fault: FaultError) => void): void {
    const place = this.#places[worker];
    if (place === undefined) return;
    const { script, pingMs } = this.#supervision;
    const { hostname, workers, stallMs, lobby, onStats } = this.#options;
    const address = `${hostname}:${this.#port}`;
    let fault = new FaultError("relay-failed", "a worker ended while it started");
    const start = {
      t: "start",
      worker,
      workers,
      hostname,
      port: this.#port,
      pool: this.#log.pool,
      zeroCopy: this.#log.zeroCopy,
      stallMs,
      lobby,
      stats: onStats !== undefined,
      reportLevel: this.#options.reportLevel ?? "info",
      policy: this.#workerPolicy,
      refusals: this.#refusals,
      descriptors: this.#descriptors,
      tls: this.#kept?.certificate.pair,
      httpPort: this.#httpPort,
      crowd: this.#crowd,
      egress: this.#egress,
    } as const;
    const thread = new WorkerThread(script, pingMs, start, {
      ready: (port, httpPort) => {
        this.#port = port;
        this.#httpPort = httpPort;
        place.restarts.up(performance.now());
        // It may have changed since the thread was started.
        thread.post({ t: "policy", policy: this.#workerPolicy });
        const tls = this.#kept?.certificate.pair;
        if (tls !== undefined && tls !== start.tls) thread.post({ t: "certificate", tls });
        this.#directory.workerUp(worker);
        up();
      },
      directory: (message) => this.#directory.handle(message, performance.now()),
      stats: (stats) => onStats?.(stats),
      measures: (measures) => this.measuring.heard(measures),
      report: (report) => this.#options.onReport?.(report),
      failed: (why) => {
        if (thread.isReady) this.#tell(`Worker ${worker} failed: ${why}`, "worker-failed");
        else fault = startFault(why, address);
      },
      ended: (wasReady) => {
        if (place.thread === thread) {
          place.thread = undefined;
          this.measuring.lost(worker);
        }
        reclaim(this.#log.pool, worker);
        forgetCrowd(this.#crowd, worker);
        if (this.#stopping !== undefined) return;
        if (wasReady) this.#lost(worker, place);
        else notUp(fault);
      },
      stuck: () => this.#fail(`worker ${worker} can't be ended`),
    });
    place.thread = thread;
  }

  #lost(worker: number, place: Place): void {
    this.workersLost++;
    this.#directory.workerLost(worker, performance.now());
    this.#again(worker, place, `Worker ${worker} ended`);
  }

  /** Starts a worker anew, now or after a while; gives up when no worker stays up. */
  #again(worker: number, place: Place, what: string): void {
    if (this.#drainedBy !== undefined) {
      this.#tell(what);
      return;
    }
    const wait = place.restarts.failed(performance.now());
    const later = wait === 0 ? "" : ` in ${wait / 1000} s`;
    const hopeless = this.#places.every(({ restarts, thread }) => {
      return restarts.hopeless && thread?.isReady !== true;
    });
    if (this.#started && hopeless) {
      this.#tell(what);
      this.#fail("no worker stays up");
      return;
    }
    this.#tell(`${what} and is started again${later}`, "worker-ended");
    place.again = setTimeout(() => {
      this.#spawn(
        worker,
        () => {
          if (wait > 0) this.#tell(`Worker ${worker} is up again`, "worker-up-again");
        },
        ({ message }) => this.#again(worker, place, `Worker ${worker} did not start (${message})`),
      );
    }, wait);
  }

  /** What is left says goodbye, and the relay ends. */
  #fail(why: string): void {
    this.#fault ??= new FaultError("relay-failed", why);
    void this.stop();
  }

  #tell(trouble: string, event = "trouble"): void {
    this.#options.onTrouble?.(trouble);
    this.#report("warn", event, { trouble });
  }

  #report(level: ReportLevel, event: string, fields: Report["fields"]): void {
    this.#reports.report({ level, event, fields });
  }

  /** Workers that are told of shares: one that is not ready is told of everything when it is. */
  *#up(): Iterable<number> {
    for (const [worker, { thread }] of this.#places.entries()) {
      if (thread?.isReady === true) yield worker;
    }
  }

  #post(worker: number, message: ToWorker): void {
    const thread = this.#places[worker]?.thread;
    if (thread?.isReady === true) thread.post(message);
  }
}

/** @param why what Bun says of a thread that threw: lines of its source, then what, then where */
function startFault(why: string, address: string): FaultError {
  if (why.includes('syscall: "listen"')) return listenFault(why, address);
  const lines = why.split("\n");
  const what = lines.find((line) => /^\w*error: /i.test(line)) ?? lines[0];
  return new FaultError("relay-failed", `a worker does not start: ${what}`);
}
