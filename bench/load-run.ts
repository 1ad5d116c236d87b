/**
 * One run of a load on one system: starts both, warms up, says go, watches, collects.
 * Everything that scenarios with a sender and receivers share.
 */
import { randomBytes } from "node:crypto";

import {
  clock,
  type Done,
  type Group,
  type LoadReceiver,
  type Plan,
  type Sampled,
} from "./load/contract.ts";
import { completes } from "./load/crowd.ts";
import { LoadProcess } from "./load/process.ts";
import { Observer, type Observed } from "./observer.ts";
import { usageOf } from "./proc.ts";
import type { ReceiverResult } from "./result.ts";
import type { Measured } from "./scenarios/scenario.ts";
import { sourceOf } from "./sources.ts";
import { jain, percentile } from "./stats.ts";
import type { RunningSystem, System } from "./systems/system.ts";

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
/** bytes and receivers of the run before the run, which nobody measures */
const WARM_BYTES = 32 * MiB;
const WARM_RECEIVERS = 2;
/** ms without a byte for anyone after which a run is given up */
const STALL_MS = 10_000;

export interface LoadRun {
  readonly system: System;
  readonly workers: number;
  /** bytes */
  readonly size: number;
  readonly groups: readonly Group[];
  /** Memory of the relay's log. bytes */
  readonly logBytes?: number;
  /**
   * When a group of `late` ones joins: at this part (0 to 1) of the source, as the most advanced
   * receiver has it. By index of `groups`.
   */
  readonly joinAt?: ReadonlyMap<number, number>;
  readonly signal: AbortSignal;
}

/** What came of a run, before it is made into figures. */
export interface Driven {
  /** ms since the epoch */
  readonly startedAt: number;
  readonly receivers: readonly LoadReceiver[];
  readonly extra: Readonly<Record<string, number>>;
  readonly observed: Observed;
}

/**
 * Only receivers that complete count for bytes, seconds, completion and fairness; the relay's CPU is
 * shared out over the bytes of all.
 * @param more further figures of a scenario
 */
export async function measureLoad(
  run: LoadRun,
  more: (driven: Driven) => Record<string, number> = () => ({}),
): Promise<Measured> {
  const { system, workers, size, groups, logBytes, signal } = run;
  const receivers = groups.reduce((sum, { count }) => sum + count, 0);
  const source = sourceOf(size);
  await using running = await system.start({
    workers,
    source,
    receivers,
    ...(logBytes === undefined ? {} : { logBytes }),
  });
  const warmSize = running.load.sender === undefined ? size : Math.min(size, WARM_BYTES);
  await drive(running, {
    size: warmSize,
    groups: [{ kind: "healthy", count: WARM_RECEIVERS }],
    signal,
  });
  const driven = await drive(running, run);
  return figures(driven, more(driven));
}

async function drive(
  running: RunningSystem,
  { size, groups, joinAt, signal }: Pick<LoadRun, "size" | "groups" | "joinAt" | "signal">,
): Promise<Driven> {
  const plan: Plan = {
    t: "plan",
    url: running.url,
    id: randomBytes(16).toString("hex"),
    size,
    groups,
  };
  const waiting = new Map(joinAt);
  const stall = new Stall();
  const cut = Promise.race([aborted(signal), stall.found]);
  cut.catch(() => undefined);
  const watch: { observer?: Observer } = {};
  await using sender =
    running.load.sender === undefined ? undefined : new LoadProcess(running.load.sender);
  await using receivers: LoadProcess = new LoadProcess(running.load.receivers, (sample) => {
    watch.observer?.sample(sample);
    stall.look(sample);
    for (const [group, part] of waiting) {
      if (sample.furthest < part * size) continue;
      waiting.delete(group);
      receivers.say({ t: "join", group });
    }
  });
  // A sender speaks only when something is wrong, until it is told to stop.
  const wait = <T>(promise: Promise<T>): Promise<T> =>
    Promise.race([promise, cut, sender === undefined ? cut : sender.done.then(() => cut)]);

  sender?.say(plan);
  await wait(sender?.ready ?? Promise.resolve());
  receivers.say(plan);
  await wait(receivers.ready);
  const watching = await Observer.start(running, clock);
  watch.observer = watching;
  const loadBefore = await usageOf(pidsOf(sender, receivers));
  receivers.say({ t: "go" });
  sender?.say({ t: "go" });
  try {
    const done = await wait(receivers.done);
    const observed = await watching.stop();
    const loadAfter = await usageOf(pidsOf(sender, receivers));
    sender?.say({ t: "stop" });
    const sent: Done | undefined = await Promise.race([cut, sender?.done]);
    const loadCpuSeconds = (loadAfter?.cpuSeconds ?? 0) - (loadBefore?.cpuSeconds ?? 0);
    const extra = { ...done.extra, ...sent?.extra, loadCpuSeconds };
    return { startedAt: watching.startedAt, receivers: done.receivers, extra, observed };
  } finally {
    await watching.stop();
  }
}

/** Finds out that nothing comes any more. */
class Stall {
  readonly #found = Promise.withResolvers<never>();
  #received = -1;
  #since = 0;

  /** @throws Error when it is so */
  get found(): Promise<never> {
    return this.#found.promise;
  }

  look({ at, furthest, received }: Sampled): void {
    const now = received.reduce((sum, bytes) => sum + bytes, furthest);
    if (now !== this.#received) {
      this.#received = now;
      this.#since = at;
    } else if (at - this.#since > STALL_MS) {
      this.#found.reject(new Error(`nothing came for ${STALL_MS / 1000} s`));
    }
  }
}

function pidsOf(...processes: readonly (LoadProcess | undefined)[]): number[] {
  return processes.flatMap((each) => (each === undefined ? [] : [each.pid]));
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new Error("it took too long"));
  if (signal.aborted) late();
  signal.addEventListener("abort", late, { once: true });
  return promise;
}

function figures(driven: Driven, more: Record<string, number>): Measured {
  const { startedAt, receivers, extra, observed } = driven;
  const counting = receivers.filter(({ kind }) => completes(kind));
  const invalid = faultOf(counting);
  const bytes = counting.reduce((sum, each) => sum + each.bytes, 0);
  const all = receivers.reduce((sum, each) => sum + each.bytes, 0);
  const end = Math.max(startedAt, ...counting.map(({ doneAt }) => doneAt ?? startedAt));
  const seconds = (end - startedAt) / 1000;
  const times = counting.map(({ doneAt }) => ((doneAt ?? end) - startedAt) / 1000);
  const { cpuSeconds, switches, samples } = observed;
  const perReceiver = receivers.map((each) => asResult(each, startedAt, end, switches));
  return {
    invalid,
    bytes,
    seconds,
    aggregateBytesPerSecond: seconds > 0 ? bytes / seconds : 0,
    relayCpuSeconds: cpuSeconds,
    relayCpuSecondsPerGiB:
      cpuSeconds === undefined ? undefined : (cpuSeconds * GiB) / Math.max(1, all),
    relayRssAnonPeak: observed.rssAnonPeak,
    bufferedPeak: observed.bufferedPeak,
    eventLoopDelayP99: observed.eventLoopDelayP99,
    completion: { p50: percentile(times, 0.5), p99: percentile(times, 0.99) },
    fairness: jain(
      perReceiver
        .filter(({ kind }) => kind === "healthy")
        .map(({ bytesPerSecond }) => bytesPerSecond),
    ),
    extra: { ...extra, ...switchesOf(switches), bytesToAll: all, ...more },
    perReceiver,
    samples,
  };
}

/** Over all receivers; nothing where nobody counts them. */
function switchesOf(switches: ReadonlyMap<string, number>): Record<string, number> {
  const laneSwitches = [...switches.values()].reduce((sum, count) => sum + count, 0);
  return switches.size === 0 ? {} : { laneSwitches };
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
  const { kind, id, bytes, startedAt, firstByteAt, doneAt, largestLag, bytesTwice, gaps } =
    receiver;
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
