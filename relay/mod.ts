/** The relay: see `docs/reference/protocol.md` for what it says, `docs/decisions/` for why. */
import { availableParallelism, tmpdir } from "node:os";

import { fromHex, type FaultError } from "../protocol/mod.ts";
import {
  DRAIN_MS,
  LOG_BYTES,
  RELAY_WORKERS,
  STALL_TIMEOUT_MS,
  type RelayLimitName,
} from "./limits/operator-limits.ts";

import type { Certificate } from "./access/certificate.ts";
import { isLoopback, localAddress } from "./access/address.ts";
import type { Admin } from "./admin/listener.ts";
import { DEFAULT_POLICY, type Policy } from "./access/policy.ts";
import { CLUSTER_LISTEN, checkHost } from "./system/guard.ts";
import type { RelayOptions } from "./main/options.ts";
import { Supervisor } from "./main/supervisor.ts";

export { ACCESS_MODES, type Access, type AccessMode } from "./access/policy.ts";
export { isAddressRange } from "./access/address.ts";
export { DEFAULT_POLICY, type Policy } from "./access/policy.ts";
export { DEFAULT_LIMITS, type Limits } from "./limits/operator-limits.ts";
export type { Admin, AdminOptions } from "./admin/listener.ts";
export {
  REPORT_LEVELS,
  REPORT_TEXT,
  type Report,
  type ReportLevel,
  type Reporter,
} from "./worker/reports.ts";
export type { WorkerStats } from "./worker/stats.ts";
export type { Certificate, CertificateFiles } from "./access/certificate.ts";
export type { RelayOptions } from "./main/options.ts";
export { readTextFile } from "./system/file-text.ts";
export { editTokenFile } from "./access/token-edit.ts";
export { knownTokens, parseTokens, readTokenFile, type TokenEntry } from "./access/token-file.ts";
export { TOKEN_ROLES, makeToken, type KnownToken, type TokenRole } from "./access/tokens.ts";

export interface Relay {
  readonly hostname: string;
  readonly port: number;
  /** Address for clients on this machine, such as `ws://127.0.0.1:8000`; `wss` with a certificate. */
  readonly url: string;
  /** The plain port that only says to come by TLS. */
  readonly httpPort: number | undefined;
  /** The port for other relays of its cluster. */
  readonly clusterPort: number | undefined;
  /** The certificate in use; undefined: no TLS. */
  readonly certificate: Certificate | undefined;
  /** Undefined: it has none. */
  readonly admin: Admin | undefined;
  /** Resolves when the relay has ended, with why if it could not go on; never rejects. */
  readonly ended: Promise<FaultError | undefined>;
  /**
   * Ends in peace: no new sockets and shares, clients in no transfer are told to come back later,
   * and transfers have `ms` to end before those in them are told so. Another relay may listen at the
   * same port meanwhile. Resolves when the relay has ended.
   */
  drain(ms: number): Promise<void>;
  /** Tells clients to come back later, and ends. They resume at the next relay. */
  stop(): Promise<void>;
  /**
   * Reads again what can change while it runs: tokens and certificate, before their files are looked at anyway.
   * A fault there is told to `onTrouble`, and all stays as it was.
   */
  reload(): void;
  /** How often each limit was gone over since the relay was started. */
  readonly refusals: Readonly<Record<RelayLimitName, number>>;
  /**
   * From now on that policy holds; who is in stays in, but for those whose token it does not have.
   * @throws RangeError for a limit that is none
   */
  setPolicy(policy: Policy): void;
  /** Ids of channels with a sender that is there, newest first, at most so many. */
  liveChannels(most: number): Uint8Array[];
  /** Ends one worker as if it had crashed; it is replaced, and its clients come back. */
  crashWorker(worker: number): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Workers of a relay that has the machine to itself: only Linux shares one port among several. */
export function workersOfMachine(): number {
  return process.platform === "linux" ? Math.min(availableParallelism(), RELAY_WORKERS) : 1;
}

/**
 * Starts a relay in this process, with one worker unless told otherwise; resolves when every worker listens.
 * @throws FaultError `port-in-use`, `cannot-listen`, `bad-log-folder`, `bad-certificate`, `bad-tokens`, `relay-failed`
 */
export async function startRelay(options: Partial<RelayOptions> = {}): Promise<Relay> {
  const hostname = options.hostname ?? "127.0.0.1";
  const logFolder = options.logFolder ?? tmpdir();
  await checkHost(hostname, options.port ?? 0);
  const { cluster } = options;
  if (cluster !== undefined) {
    await checkHost(cluster.listen.hostname, cluster.listen.port, CLUSTER_LISTEN);
  }
  if (options.admin !== undefined) await checkHost(options.admin.hostname, options.admin.port);
  const running: { supervisor?: Supervisor } = {};
  await using opening = new AsyncDisposableStack();
  // First, so that it can say that the relay starts.
  const admin = await openAdmin(options, logFolder, () => running.supervisor);
  if (admin !== undefined) opening.use(admin);
  const started = await Supervisor.start({
    workers: 1,
    port: 0,
    logBytes: LOG_BYTES,
    logFolder,
    zeroCopy: true,
    stallMs: STALL_TIMEOUT_MS,
    lobby: true,
    page: true,
    policy: DEFAULT_POLICY,
    ...options,
    hostname,
  });
  running.supervisor = started;
  const open = opening.move();
  const ended = started.ended.then(async (fault) => {
    await open.disposeAsync();
    return fault;
  });
  const stop = async (): Promise<void> => {
    await started.stop();
    await ended;
  };
  const scheme = options.tls === undefined ? "ws" : "wss";
  return {
    hostname,
    port: started.port,
    url: `${scheme}://${localAddress(hostname)}:${started.port}`,
    httpPort: started.httpPort,
    clusterPort: started.clusterPort,
    get certificate() {
      return started.certificate;
    },
    admin,
    ended,
    drain: async (ms) => {
      await started.drain(ms);
      await ended;
    },
    stop,
    get refusals() {
      return started.refusals;
    },
    reload: () => started.reload(),
    setPolicy: (policy) => started.setPolicy(policy),
    liveChannels: (most) => started.liveChannels(most).flatMap((one) => fromHex(one) ?? []),
    crashWorker: (worker) => started.crash(worker),
    [Symbol.asyncDispose]: stop,
  };
}

/** Loaded only where one is wanted. */
async function openAdmin(
  { admin, tls, onTrouble, onReport }: Partial<RelayOptions>,
  logFolder: string,
  relay: () => Supervisor | undefined,
): Promise<Admin | undefined> {
  if (admin === undefined) return undefined;
  const { AdminListener } = await import("./admin/listener.ts");
  // Where nobody listens on the way, a certificate for another name is only in the way.
  const isExposed = admin.hostname !== "localhost" && !isLoopback(admin.hostname);
  if (isExposed && tls === undefined) {
    const trouble = `The admin listener at ${admin.hostname} speaks no TLS, so that others on the way can read tokens: give --tls-cert, or an address of this machine alone`;
    onTrouble?.(trouble);
    onReport?.({ level: "warn", event: "admin-exposed", fields: { trouble } });
  }
  const setting = { drainMs: DRAIN_MS, ...admin, logFolder, relay };
  return new AdminListener({ ...setting, tls: isExposed ? tls : undefined });
}
