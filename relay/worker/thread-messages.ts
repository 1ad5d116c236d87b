/** What passes between the main thread and the workers of one relay; plain values, all of it. */
import type { FromDirectory, ToDirectory } from "../share/messages.ts";
import type { TlsPair } from "../access/certificate.ts";
import type { AddressTableBuffers } from "../limits/address-table.ts";
import type { WorkerMeasures } from "./measures.ts";
import type { WorkerPolicy } from "../access/policy.ts";
import type { PoolBuffers } from "../log/block-pool.ts";
import type { Report, ReportLevel } from "./reports.ts";
import type { WorkerStats } from "./stats.ts";

/** What a worker needs to start. */
export interface WorkerStart {
  readonly t: "start";
  readonly worker: number;
  readonly workers: number;
  readonly hostname: string;
  readonly port: number;
  readonly pool: PoolBuffers;
  /** Whether the kernel may send frames straight from the log's file, where it can. */
  readonly zeroCopy: boolean;
  /** A receiver that others wait for may make no progress for so long. */
  readonly stallMs: number;
  /** Whether the lobby is open to the original app's clients and to HTTP. */
  readonly lobby: boolean;
  /** Whether it shall measure itself. */
  readonly stats: boolean;
  /** The least that it shall report. */
  readonly reportLevel: ReportLevel;
  readonly policy: WorkerPolicy;
  /** See `RefusalCounters`. */
  readonly refusals: SharedArrayBuffer;
  /** The limit of open files; undefined: nobody knows. */
  readonly descriptors: number | undefined;
  /** Undefined: sockets are not encrypted. */
  readonly tls: TlsPair | undefined;
  /** The port, 0 for a free one, that only says to come by TLS; undefined: there is none. */
  readonly httpPort: number | undefined;
  readonly addresses: AddressTableBuffers;
  /** See `Egress`. */
  readonly egress: SharedArrayBuffer;
}

/** Everything that the main thread posts to a worker, and back. */
export type ToWorker =
  | WorkerStart
  | FromDirectory
  /** From now on that one holds. */
  | { readonly t: "policy"; readonly policy: WorkerPolicy }
  /** Clients that come from now on see that certificate. */
  | { readonly t: "certificate"; readonly tls: TlsPair }
  /** Answered by `measures`. */
  | { readonly t: "measure" }
  /** Answered by `pong`. */
  | { readonly t: "ping" }
  /** No new sockets; clients in no transfer are sent away. */
  | { readonly t: "drain" }
  /** Everyone is sent away; answered by `drained`. */
  | { readonly t: "close" };
export type FromWorker =
  | ToDirectory
  | { readonly t: "ready"; readonly port: number; readonly httpPort: number | undefined }
  | { readonly t: "stats"; readonly stats: WorkerStats }
  | { readonly t: "measures"; readonly measures: WorkerMeasures }
  | { readonly t: "report"; readonly report: Report }
  | { readonly t: "pong" }
  | { readonly t: "drained" };
