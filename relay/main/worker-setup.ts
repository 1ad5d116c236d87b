/**
 * The setup of a relay's workers: ports, policy, certificate, the page, and the memory that they share. A worker gets it when
 * it starts, and hears of changes while it runs. The supervisor owns it.
 */
import {
  RefusalCounters,
  createRefusalCounters,
  refusalCounts,
} from "../limits/refusal-counters.ts";
import { LiveLimits } from "../limits/limits.ts";
import { type RelayLimitName } from "../limits/operator-limits.ts";

import { KeptCertificate, type Certificate } from "../access/certificate.ts";
import type { WorkerPolicy } from "../access/policy.ts";
import {
  createAddressTable,
  forgetWorker,
  type AddressTableBuffers,
} from "../limits/address-table.ts";
import { reclaim } from "../log/block-pool.ts";
import { openLogFile, type LogFile } from "../log/log-file.ts";
import { createEgress } from "../net/egress.ts";
import { descriptorLimit } from "../system/descriptors.ts";
import type { PageFile } from "../../web/mod.ts";
import type { Report } from "../worker/reports.ts";
import type { ClusterPlace, Ports, ToWorker, WorkerStart } from "../worker/thread-messages.ts";
import { LivePolicy } from "./live-policy.ts";
import type { ClusterOptions, RelayOptions } from "./options.ts";

export interface WorkerSetupHost {
  readonly post: (worker: number, message: ToWorker) => void;
  readonly postAll: (message: ToWorker) => void;
  readonly trouble: (trouble: string) => void;
  readonly info: (event: string, fields: Report["fields"]) => void;
}

export class WorkerSetup {
  readonly policy: LivePolicy;
  readonly limits: LiveLimits;
  readonly log: LogFile;
  readonly #options: RelayOptions;
  readonly #host: WorkerSetupHost;
  readonly #descriptors = descriptorLimit();
  readonly #kept: KeptCertificate | undefined;
  readonly #refusals: SharedArrayBuffer;
  readonly #addresses: AddressTableBuffers;
  readonly #egress = createEgress();
  #ports: Ports;

  /** @throws FaultError `bad-log-folder`, `bad-certificate`, `bad-tokens`, `bad-ban-file` */
  constructor(options: RelayOptions, host: WorkerSetupHost) {
    this.#options = options;
    this.#host = host;
    const { port, httpPort, policy, tokenFile, banFile, workers, tls } = options;
    this.#ports = { port, httpPort, clusterPort: undefined };
    this.policy = new LivePolicy({
      policy,
      tokenFile,
      banFile,
      workers,
      descriptors: this.#descriptors,
      changed: (changed) => this.#postPolicy(changed),
      trouble: host.trouble,
      info: host.info,
    });
    this.#refusals = createRefusalCounters(workers);
    this.#kept = tls === undefined ? undefined : new KeptCertificate(tls, Date.now());
    // The kernel sends a file as it is, and TLS has to encrypt it first.
    this.log = openLogFile({ ...options, zeroCopy: options.zeroCopy && tls === undefined });
    this.#addresses = createAddressTable(workers);
    this.limits = new LiveLimits(policy.limits, new RefusalCounters(this.#refusals));
  }

  /** The ports at which the workers listen; before that, the ports that the operator asked for. */
  get ports(): Ports {
    return this.#ports;
  }

  get certificate(): Certificate | undefined {
    return this.#kept?.certificate;
  }

  /** The number of refusals for each limit. */
  get refusalCounts(): Record<RelayLimitName, number> {
    return refusalCounts(this.#refusals);
  }

  /** @param relay its id in its cluster; undefined: it is in none */
  startOf(worker: number, store: WorkerStart["store"], relay: string | undefined): WorkerStart {
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
      port: this.#ports.port,
      pool: this.log.pool,
      zeroCopy: this.log.zeroCopy,
      stallMs,
      lobby,
      onlyFor,
      page,
      stats: onStats !== undefined,
      reportLevel,
      policy: this.policy.current,
      refusals: this.#refusals,
      descriptors: this.#descriptors,
      tls: this.certificate?.pair,
      httpPort: this.#ports.httpPort,
      addresses: this.#addresses,
      egress: this.#egress,
      store,
      cluster: this.#clusterPlace(relay),
      hasDirectory: relay !== undefined,
    };
  }

  #clusterPlace(relay = ""): ClusterPlace | undefined {
    const { cluster, supervision } = this.#options;
    const own = cluster && { ...cluster.listen, secret: cluster.secret, relay };
    const place = own ?? supervision?.cluster;
    return place && { ...place, port: this.#ports.clusterPort ?? place.port };
  }

  /** HOST:PORT, by which other relays reach this one. */
  advertised({ listen, advertise = listen }: ClusterOptions): string {
    const { hostname, port } = advertise;
    const { clusterPort } = this.#ports;
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    return `${host}:${advertise === listen ? clusterPort : (port ?? clusterPort)}`;
  }

  /** @param start see `WorkerPoolEvents` */
  ready(worker: number, start: WorkerStart, ports: Ports): void {
    this.#ports = ports;
    // The policy may have changed since the thread was started.
    this.#host.post(worker, { t: "policy", policy: this.policy.current });
    const tls = this.certificate?.pair;
    if (tls !== undefined && tls !== start.tls) {
      this.#host.post(worker, { t: "certificate", tls });
    }
  }

  /** Frees the shared memory that the worker held. */
  workerEnded(worker: number): void {
    reclaim(this.log.pool, worker);
    forgetWorker(this.#addresses, worker);
  }

  /** Without a page browsers get the help page, as with `page: false`. */
  async givePage(worker: number): Promise<void> {
    let files: readonly PageFile[] | undefined;
    try {
      const { pageFiles } = await import("../../web/mod.ts");
      files = await pageFiles();
    } catch (error) {
      const why = error instanceof AggregateError ? error.errors.join("; ") : String(error);
      this.#host.trouble(`The page for browsers cannot be made, so they get the help page: ${why}`);
    }
    this.#host.post(worker, { t: "page", files });
  }

  /** @param insists the operator asked for it */
  pollCertificate(insists: boolean): void {
    const poll = this.#kept?.poll(Date.now(), insists);
    if (poll === undefined || poll.found === "same") return;
    if (poll.found === "trouble") {
      this.#host.trouble(poll.trouble);
      return;
    }
    const { pair, endsAt } = poll.certificate;
    this.#host.postAll({ t: "certificate", tls: pair });
    this.#host.info("certificate-renewed", { until: new Date(endsAt).toISOString() });
  }

  #postPolicy(policy: WorkerPolicy): void {
    this.limits.now = policy.limits;
    this.#host.postAll({ t: "policy", policy });
  }
}
