/**
 * Every metric of the relay as data: what Prometheus reads and what docs/reference/relay.md says of it. Labels
 * have few values that are known beforehand: no ids, names, addresses, and nothing for each share.
 */
import { FAULTS, type FaultCode } from "../../protocol/mod.ts";

import type { Measured } from "./measuring.ts";
import type { ProcessMemory } from "./process-memory.ts";

/** What all metrics are read from, as of one moment. */
export interface MetricSource {
  readonly measured: Measured;
  readonly shares: { readonly senderHere: number; readonly senderAway: number };
  readonly sharesOpened: number;
  readonly workers: { readonly wanted: number; readonly up: number; readonly answering: number };
  readonly workersLost: number;
  /** By limit. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly isDraining: boolean;
  readonly log: { readonly held: number; readonly blocks: number; readonly blockBytes: number };
  /** Undefined where the system does not say. */
  readonly memory: ProcessMemory | undefined;
  /** In ms since 1970; undefined without TLS. */
  readonly certificateEndsAt: number | undefined;
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
  counter("fileshare_received_bytes_total", "Bytes of frames that senders sent.", (source) =>
    one(source.measured.totals.bytesIn),
  ),
  counter("fileshare_sent_bytes_total", "Bytes of frames that receivers were given.", (source) =>
    one(source.measured.totals.bytesOut),
  ),
  counter("fileshare_received_frames_total", "Frames that senders sent.", (source) =>
    one(source.measured.totals.framesIn),
  ),
  counter("fileshare_sent_frames_total", "Frames that receivers were given.", (source) =>
    one(source.measured.totals.framesOut),
  ),
  counter(
    "fileshare_wanted_again_total",
    "Records that senders were asked for a second time: the log is small, or lines break.",
    (source) => one(source.measured.totals.wantedAgain),
  ),
  counter("fileshare_connections_total", "Sockets of the protocol that were opened.", (source) =>
    one(source.measured.opened),
  ),
  counter(
    "fileshare_faults_total",
    "Faults told to clients, by their code in docs/reference/protocol.md.",
    ({ measured }) =>
      Object.keys(FAULTS).flatMap((code) => {
        const value = measured.faults[code as FaultCode];
        return value === undefined ? [] : [{ labels: { code }, value }];
      }),
    ["code"],
  ),
  counter(
    "fileshare_refused_total",
    "Clients refused, cut off or made to wait since they went over a limit, by its name.",
    ({ refusals }) => by("limit", refusals),
    ["limit"],
  ),
  counter("fileshare_shares_opened_total", "Shares that were opened.", (source) =>
    one(source.sharesOpened),
  ),
  counter("fileshare_workers_lost_total", "Workers that ended before the relay did.", (source) =>
    one(source.workersLost),
  ),
  gauge(
    "fileshare_clients",
    "Clients that are connected: by the protocol's socket, the original app's, or HTTP.",
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
    "Shares, by whether their sender is connected.",
    ({ shares }) => by("sender", { here: shares.senderHere, away: shares.senderAway }),
    ["sender"],
  ),
  gauge(
    "fileshare_buffered_bytes",
    "Bytes in memory that wait for sockets with no room.",
    (source) => byWorker(source, ({ buffered }) => buffered),
    ["worker"],
  ),
  gauge(
    "fileshare_buffered_most_bytes",
    "Of that, what waits for the one socket with most.",
    (source) => byWorker(source, ({ bufferedMost }) => bufferedMost),
    ["worker"],
  ),
  gauge(
    "fileshare_client_memory_bytes",
    "Memory held for clients: arriving from them, waiting for still and for moving ones, kept to save work.",
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
    "The most that a worker holds for its clients.",
    (source) => byWorker(source, ({ memory }) => memory.limit),
    ["worker"],
  ),
  gauge(
    "fileshare_client_memory_waiting",
    "Clients that wait until there is memory for what they send or get.",
    (source) => byWorker(source, ({ memory }) => memory.waiting),
    ["worker"],
  ),
  counter(
    "fileshare_client_memory_refused_total",
    "Clients refused since too many waited for memory.",
    (source) => one(sum(source, ({ memory }) => memory.refused)),
  ),
  counter(
    "fileshare_client_memory_cut_total",
    "Clients cut off that stood still while others waited for memory.",
    (source) => one(sum(source, ({ memory }) => memory.cut)),
  ),
  gauge(
    "fileshare_worker_delay_seconds",
    "The most that a worker's event loop was late in the last 10 to 20 seconds.",
    (source) => byWorker(source, ({ delay }) => delay / MS),
    ["worker"],
  ),
  gauge(
    "fileshare_log_blocks",
    "Blocks of the log: held ones keep records for who is late.",
    ({ log }) => by("state", { held: log.held, free: log.blocks - log.held }),
    ["state"],
  ),
  gauge("fileshare_log_block_bytes", "What one block of the log holds.", ({ log }) =>
    one(log.blockBytes),
  ),
  gauge(
    "fileshare_workers",
    "Workers that there should be, that are up, and that answered lately.",
    ({ workers }) => by("state", { ...workers }),
    ["state"],
  ),
  gauge("fileshare_draining", "1 while the relay ends.", (source) =>
    one(source.isDraining ? 1 : 0),
  ),
  gauge(
    "fileshare_memory_bytes",
    "Resident memory: file and shared are the log's, and go when the system needs room. Linux only.",
    ({ memory }) => (memory === undefined ? [] : by("kind", { ...memory })),
    ["kind"],
  ),
  gauge(
    "fileshare_certificate_end_seconds",
    "When the certificate ends, in seconds since 1970; nothing without TLS.",
    ({ certificateEndsAt: at }) => (at === undefined ? [] : one(at / MS)),
  ),
];
