/**
 * Every metric of the relay as data: what Prometheus reads and what docs/reference/relay.md says of it. Labels
 * have few values that are known beforehand: no ids, names, addresses, and nothing for each share.
 */
import { FAULTS, type FaultCode } from "../../protocol/mod.ts";

import type { BookCounts } from "../store/store-book.ts";
import type { ManagedCluster, ManagedStore } from "./manager.ts";
import type { Measured } from "./measuring.ts";
import type { ProcessMemory } from "./machine.ts";

export interface MetricSource {
  readonly measured: Measured;
  readonly shares: {
    readonly senderHere: number;
    readonly senderAway: number;
    /** Shares that a link reads from another relay. */
    readonly remote: number;
  };
  readonly sharesOpened: number;
  readonly workers: { readonly wanted: number; readonly up: number; readonly answering: number };
  readonly workersLost: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly isDraining: boolean;
  readonly log: { readonly held: number; readonly blocks: number; readonly blockBytes: number };
  /** Undefined where the system does not say. */
  readonly memory: ProcessMemory | undefined;
  /** Undefined: it stores no shares. */
  readonly store: StoreMeasures | undefined;
  /** Undefined: it is in no cluster. */
  readonly cluster: ManagedCluster | undefined;
  /** In ms since 1970; undefined without TLS. */
  readonly certificateEndsAt: number | undefined;
}

export interface StoreMeasures extends BookCounts {
  /** The limit `store-bytes`. */
  readonly most: number;
  readonly saves: ManagedStore["saves"];
}

export interface Reading {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (source: MetricSource) => readonly Reading[];
}

const one = (value: number): Reading[] => [{ value }];

const by = (label: string, values: Readonly<Record<string, number>>): Reading[] =>
  Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));

const byWorker = (
  { measured }: MetricSource,
  value: (worker: Measured["workers"][number]) => number,
): Reading[] =>
  measured.workers.map((each) => ({ labels: { worker: `${each.worker}` }, value: value(each) }));

const sum = (
  { measured }: MetricSource,
  value: (worker: Measured["workers"][number]) => number,
): number => measured.workers.reduce((total, each) => total + value(each), 0);

/** Nothing, of a relay that stores no shares. */
const ofStore = (
  { store }: MetricSource,
  read: (store: StoreMeasures) => readonly Reading[],
): readonly Reading[] => (store === undefined ? [] : read(store));

/** Nothing, of a relay that is in no cluster. */
const ofCluster =
  (read: (cluster: ManagedCluster) => number | undefined): Metric["read"] =>
  ({ cluster }) => {
    const value = cluster && read(cluster);
    return value === undefined ? [] : one(value);
  };

const counter = (
  name: string,
  help: string,
  read: Metric["read"],
  labels: readonly string[] = [],
): Metric => ({ name, type: "counter", help, labels, read });

const gauge = (
  name: string,
  help: string,
  read: Metric["read"],
  labels: readonly string[] = [],
): Metric => ({ name, type: "gauge", help, labels, read });

const DOORS = ["socket", "text", "http"] as const;
const ROLES = ["stranger", "sender", "receiver"] as const;
const MS = 1000;

export const METRICS: readonly Metric[] = [
  counter("fileshare_received_bytes_total", "Bytes of frames received from senders.", (source) =>
    one(source.measured.totals.bytesIn),
  ),
  counter("fileshare_sent_bytes_total", "Bytes of frames sent to receivers.", (source) =>
    one(source.measured.totals.bytesOut),
  ),
  counter("fileshare_received_frames_total", "Frames received from senders.", (source) =>
    one(source.measured.totals.framesIn),
  ),
  counter("fileshare_sent_frames_total", "Frames sent to receivers.", (source) =>
    one(source.measured.totals.framesOut),
  ),
  counter(
    "fileshare_wanted_again_total",
    "Records requested from senders again: the log is small, or connections break.",
    (source) => one(source.measured.totals.wantedAgain),
  ),
  counter(
    "fileshare_connections_total",
    "WebSockets of the protocol that clients opened.",
    (source) => one(source.measured.opened),
  ),
  counter(
    "fileshare_faults_total",
    "Faults sent to clients, by their code in docs/reference/protocol.md.",
    ({ measured }) =>
      Object.keys(FAULTS).flatMap((code) => {
        const value = measured.faults[code as FaultCode];
        return value === undefined ? [] : [{ labels: { code }, value }];
      }),
    ["code"],
  ),
  counter(
    "fileshare_refused_total",
    "Clients refused, disconnected or delayed because they exceeded a limit, by its name.",
    ({ refusals }) => by("limit", refusals),
    ["limit"],
  ),
  counter("fileshare_shares_opened_total", "Shares that senders opened.", (source) =>
    one(source.sharesOpened),
  ),
  counter("fileshare_workers_lost_total", "Workers that ended before the relay.", (source) =>
    one(source.workersLost),
  ),
  gauge(
    "fileshare_clients",
    "Connected clients: by the protocol's socket, the original app's socket, or HTTP.",
    (source) =>
      DOORS.flatMap((door) =>
        ROLES.map((role) => ({
          labels: { door, role },
          value: sum(source, ({ clients }) => clients[door][role]),
        })),
      ),
    ["door", "role"],
  ),
  gauge(
    "fileshare_edge_lines",
    "Connections of other relays of the cluster: for control, for the records of one share, or with a sender.",
    (source) =>
      by("kind", {
        control: sum(source, ({ edges }) => edges.lines),
        stream: sum(source, ({ edges }) => edges.streams),
        forward: sum(source, ({ edges }) => edges.forwards),
      }),
    ["kind"],
  ),
  gauge(
    "fileshare_receivers",
    "Receivers in a share: live ones wait for the newest record, paused ones take nothing.",
    (source) =>
      by("lane", {
        live: sum(source, ({ lanes }) => lanes.live),
        catch_up: sum(source, ({ lanes }) => lanes.catchUp),
        paused: sum(source, ({ lanes }) => lanes.paused),
      }),
    ["lane"],
  ),
  gauge(
    "fileshare_shares",
    "Shares, by where their sender is: connected here, away, or at another relay of the cluster.",
    ({ shares: { senderHere: here, senderAway: away, remote } }) => {
      return by("sender", { here, away, remote });
    },
    ["sender"],
  ),
  gauge(
    "fileshare_stored_shares",
    "Shares in the store: whole, or unfinished uploads. Absent without --store, as are all of the store.",
    (source) => ofStore(source, ({ whole, unfinished }) => by("state", { whole, unfinished })),
    ["state"],
  ),
  gauge(
    "fileshare_stored_bytes",
    "Bytes in the store: durable, and reserved with what uploads will bring.",
    (source) => ofStore(source, ({ bytes, reserved }) => by("state", { durable: bytes, reserved })),
    ["state"],
  ),
  counter(
    "fileshare_store_read_bytes_total",
    "Bytes of records read from the store, of which receivers get many copies.",
    (source) => ofStore(source, () => one(source.measured.totals.bytesRead)),
  ),
  gauge("fileshare_stored_limit_bytes", "The limit --store-bytes.", (source) =>
    ofStore(source, ({ most }) => one(most)),
  ),
  counter(
    "fileshare_store_written_bytes_total",
    "Bytes that became durable in the store.",
    (source) => ofStore(source, ({ written }) => one(written)),
  ),
  counter(
    "fileshare_stored_downloads_total",
    "Receivers that got all of a stored share.",
    (source) => ofStore(source, ({ downloads }) => one(downloads)),
  ),
  counter(
    "fileshare_stored_over_total",
    "Stored shares that are over, by how: expired, exhausted, revoked, never finished, removed by an operator.",
    (source) => ofStore(source, ({ over }) => by("how", over)),
    ["how"],
  ),
  counter(
    "fileshare_store_saves_total",
    "Changes of the store's index, saved or failed.",
    (source) => ofStore(source, ({ saves }) => by("result", { ...saves })),
    ["result"],
  ),
  gauge(
    "fileshare_cluster_connected",
    "1 while NATS answers and this relay knows the whole cluster. Absent without --cluster, as are all of the cluster.",
    ofCluster(({ counts }) => Number(counts.isConnected)),
  ),
  gauge(
    "fileshare_cluster_relays",
    "Relays of the cluster that this relay knows, itself included.",
    ofCluster(({ counts }) => counts.relays),
  ),
  gauge(
    "fileshare_cluster_shares",
    "Shares of the cluster that this relay knows, stored ones that are over included.",
    ofCluster(({ counts }) => counts.shares),
  ),
  gauge(
    "fileshare_cluster_shares_owned",
    "Shares whose sender is at this relay.",
    ofCluster(({ counts }) => counts.owned),
  ),
  gauge(
    "fileshare_cluster_links",
    "Links to other relays: one for each channel and owner that receivers here read.",
    ofCluster(({ counts }) => counts.links),
  ),
  gauge(
    "fileshare_cluster_claims_waiting",
    "Senders and links that wait for the directory of the cluster, up to 15 s each.",
    ofCluster(({ counts }) => counts.waitingClaims),
  ),
  gauge(
    "fileshare_cluster_nats_round_trip_seconds",
    "Time that NATS took for its last answer; absent while it does not answer.",
    ofCluster(({ roundTrip }) => (roundTrip === undefined ? undefined : roundTrip / MS)),
  ),
  gauge(
    "fileshare_buffered_bytes",
    "Bytes in memory that wait for full sockets.",
    (source) => byWorker(source, ({ buffered }) => buffered),
    ["worker"],
  ),
  gauge(
    "fileshare_buffered_most_bytes",
    "The part of it that waits for the fullest socket.",
    (source) => byWorker(source, ({ bufferedMost }) => bufferedMost),
    ["worker"],
  ),
  gauge(
    "fileshare_client_memory_bytes",
    "Memory held for clients: arriving data, data waiting for stalled and for moving clients, caches.",
    (source) =>
      source.measured.workers.flatMap(({ worker, memory }) =>
        by("kind", memory.used).map(({ labels, value }) => ({
          labels: { worker: `${worker}`, ...labels },
          value,
        })),
      ),
    ["worker", "kind"],
  ),
  gauge(
    "fileshare_client_memory_limit_bytes",
    "Upper limit of memory that a worker holds for its clients.",
    (source) => byWorker(source, ({ memory }) => memory.limit),
    ["worker"],
  ),
  gauge(
    "fileshare_client_memory_waiting",
    "Clients that wait for memory to send or receive.",
    (source) => byWorker(source, ({ memory }) => memory.waiting),
    ["worker"],
  ),
  counter(
    "fileshare_client_memory_refused_total",
    "Clients refused because too many waited for memory.",
    (source) => one(sum(source, ({ memory }) => memory.refused)),
  ),
  counter(
    "fileshare_client_memory_cut_total",
    "Stalled clients disconnected while others waited for memory.",
    (source) => one(sum(source, ({ memory }) => memory.cut)),
  ),
  gauge(
    "fileshare_worker_delay_seconds",
    "Longest delay of a worker's event loop in the last 10 to 20 seconds.",
    (source) => byWorker(source, ({ delay }) => delay / MS),
    ["worker"],
  ),
  gauge(
    "fileshare_log_blocks",
    "Blocks of the log: held ones keep records for late receivers.",
    ({ log }) => by("state", { held: log.held, free: log.blocks - log.held }),
    ["state"],
  ),
  gauge("fileshare_log_block_bytes", "Size of one block of the log.", ({ log }) =>
    one(log.blockBytes),
  ),
  gauge(
    "fileshare_workers",
    "Workers: wanted, running, and recently answering.",
    ({ workers }) => by("state", { ...workers }),
    ["state"],
  ),
  gauge("fileshare_draining", "1 while the relay drains.", (source) =>
    one(source.isDraining ? 1 : 0),
  ),
  gauge(
    "fileshare_memory_bytes",
    "Resident memory: file and shared belong to the log, and the system can reclaim them. Linux only.",
    ({ memory }) => (memory === undefined ? [] : by("kind", { ...memory })),
    ["kind"],
  ),
  gauge(
    "fileshare_certificate_end_seconds",
    "End of the certificate, in seconds since 1970; absent without TLS.",
    ({ certificateEndsAt: at }) => (at === undefined ? [] : one(at / MS)),
  ),
];
