/**
 * The directory of a cluster in JetStream: two buckets, and one connection at a time with a watch of each.
 *
 *   connect -> buckets -> watches -> `connected(true)` -> all that is there -> `synced` -> changes
 *      ^                                                                                    |
 *      +--- wait, `connected(false)` <--- connection lost, watch silent or with a gap, anything odd
 *
 * It tries for ever, as a relay may start before NATS, and live shares do not need the directory. Outside a connection each operation
 * is `unknown` at once. The keeper of the main thread calls it, and decides nothing by itself.
 */
import type { NatsConnection } from "@nats-io/transport-node";

import {
  RELAY_TTL_MS,
  type DirectoryEvents,
  type DirectoryKv,
  type Outcome,
  type OwnerValue,
  type RelayValue,
} from "./directory-kv.ts";
import { NatsBucket } from "./nats-bucket.ts";
import {
  checkNats,
  connectNats,
  loadNats,
  type NatsLibrary,
  type NatsOptions,
} from "./nats-connection.ts";
import { Told, isNoOwner, packed } from "./nats-entries.ts";
import { NatsWatch, type Change } from "./nats-watch.ts";

export const NATS_TIMES = {
  /** A server that does not answer for so long is left for the next one. ms */
  connectMs: 5000,
  /** One question to JetStream may take so long; an operation asks at most three. ms */
  questionMs: 3000,
  /** Each watch hears from the server at least so often. ms */
  heartbeatMs: 2000,
  /** A watch that heard nothing for so long begins anew at another server, well before RELAY_GONE_MS. ms */
  silentMs: 7000,
  /** A watch that has not told all by then begins anew. ms */
  lateMs: 15_000,
  /** The first wait between two connections, which doubles up to the most, each half of it at random. ms */
  retryLeastMs: 250,
  retryMostMs: 3000,
  /** A marker stays for so long: any watch has told it or was ended by its silence. ms */
  markerMs: 600_000,
  /** Between two rounds that take markers away. ms */
  sweepMs: 5000,
};
export type NatsTimes = typeof NATS_TIMES;

/** Operations without an answer; further ones are `unknown` at once. */
const OPERATIONS_MOST = 1000;
/** Different warnings of one kind: one for each way in which a few servers can fail. */
const WARNINGS_MOST = 16;
/** Markers that a relay remembers to take away; the next relay that connects finds the others. */
const MARKERS_MOST = 20_000;
/**
 * Servers before it take two changes of one revision now and then if they are a cluster (nats-server#4320), and number
 * changes differently after one was killed.
 */
const CLUSTER_VERSION_LEAST: readonly [number, number] = [2, 10];
/** In one round: 20 per second and relay. */
const SWEEPS_MOST = 100;
/** A round trip older than that says nothing about now. ms */
const ROUND_TRIP_FRESH_MS = 30_000;

/** Hears what an operator should know; the reports of a relay (`relay/worker/reports.ts`) take it. */
export type DirectoryReporter = (report: {
  readonly level: "info" | "warn";
  readonly event:
    "directory-connected" | "directory-unreachable" | "directory-shape" | "directory-entry";
  readonly fields: Readonly<Record<string, string>>;
}) => void;
type DirectoryReport = Parameters<DirectoryReporter>[0];

/**
 * Returns before there is a connection.
 * @throws FaultError `no-nats`, `bad-cluster`
 */
export async function openNatsKv(
  options: NatsOptions,
  events: DirectoryEvents,
  report: DirectoryReporter,
  times: NatsTimes = NATS_TIMES,
): Promise<DirectoryKv> {
  const library = await loadNats();
  checkNats(library, options);
  return new NatsKv(library, options, events, report, times);
}

/** The parts of one connection. */
interface Session {
  readonly shares: NatsBucket;
  readonly relays: NatsBucket;
  /** Resolves when the session is over. */
  readonly over: Promise<unknown>;
}

class NatsKv implements DirectoryKv {
  readonly #library: NatsLibrary;
  readonly #options: NatsOptions;
  readonly #events: DirectoryEvents;
  readonly #report: DirectoryReporter;
  readonly #times: NatsTimes;
  readonly #closing = Promise.withResolvers<string>();
  readonly #ended: Promise<void>;
  #isClosed = false;
  #session: Session | undefined;
  #operations = 0;
  #roundTrip: { readonly ms: number; readonly at: number } | undefined;
  /** Markers in the bucket of shares, by key. */
  readonly #markers = new Map<string, { readonly revision: number; readonly at: number }>();
  /** Troubles since NATS last served this relay. The relay reports each once, because it tries the servers in turn. */
  readonly #troubles = new Set<string>();
  readonly #shapes = new Set<string>();

  constructor(
    library: NatsLibrary,
    options: NatsOptions,
    events: DirectoryEvents,
    report: DirectoryReporter,
    times: NatsTimes,
  ) {
    this.#library = library;
    this.#options = options;
    this.#events = events;
    this.#report = report;
    this.#times = times;
    this.#ended = this.#run();
  }

  putShare(key: string, value: OwnerValue, revision: number): Promise<Outcome> {
    return this.#ask(({ shares }) => shares.put(key, packed(value), revision, isNoOwner));
  }

  async removeShare(key: string, revision: number): Promise<Outcome> {
    const outcome = await this.#ask(({ shares }) => shares.remove(key, revision));
    if (outcome.t === "done") this.#remember(key, outcome.revision, Date.now());
    return outcome;
  }

  putRelay(id: string, value: RelayValue): Promise<Outcome> {
    return this.#ask(({ relays }) => relays.put(id, packed(value), undefined, () => true));
  }

  removeRelay(id: string): Promise<Outcome> {
    // Its marker goes with the TTL of the bucket.
    return this.#ask(({ relays }) => relays.remove(id, undefined));
  }

  get roundTrip(): number | undefined {
    const last = this.#roundTrip;
    return last && performance.now() - last.at < ROUND_TRIP_FRESH_MS ? last.ms : undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve("closed");
    await this.#ended;
  }

  async #ask(operation: (session: Session) => Promise<Outcome>): Promise<Outcome> {
    const session = this.#session;
    if (session === undefined) return { t: "unknown", why: "the directory is not connected" };
    if (this.#operations >= OPERATIONS_MOST) {
      return { t: "unknown", why: "too many operations wait for the directory" };
    }
    this.#operations++;
    const began = performance.now();
    const lost = session.over.then((): Outcome => {
      return { t: "unknown", why: "the connection to the directory was lost" };
    });
    try {
      const outcome = await Promise.race([operation(session), lost]);
      const at = performance.now();
      if (outcome.t !== "unknown") this.#roundTrip = { ms: at - began, at };
      return outcome;
    } finally {
      this.#operations--;
    }
  }

  async #run(): Promise<void> {
    const { retryLeastMs, retryMostMs } = this.#times;
    let wait = retryLeastMs;
    while (!this.#isClosed) {
      const why = await this.#connection(() => (wait = retryLeastMs));
      if (this.#isClosed) break;
      this.#trouble(why);
      await this.#pause(wait / 2 + (Math.random() * wait) / 2);
      wait = Math.min(wait * 2, retryMostMs);
    }
  }

  /** @param isGood called when all is told. @returns why it is over */
  async #connection(isGood: () => void): Promise<string> {
    const connecting = connectNats(this.#library, this.#options, this.#times.connectMs);
    // It can't be called off.
    let nc: NatsConnection;
    try {
      const first = await Promise.race([connecting, this.#closing.promise]);
      if (typeof first === "string") {
        connecting.then((late) => late.close()).catch(() => undefined);
        return "closed";
      }
      nc = first;
    } catch (error) {
      return reasonOf(error);
    }
    try {
      // Ends questions that wait for an answer.
      void this.#closing.promise.then(() => nc.close()).catch(() => undefined);
      return await this.#serve(nc, isGood);
    } catch (error) {
      return reasonOf(error);
    } finally {
      await nc.close().catch(() => undefined);
    }
  }

  async #serve(nc: NatsConnection, isGood: () => void): Promise<string> {
    const over = Promise.withResolvers<string>();
    void this.#closing.promise.then(over.resolve);
    void nc.closed().then((error) => {
      over.resolve(error instanceof Error ? reasonOf(error) : "the server closed the connection");
    });
    if (nc.info?.jetstream !== true) {
      return "the NATS server has no JetStream; start it with -js or jetstream {} in its configuration";
    }
    const { questionMs: timeout, heartbeatMs, sweepMs } = this.#times;
    const isClustered = nc.info.cluster !== undefined;
    const [major = 0, minor = 0] = nc.info.version.split(".").map(Number);
    const [least, leastMinor] = CLUSTER_VERSION_LEAST;
    if (isClustered && (major < least || (major === least && minor < leastMinor))) {
      const why = `NATS ${nc.info.version} in a cluster can lose changes; use ${least}.${leastMinor} or later, or one server`;
      this.#shape(why);
    }
    const js = this.#library.jetstream(nc, { timeout });
    const manager = await this.#library.jetstreamManager(nc, { timeout, checkAPI: false });
    const open = (what: string, ttl?: number): Promise<NatsBucket> => {
      const shape = { name: `fileshare-${this.#options.name}-${what}`, ttl };
      return NatsBucket.open(this.#library, js, manager, shape, isClustered, (why) =>
        this.#shape(why),
      );
    };
    const shares = await open("shares");
    const relays = await open("relays", RELAY_TTL_MS);
    if (this.#isClosed) return "closed";
    const told = new Told(this.#events, (why) => this.#say("warn", "directory-entry", { why }));
    const current = new Set<string>();
    let isUp = false;
    const up = (): void => {
      if (isUp) return;
      isUp = true;
      this.#events.connected(true);
    };
    const watch = (name: string, bucket: NatsBucket, changed: (change: Change) => void) => {
      return new NatsWatch(this.#library, nc, bucket, this.#times, {
        changed: (change) => {
          up();
          changed(change);
        },
        lost: over.resolve,
        current: () => {
          current.add(name);
          if (current.size < 2) return;
          up();
          isGood();
          this.#found(nc.getServer());
          told.synced();
        },
      });
    };
    const watches = [
      watch("relays", relays, (change) => told.relay(change)),
      watch("shares", shares, (change) => {
        if (change.data !== undefined) this.#markers.delete(change.key);
        else if (!current.has("shares")) this.#remember(change.key, change.revision, change.at);
        told.share(change);
      }),
    ];
    // Heartbeats and removals need no watch, and a cluster of NATS that elects a leader may give one late.
    this.#session = { shares, relays, over: over.promise };
    const timer = setInterval(() => {
      for (const each of watches) each.tick();
    }, heartbeatMs);
    const sweeper = setInterval(() => void this.#sweep(shares), sweepMs);
    try {
      const begun = Promise.all(watches.map((each) => each.begin(manager)));
      await Promise.race([begun, over.promise]);
      return await over.promise;
    } finally {
      clearInterval(timer);
      clearInterval(sweeper);
      for (const each of watches) each.stop(manager);
      this.#session = undefined;
      if (isUp) this.#events.connected(false);
    }
  }

  #remember(key: string, revision: number, at: number): void {
    if (this.#markers.size >= MARKERS_MOST) return;
    // The clock of the server may be ahead.
    this.#markers.set(key, { revision, at: Math.min(at, Date.now()) });
  }

  /** Takes old markers away. The relay that removed a share does it, and each relay for those that it finds at the start. */
  async #sweep(shares: NatsBucket): Promise<void> {
    const before = Date.now() - this.#times.markerMs;
    const old = [...this.#markers].filter(([, { at }]) => at <= before).slice(0, SWEEPS_MOST);
    for (const [key] of old) this.#markers.delete(key);
    const sweeps = old.map(async ([key, marker]) => {
      try {
        if (marker.revision >= shares.born) await shares.sweep(key, marker.revision);
      } catch {
        if (!this.#markers.has(key)) this.#remember(key, marker.revision, marker.at);
      }
    });
    await Promise.all(sweeps);
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([promise, this.#closing.promise]);
    clearTimeout(timer);
  }

  #found(server: string): void {
    this.#troubles.clear();
    this.#say("info", "directory-connected", { server });
  }

  #trouble(why: string): void {
    const servers = this.#options.servers.join(", ");
    if (isNew(why, this.#troubles)) this.#say("warn", "directory-unreachable", { servers, why });
  }

  #shape(why: string): void {
    if (isNew(why, this.#shapes)) this.#say("warn", "directory-shape", { why });
  }

  #say(
    level: DirectoryReport["level"],
    event: DirectoryReport["event"],
    fields: DirectoryReport["fields"],
  ): void {
    this.#report({ level, event, fields });
  }
}

function reasonOf(error: unknown): string {
  const said = error instanceof Error && error.message !== "" ? error.message : String(error);
  if (said.includes("undefined error")) return "the server closed the connection";
  const [, hint] = HINTS.find(([text]) => said.includes(text)) ?? [];
  return hint === undefined ? said : `${said}; ${hint}`;
}

/** The next step of an operator for each trouble that the client of NATS names. */
const HINTS: readonly (readonly [text: string, hint: string])[] = [
  ["Authorization Violation", "give the token, the user or --cluster-creds that NATS asks for"],
  ["connection refused", "start NATS there, or correct --cluster"],
  ["ENOTFOUND", "correct the name in --cluster"],
  ["timeout", "see whether NATS listens at that port"],
];

/** Whether a warning is new; from now on it is not. */
function isNew(why: string, told: Set<string>): boolean {
  if (told.has(why) || told.size >= WARNINGS_MOST) return false;
  told.add(why);
  return true;
}
