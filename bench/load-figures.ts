/** The figures of a run of a load: pure functions of what receivers and observer wrote down. */
import type { LoadReceiver } from "./load/contract.ts";
import { completes } from "./load/crowd.ts";
import type { Observed } from "./observer.ts";
import type { ClusterFigures } from "./parts.ts";
import type { ReceiverResult } from "./result.ts";
import type { Measured } from "./scenarios/scenario.ts";
import { jain, percentile } from "./stats.ts";

const GiB = 1024 ** 3;

/** The raw results of a run. */
export interface Driven {
  readonly receivers: readonly LoadReceiver[];
  readonly extra: Readonly<Record<string, number>>;
  readonly observed: Observed;
  /** Undefined: the load's processes can't be seen. */
  readonly load: LoadCpu | undefined;
  /** Absent: the system is no cluster. */
  readonly cluster?: ClusterFigures | undefined;
}

/** CPU time of the load's own processes. s */
export interface LoadCpu {
  /** 0 where the system serves the source by itself */
  readonly sender: number;
  /** of all processes with receivers */
  readonly receivers: number;
  /** of the busiest process of all */
  readonly most: number;
}

/**
 * Only receivers that complete count for bytes, seconds, completion and fairness; the relay's CPU is
 * shared out over the bytes of all. A run starts when the first of its receivers does.
 * @param more further figures of a scenario
 */
export function figures(driven: Driven, more: Record<string, number> = {}): Measured {
  const { receivers, extra, observed, load } = driven;
  const startedAt = startOf(receivers);
  const counting = receivers.filter(({ kind }) => completes(kind));
  const invalid = faultOf(counting);
  const bytes = counting.reduce((sum, each) => sum + each.bytes, 0);
  const all = receivers.reduce((sum, each) => sum + each.bytes, 0);
  const end = Math.max(startedAt, ...counting.map(({ doneAt }) => doneAt ?? startedAt));
  const seconds = (end - startedAt) / 1000;
  const times = counting.map(({ doneAt }) => ((doneAt ?? end) - startedAt) / 1000);
  const { cpuSeconds, logBytesMost, switches, samples } = observed;
  const perReceiver = receivers.map((each) => asResult(each, startedAt, end, switches));
  return {
    invalid,
    bytes,
    seconds,
    aggregateBytesPerSecond: seconds > 0 ? bytes / seconds : 0,
    relayCpuSeconds: cpuSeconds,
    relayCpuSecondsPerGiB: perGiB(cpuSeconds, all),
    senderCpuSecondsPerGiB: perGiB(load?.sender, all),
    receiversCpuSecondsPerGiB: perGiB(load?.receivers, all),
    relayRssAnonPeak: observed.rssAnonPeak,
    bufferedPeak: observed.bufferedPeak,
    eventLoopDelayP99: observed.eventLoopDelayP99,
    completion: { p50: percentile(times, 0.5), p99: percentile(times, 0.99) },
    fairness: jain(
      perReceiver
        .filter(({ kind }) => kind === "healthy")
        .map(({ bytesPerSecond }) => bytesPerSecond),
    ),
    extra: {
      ...extra,
      ...loadOf(load),
      ...switchesOf(switches),
      ...logOf(logBytesMost),
      bytesToAll: all,
      ...more,
    },
    perReceiver,
    samples,
  };
}

function perGiB(cpuSeconds: number | undefined, bytes: number): number | undefined {
  return cpuSeconds === undefined ? undefined : (cpuSeconds * GiB) / Math.max(1, bytes);
}

function loadOf(load: LoadCpu | undefined): Record<string, number> {
  if (load === undefined) return {};
  return { loadCpuSeconds: load.sender + load.receivers, loadCpuSecondsMost: load.most };
}

/** Receivers that never started have no time of it. */
function startOf(receivers: readonly LoadReceiver[]): number {
  const times = receivers.flatMap(({ startedAt }) => startedAt ?? []);
  return times.length === 0 ? 0 : Math.min(...times);
}

/** Over all receivers; nothing where nobody counts them. */
function switchesOf(switches: ReadonlyMap<string, number>): Record<string, number> {
  const laneSwitches = [...switches.values()].reduce((sum, count) => sum + count, 0);
  return switches.size === 0 ? {} : { laneSwitches };
}

function logOf(logBytesMost: number | undefined): Record<string, number> {
  return logBytesMost === undefined ? {} : { logBytesMost };
}

/** Undefined when nothing is wrong. A frame that is missing is, though its receiver asked again. */
function faultOf(counting: readonly LoadReceiver[]): string | undefined {
  const open = counting.filter(({ doneAt }) => doneAt === undefined).length;
  if (open > 0) return `${open} of ${counting.length} receivers did not get everything`;
  const gaps = counting.reduce((sum, each) => sum + each.gaps, 0);
  return gaps > 0 ? `${gaps} times a frame was lost or out of order` : undefined;
}

function asResult(
  receiver: LoadReceiver,
  runStartedAt: number,
  runEndedAt: number,
  switches: ReadonlyMap<string, number>,
): ReceiverResult {
  const {
    kind,
    id,
    bytes,
    startedAt = runEndedAt,
    firstByteAt,
    doneAt,
    largestLag,
    bytesTwice,
    gaps,
  } = receiver;
  const took = ((doneAt ?? runEndedAt) - startedAt) / 1000;
  return {
    kind,
    bytes,
    bytesPerSecond: took > 0 ? bytes / took : 0,
    firstByte: firstByteAt === undefined ? 0 : (firstByteAt - startedAt) / 1000,
    completion: doneAt === undefined ? undefined : (doneAt - runStartedAt) / 1000,
    largestLag,
    laneSwitches: id === undefined || switches.size === 0 ? undefined : (switches.get(id) ?? 0),
    bytesTwice,
    gaps,
  };
}
