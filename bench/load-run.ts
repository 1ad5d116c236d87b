/**
 * One run of a load on one system: starts both, warms up, says go, watches, collects.
 * Everything that scenarios with a sender and receivers share.
 */
import { randomBytes } from "node:crypto";

import { AttackCrowd, type Attackers } from "./attack.ts";
import type { Done, Group, Plan } from "./load/contract.ts";
import { LoadProcess } from "./load/process.ts";
import { countOf, Receivers } from "./load/receivers.ts";
import { figures, type Driven, type LoadCpu } from "./load-figures.ts";
import { LoadWatch } from "./load-watch.ts";
import { allowSockets } from "./open-files.ts";
import { Observer } from "./observer.ts";
import { between, countersOf } from "./parts.ts";
import { usageOf } from "./proc.ts";
import type { Measured } from "./scenarios/scenario.ts";
import { sourceOf } from "./sources.ts";
import type { ClusterShape, RunningSystem, System } from "./systems/system.ts";

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
/** bytes and receivers of the run before the run, which nobody measures */
const WARM_BYTES = 16 * MiB;
export const WARM_RECEIVERS = 16;

export interface LoadRun {
  readonly system: System;
  readonly workers: number;
  /** The most processes that have the receivers. */
  readonly loadProcesses: number;
  /** bytes */
  readonly size: number;
  readonly groups: readonly Group[];
  /** The most that the sender sends per second; undefined: as fast as it is asked. bytes */
  readonly senderBytesPerSecond?: number | undefined;
  /** The share is stored, and its sender gone, before the first receiver comes. */
  readonly isStored?: boolean;
  /** Size of the relay's log. bytes */
  readonly logBytes?: number;
  /** Where the system is a cluster. */
  readonly cluster?: ClusterShape | undefined;
  /**
   * When a group of `late` ones joins: at this part (0 to 1) of the source, as the most advanced
   * receiver has it. By index of `groups`.
   */
  readonly joinAt?: ReadonlyMap<number, number>;
  /** A crowd beside it all. */
  readonly attackers?: Attackers | undefined;
  readonly signal: AbortSignal;
}

/** @param more further figures of a scenario */
export async function measureLoad(
  run: LoadRun,
  more: (driven: Driven) => Record<string, number> = () => ({}),
): Promise<Measured> {
  const { system, workers, size, groups, logBytes, cluster } = run;
  await allowSockets(countOf(groups));
  await using running = await system.start({
    workers,
    source: sourceOf(size),
    receivers: countOf(groups),
    cluster,
    ...(logBytes === undefined ? {} : { logBytes }),
  });
  const { load } = running;
  const processes = Math.min(run.loadProcesses, countOf(groups));
  await using receivers = new Receivers(load.receivers, processes);
  await using sender = load.sender === undefined ? undefined : new LoadProcess(load.sender);
  const driver = { running, sender, receivers, signal: run.signal };
  const warmSize = sender === undefined ? size : Math.min(size, WARM_BYTES);
  // The same processes as in the run: what compiles their code and grows their heap is no work per byte.
  const warmGroups = [{ kind: "healthy", count: WARM_RECEIVERS }] as const;
  await drive(driver, { size: warmSize, groups: warmGroups, isStored: run.isStored ?? false });
  const { attackers } = run;
  await using crowd =
    attackers === undefined ? undefined : await AttackCrowd.start(running, attackers);
  const driven = await drive(driver, run);
  return figures(driven, { ...more(driven), ...(await crowd?.stop()) });
}

interface Driver {
  readonly running: RunningSystem;
  /** Undefined: the system serves the source by itself. */
  readonly sender: LoadProcess | undefined;
  readonly receivers: Receivers;
  readonly signal: AbortSignal;
}

async function drive(
  { running, sender, receivers, signal }: Driver,
  run: Pick<LoadRun, "size" | "groups" | "senderBytesPerSecond" | "joinAt" | "isStored">,
): Promise<Driven> {
  const { size, groups, senderBytesPerSecond, joinAt, isStored = false } = run;
  const id = randomBytes(16).toString("hex");
  const { url, receiverUrls, cluster } = running;
  const pace = senderBytesPerSecond === undefined ? {} : { senderBytesPerSecond };
  const plan: Plan = {
    t: "plan",
    url,
    id,
    size,
    groups,
    ...pace,
    ...(isStored && { isStored }),
    ...(receiverUrls && { receiverUrls }),
  };
  const cut = aborted(signal);
  cut.catch(() => undefined);
  // A sender speaks only when something is wrong, until it is told to stop.
  const wait = <T>(promise: Promise<T>): Promise<T> =>
    Promise.race([promise, cut, sender === undefined ? cut : sender.done.then(() => cut)]);

  const storing = isStored ? await usageOf(running.pids) : undefined;
  sender?.say(plan);
  await wait(sender?.ready ?? Promise.resolve());
  const storeExtra = storing && (await storedFigures(running, storing.cpuSeconds, size));
  await wait(receivers.prepare(plan));
  const load = { receivers: receivers.pids, sender: sender === undefined ? [] : [sender.pid] };
  const before = await loadUsage(load);
  const countedBefore = cluster && (await countersOf(cluster));
  const observer = await Observer.start(running);
  const watch = new LoadWatch({ receivers, observer, size, joinAt });
  try {
    const through = receivers.go();
    sender?.say({ t: "go" });
    await wait(Promise.race([through, watch.stalled]));
    watch.stop();
    const [done, observed, after, countedAfter] = await wait(
      Promise.all([
        receivers.stop(isStored),
        observer.stop(),
        loadUsage(load),
        cluster && countersOf(cluster),
      ]),
    );
    const parts = countedBefore && countedAfter && between(countedBefore, countedAfter);
    sender?.say({ t: "stop" });
    const sent: Done | undefined = await Promise.race([cut, sender?.done]);
    const loadProcesses = receivers.pids.length;
    const extra = { ...done.extra, ...sent?.extra, ...storeExtra, loadProcesses };
    return {
      receivers: done.receivers,
      extra,
      observed,
      load: loadCpu(before, after),
      cluster: parts,
    };
  } finally {
    watch.stop();
    await observer.stop();
  }
}

/** Of the upload. The relay then starts anew, so that nothing of the share is in its log. */
async function storedFigures(
  running: RunningSystem,
  cpuBefore: number,
  size: number,
): Promise<Record<string, number>> {
  const after = await usageOf(running.pids);
  await running.restart?.();
  const cpuSeconds = after === undefined ? Number.NaN : after.cpuSeconds - cpuBefore;
  return { storingCpuSecondsPerGiB: (cpuSeconds * GiB) / size };
}

/** CPU seconds of each process so far; NaN of one that can't be seen. */
interface LoadUsage {
  readonly sender: readonly number[];
  readonly receivers: readonly number[];
}

async function loadUsage(pids: LoadUsage): Promise<LoadUsage> {
  const of = (each: readonly number[]): Promise<number[]> =>
    Promise.all(each.map(async (pid) => (await usageOf([pid]))?.cpuSeconds ?? Number.NaN));
  const [sender, receivers] = await Promise.all([of(pids.sender), of(pids.receivers)]);
  return { sender, receivers };
}

/** The CPU time of the load's processes, from the counters before and after. */
function loadCpu(before: LoadUsage, after: LoadUsage): LoadCpu | undefined {
  const used = (side: keyof LoadUsage): number[] =>
    after[side].map((each, index) => each - (before[side][index] ?? 0));
  const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0);
  const [sender, receivers] = [used("sender"), used("receivers")];
  const most = Math.max(...sender, ...receivers);
  return Number.isNaN(most) ? undefined : { sender: sum(sender), receivers: sum(receivers), most };
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new Error("it took too long"));
  if (signal.aborted) late();
  signal.addEventListener("abort", late, { once: true });
  return promise;
}
