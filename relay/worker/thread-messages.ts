/** Messages between the main thread and the workers of one relay; plain values only. */
import type { FromCluster, Refuge, ToCluster } from "../cluster/messages.ts";
import type { FromDirectory, FromStoreBook, ToDirectory, ToStoreBook } from "../share/messages.ts";
import type { StorePlace } from "../store/record-store.ts";
import type { TlsPair } from "../access/certificate.ts";
import type { AddressTableBuffers } from "../limits/address-table.ts";
import type { WorkerMeasures } from "./measures.ts";
import type { WorkerPolicy } from "../access/policy.ts";
import type { PoolBuffers } from "../log/block-pool.ts";
import type { PageFile } from "../../web/mod.ts";
import type { Report, ReportLevel } from "./reports.ts";
import type { WorkerStats } from "./stats.ts";

export interface WorkerStart {
  readonly t: "start";
  readonly worker: number;
  readonly workers: number;
  readonly hostname: string;
  readonly port: number;
  readonly pool: PoolBuffers;
  /** Whether the kernel may send frames straight from the log's file. */
  readonly zeroCopy: boolean;
  /** A receiver that others wait for may stand still for so long. */
  readonly stallMs: number;
  /** Whether the lobby is open to the original app and to HTTP. */
  readonly lobby: boolean;
  /** See `RelayOptions`. */
  readonly onlyFor: string | undefined;
  /** Whether browsers get the page. */
  readonly page: boolean;
  /** Whether it reports `WorkerStats`. */
  readonly stats: boolean;
  readonly reportLevel: ReportLevel;
  readonly policy: WorkerPolicy;
  /** See `RefusalCounters`. */
  readonly refusals: SharedArrayBuffer;
  /** The limit of open files; undefined: unknown. */
  readonly descriptors: number | undefined;
  /** Undefined: without TLS. */
  readonly tls: TlsPair | undefined;
  /** The plain port that names the one with TLS, 0 for a free one; undefined: there is none. */
  readonly httpPort: number | undefined;
  readonly addresses: AddressTableBuffers;
  /** See `Egress`. */
  readonly egress: SharedArrayBuffer;
  /** Where the relay stores shares; undefined: nowhere. */
  readonly store: StorePlace | undefined;
  /** Where other relays of its cluster come; undefined: it is in none. */
  readonly cluster: ClusterPlace | undefined;
  /** Whether a directory of that cluster says which relay has which share. */
  readonly hasDirectory: boolean;
}

/** The port for other relays, 0 for a free one, and what they have to prove. */
export interface ClusterPlace {
  readonly hostname: string;
  readonly port: number;
  readonly secret: Uint8Array;
  /** The id of this relay, in hex. */
  readonly relay: string;
}

export type ToWorker =
  | WorkerStart
  | FromDirectory
  | FromStoreBook
  | FromCluster
  | { readonly t: "policy"; readonly policy: WorkerPolicy }
  | { readonly t: "certificate"; readonly tls: TlsPair }
  /** The answer to `page-wanted`; undefined: there is no page. */
  | { readonly t: "page"; readonly files: readonly PageFile[] | undefined }
  /** Answered by `measures`. */
  | { readonly t: "measure" }
  /** Answered by `pong`. */
  | { readonly t: "ping" }
  /** Take no new sockets, and disconnect clients without a transfer and clients with a refuge. It comes again when the refuge changes. */
  | { readonly t: "drain"; readonly refuge: Refuge }
  /** All clients are disconnected; answered by `drained`. */
  | { readonly t: "close" };

/** At which a worker listens. */
export interface Ports {
  readonly port: number;
  /** The plain one beside one with TLS. */
  readonly httpPort: number | undefined;
  /** The port for other relays. */
  readonly clusterPort: number | undefined;
}

export type FromWorker =
  | ToDirectory
  | ToStoreBook
  | ToCluster
  | { readonly t: "ready"; readonly ports: Ports }
  | { readonly t: "stats"; readonly stats: WorkerStats }
  | { readonly t: "measures"; readonly measures: WorkerMeasures }
  | { readonly t: "report"; readonly report: Report }
  | { readonly t: "pong" }
  /** A browser asks for the page, and the worker does not have it yet. */
  | { readonly t: "page-wanted" }
  | { readonly t: "drained" };
