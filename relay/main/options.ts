import { CERTIFICATE_EVERY_MS, type CertificateFiles } from "../access/certificate.ts";
import { workerScript } from "../system/binary.ts";
import { WORKER_RESTART_MS } from "./restart-policy.ts";

import type { ToCluster } from "../cluster/messages.ts";
import type { NatsOptions } from "../cluster/nats-connection.ts";
import type { AdminOptions } from "../admin/listener.ts";
import type { LogFileOptions } from "../log/log-file.ts";
import type { Policy } from "../access/policy.ts";
import type { StorePlace } from "../store/record-store.ts";
import type { ClusterPlace } from "../worker/thread-messages.ts";
import type { ReportLevel, Reporter } from "../worker/reports.ts";
import type { WorkerStats } from "../worker/stats.ts";

/** Time between two pings of a worker. */
const WORKER_PING_MS = 1000;
/**
 * Time between two checks whether the token file has changed; so long a revoked token may still
 * count.
 */
const TOKENS_EVERY_MS = 2000;

export interface RelayOptions extends LogFileOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Streaming worker threads; more than one needs SO_REUSEPORT, which only Linux has. */
  readonly workers: number;
  /** A receiver of a share that can't be read again may make no progress for so long. ms */
  readonly stallMs: number;
  /** Whether the lobby is open to the original app's clients and to HTTP. */
  readonly lobby: boolean;
  /**
   * A token. The relay then serves one channel alone: that of the client whose hello shows the token. It needs one
   * worker, as workers do not tell each other the channel.
   */
  readonly onlyFor?: string | undefined;
  /** Whether browsers get the page at `/`. */
  readonly page: boolean;
  readonly policy: Policy;
  /** The file of its tokens; undefined: there are those of the policy alone. */
  readonly tokenFile?: string | undefined;
  /** Files of the certificate with which it speaks TLS; undefined: its sockets are not encrypted. */
  readonly tls?: CertificateFiles | undefined;
  /** With `tls`: a plain port that only says to come by TLS. 0 takes a free one. */
  readonly httpPort?: number | undefined;
  /** Where those who run it can see and steer it; without it nowhere. */
  readonly admin?: AdminOptions | undefined;
  /** Where shares are stored that need their sender no more; undefined: nowhere. */
  readonly store?: StorePlace | undefined;
  /** The relays with which it shares the load; undefined: it is alone. */
  readonly cluster?: ClusterOptions | undefined;
  /** Where bans are kept; without it they end with the relay. */
  readonly banFile?: string | undefined;
  /** Told of troubles of the relay itself; nothing in them comes from a peer. */
  readonly onTrouble?: (trouble: string) => void;
  /** Told of what an operator should know. */
  readonly onReport?: Reporter;
  /** A share came or went, or its sender did; `Relay.liveChannels` tells the rest. */
  readonly onShares?: (() => void) | undefined;
  /** The least of it; `info` unless told otherwise. */
  readonly reportLevel?: ReportLevel;
  /** Told what each worker measures of itself, STATS_EVERY_MS apart; without it nothing is measured. */
  readonly onStats?: (stats: WorkerStats) => void;
  readonly supervision?: Partial<Supervision>;
}

/** A cluster: its directory in NATS, and the address at which its relays reach each other. */
export interface ClusterOptions extends NatsOptions {
  /** All relays of the cluster have it; at least SECRET_LEAST_BYTES of `relay/cluster/proof.ts`. */
  readonly secret: Uint8Array;
  /** Port 0 takes a free one. */
  readonly listen: { readonly hostname: string; readonly port: number };
  /** The address that the other relays use, unless it is that of `listen`. */
  readonly advertise?: { readonly hostname: string; readonly port?: number } | undefined;
  /** The place of the relay, as SITE_FORM of `relay/cluster/directory-kv.ts`. */
  readonly site?: string | undefined;
}

/** Settings that tests of supervision change. */
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
  /** Other relays may come, without a directory that says so. */
  readonly cluster?: ClusterPlace | undefined;
  /** Told how links of its workers fare. */
  readonly onLinks: (message: ToCluster) => void;
}

export const SUPERVISION: Supervision = {
  script: workerScript("relay/worker/worker.ts", new URL("../worker/worker.ts", import.meta.url)),
  pingMs: WORKER_PING_MS,
  restartMs: WORKER_RESTART_MS,
  tokensMs: TOKENS_EVERY_MS,
  certificateMs: CERTIFICATE_EVERY_MS,
  onLinks: () => undefined,
};
