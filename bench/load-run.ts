/**
 * One run of a load on one system: starts both, warms up, says go, watches, collects.
 * Everything that scenarios with a sender and receivers share.
 */
import { randomBytes } from "node:crypto";

import { AttackCrowd, type Attackers } from "./attack.ts";
import type { Done, Group, Plan } from "./load/contract.ts";
import { LoadProcess } from "./load/process.ts";
import { countOf, Receivers } from "./load/receivers.ts";
import { figures, type Driven } from "./load-figures.ts";
import { LoadWatch } from "./load-watch.ts";
import { Observer } from "./observer.ts";
import { usageOf } from "./proc.ts";
import type { Measured } from "./scenarios/scenario.ts";
import { sourceOf } from "./sources.ts";
import type { RunningSystem, System } from "./systems/system.ts";

const MiB = 1024 ** 2;
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
  /** Size of the relay's log. bytes */
  readonly logBytes?: number;
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
  const { system, workers, size, groups, logBytes } = run;
  await using running = await system.start({
    workers,
    source: sourceOf(size),
    receivers: countOf(groups),
    ...(logBytes === undefined ? {} : { logBytes }),
  });
  const warmSize = running.load.sender === undefined ? size : Math.min(size, WARM_BYTES);
  const { loadProcesses, signal } = run;
  const warmGroups = [{ kind: "healthy", count: WARM_RECEIVERS }] as const;
  await drive(running, { size: warmSize, groups: warmGroups, loadProcesses, signal });
  const { attackers } = run;
  await using crowd =
    attackers === undefined ? undefined : await AttackCrowd.start(running, attackers);
  const driven = await drive(running, run);
  return figures(driven, { ...more(driven), ...(await crowd?.stop()) });
}

async function drive(
  running: RunningSystem,
  run: Omit<LoadRun, "system" | "workers" | "logBytes" | "attackers">,
): Promise<Driven> {
  const { size, groups, senderBytesPerSecond, joinAt, signal } = run;
  const id = randomBytes(16).toString("hex");
  const { url } = running;
  const pace = senderBytesPerSecond === undefined ? {} : { senderBytesPerSecond };
  const plan: Plan = { t: "plan", url, id, size, groups, ...pace };
  await using sender =
    running.load.sender === undefined ? undefined : new LoadProcess(running.load.sender);
  await using receivers = new Receivers(running.load.receivers, plan, run.loadProcesses);
  const cut = aborted(signal);
  cut.catch(() => undefined);
  // A sender speaks only when something is wrong, until it is told to stop.
  const wait = <T>(promise: Promise<T>): Promise<T> =>
    Promise.race([promise, cut, sender === undefined ? cut : sender.done.then(() => cut)]);

  sender?.say(plan);
  await wait(sender?.ready ?? Promise.resolve());
  await wait(receivers.prepare());
  const load = [...receivers.pids, ...(sender === undefined ? [] : [sender.pid])];
  const before = await usagesOf(load);
  const observer = await Observer.start(running);
  const watch = new LoadWatch({ receivers, observer, size, joinAt });
  try {
    const through = receivers.go();
    sender?.say({ t: "go" });
    await wait(Promise.race([through, watch.stalled]));
    watch.stop();
    const [done, observed, after] = await wait(
      Promise.all([receivers.stop(), observer.stop(), usagesOf(load)]),
    );
    sender?.say({ t: "stop" });
    const sent: Done | undefined = await Promise.race([cut, sender?.done]);
    const loadProcesses = receivers.pids.length;
    const extra = { ...done.extra, ...sent?.extra, loadProcesses, ...loadFigures(before, after) };
    return { receivers: done.receivers, extra, observed };
  } finally {
    watch.stop();
    await observer.stop();
  }
}

/** CPU seconds of each; NaN of one that can't be seen. */
function usagesOf(pids: readonly number[]): Promise<number[]> {
  return Promise.all(pids.map(async (pid) => (await usageOf([pid]))?.cpuSeconds ?? Number.NaN));
}

/** The CPU time of the load's processes, from the counters before and after. */
function loadFigures(before: readonly number[], after: readonly number[]): Record<string, number> {
  const used = after.map((each, index) => each - (before[index] ?? 0));
  const loadCpuSeconds = used.reduce((sum, each) => sum + each, 0);
  if (Number.isNaN(loadCpuSeconds)) return {};
  return { loadCpuSeconds, loadCpuSecondsMost: Math.max(...used) };
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new Error("it took too long"));
  if (signal.aborted) late();
  signal.addEventListener("abort", late, { once: true });
  return promise;
}
