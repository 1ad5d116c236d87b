/**
 * The result of a run of the bench: one JSON file with the machine, the options and every raw round.
 * The table and the page are pure functions of it. Fields are stable; `docs/reference/bench.md` describes them.
 */

export const RESULT_VERSION = 1;

export interface BenchResult {
  readonly version: typeof RESULT_VERSION;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  /** The command that made it. */
  readonly command: readonly string[];
  /** Name to version of each system that ran, and why others did not. */
  readonly systems: readonly SystemInfo[];
  readonly runs: readonly Run[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly bun: string;
}

export interface SystemInfo {
  readonly name: SystemName;
  readonly version: string | undefined;
  /** Why it could not run; undefined when it ran. */
  readonly missing: string | undefined;
}

export const SYSTEMS = [
  "fileshare",
  "fileshare-lobby",
  "fileshare-copy",
  "fileshare-tls",
  "fileshare-stored",
  "fileshare-s3",
  "fileshare-cluster",
  "nginx",
  "piping-server",
  "original",
  "naive",
  "croc",
  "wormhole",
  "sendme",
] as const;
export type SystemName = (typeof SYSTEMS)[number];
/** Systems that run only when they are named. */
export const ON_REQUEST: ReadonlySet<SystemName> = new Set(["fileshare-copy", "fileshare-tls"]);

export const SCENARIOS = [
  "fanout",
  "slow",
  "late",
  "churn",
  "attack",
  "large",
  "small",
  "transfer",
  "distance",
  "idle",
  "stored",
  "cluster",
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** One system in one scenario in one round. */
export interface Run {
  readonly scenario: ScenarioName;
  /** Of several settings of a scenario, which: `healthy alone`, `disk to null`; empty when there is one. */
  readonly variant: string;
  readonly system: SystemName;
  /** From 0. */
  readonly round: number;
  readonly workers: number;
  readonly receivers: number;
  /** Bytes of the source. */
  readonly size: number;
  /** Undefined: figures count. Otherwise why they do not: a wrong byte, a receiver that failed. */
  readonly invalid: string | undefined;
  /** Bytes delivered to all receivers that count. */
  readonly bytes: number;
  /** From the first byte asked for to the last receiver that counts being done. */
  readonly seconds: number;
  readonly aggregateBytesPerSecond: number;
  /** utime + stime of the relay's process over the run; undefined where it can't be seen. */
  readonly relayCpuSeconds: number | undefined;
  readonly relayCpuSecondsPerGiB: number | undefined;
  /**
   * s, of the sender's process and of all processes with receivers, over the same bytes as the relay's: what
   * the load costs beside it; undefined where it can't be seen, or nobody asked.
   */
  readonly senderCpuSecondsPerGiB: number | undefined;
  readonly receiversCpuSecondsPerGiB: number | undefined;
  /** bytes, largest `RssAnon` seen; fileshare's log is a file, and not in it. */
  readonly relayRssAnonPeak: number | undefined;
  /** bytes queued in the relay's memory over all sockets, largest seen; only where the relay tells. */
  readonly bufferedPeak: number | undefined;
  /** ms, 99th percentile of the relay's event loop delay; only where the relay tells. */
  readonly eventLoopDelayP99: number | undefined;
  /** s, over receivers that count. */
  readonly completion: { readonly p50: number; readonly p99: number };
  /** Jain's index of the receivers' rates: 1 is all alike. */
  readonly fairness: number;
  /** Figures of one scenario alone, such as `catchUpBytesPerSecond`; documented with it. */
  readonly extra: Readonly<Record<string, number>>;
  readonly perReceiver: readonly ReceiverResult[];
  /** Sampled over time, for charts. */
  readonly samples: readonly Sample[];
}

export interface ReceiverResult {
  /** `healthy`, `slow`, `stopped`, `late`, `churning`. */
  readonly kind: string;
  readonly bytes: number;
  readonly bytesPerSecond: number;
  /** s from the receiver's start. */
  readonly firstByte: number;
  /** s from the run's start; undefined: not completed, as is right for a stopped one. */
  readonly completion: number | undefined;
  /** records behind the most advanced receiver; undefined where the system has no records. */
  readonly largestLag: number | undefined;
  readonly laneSwitches: number | undefined;
  readonly bytesTwice: number;
  readonly gaps: number;
}

export interface Sample {
  /** s from the run's start */
  readonly at: number;
  /** bytes received so far by each of at most 16 receivers, evenly chosen. */
  readonly receivedBytes: readonly number[];
  readonly rssAnon: number | undefined;
  readonly cpuSeconds: number | undefined;
  readonly buffered: number | undefined;
}

/** How many receivers a sample tells about at most, so that a result stays small. */
export const SAMPLED_RECEIVERS = 16;

/** The receivers of a sample, evenly chosen: indices into `perReceiver`. */
export function sampledReceivers(receivers: number): number[] {
  const count = Math.min(receivers, SAMPLED_RECEIVERS);
  return Array.from({ length: count }, (_, index) => Math.floor((index * receivers) / count));
}
