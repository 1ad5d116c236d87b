/** K receivers that wait, for a share or at the question: what each costs the relay. */
import { randomBytes } from "node:crypto";

import { LoadProcess } from "../load/process.ts";
import { Receivers } from "../load/receivers.ts";
import type { Plan } from "../load/contract.ts";
import { allowSockets } from "../open-files.ts";
import { own, type Options } from "../options.ts";
import { usageOf } from "../proc.ts";
import type { SystemName } from "../result.ts";
import { sourceOf } from "../sources.ts";
import { systemOf } from "../systems/registry.ts";
import { withoutFigures, workersOf, type Case, type Measured, type Scenario } from "./scenario.ts";

const MiB = 1024 ** 2;
const WAITING = [1000];

/** As `recv` before its sender comes; and attached with a window of 0, as somebody who is asked. */
const FOR_A_SHARE = "for a share";
const ASKED = "asked";

export const idle: Scenario = {
  name: "idle",
  summary: "receivers that wait, for a share or at the question",
  systems: ["fileshare", "naive"],
  options: [{ name: "idle-seconds", kind: "count", standard: [3], help: "seconds of observation" }],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const seconds = own(options, "idle-seconds");
    const { loadProcesses } = options;
    return (options.receivers ?? WAITING).flatMap((receivers) =>
      systems.flatMap((system) =>
        workersOf(system, options).flatMap((workers) =>
          variantsOf(system).map((variant) => ({
            variant,
            system,
            workers,
            receivers,
            size: MiB,
            run: (signal: AbortSignal) =>
              wait({ variant, system, workers, receivers, loadProcesses, seconds, signal }),
          })),
        ),
      ),
    );
  },
};

/** To the naive relay all are attached who are connected. */
function variantsOf(system: SystemName): readonly string[] {
  return system === "naive" ? [ASKED] : [FOR_A_SHARE, ASKED];
}

interface Wait {
  readonly variant: string;
  readonly system: SystemName;
  readonly workers: number;
  readonly receivers: number;
  readonly loadProcesses: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** The memory that a process takes for its first receivers is not the cost of each receiver. */
const FIRST_ONES = 200;

async function warmUp(
  receivers: readonly string[],
  plan: Plan,
  kind: Plan["groups"][number]["kind"],
): Promise<void> {
  const groups = [{ kind, count: FIRST_ONES }];
  await using first = new Receivers(receivers, 1);
  await first.prepare({ ...plan, groups });
}

async function wait(options: Wait): Promise<Measured> {
  const { variant, system, workers, receivers, loadProcesses, seconds, signal } = options;
  await allowSockets(receivers);
  const source = sourceOf(MiB);
  await using running = await systemOf(system).start({ workers, source, receivers });
  const { load, pids, url } = running;
  const hasShare = variant !== FOR_A_SHARE;
  const groups = [{ kind: hasShare ? "healthy" : "waiting", count: receivers }] as const;
  const id = randomBytes(16).toString("hex");
  const plan: Plan = { t: "plan", url, id, size: MiB, groups };
  await using sender = hasShare ? new LoadProcess(load.sender ?? []) : undefined;
  await using waiting = new Receivers(load.receivers, Math.min(loadProcesses, receivers));
  const stop = (): void => void waiting[Symbol.asyncDispose]();
  signal.addEventListener("abort", stop);
  sender?.say(plan);
  await sender?.ready;
  await warmUp(load.receivers, plan, groups[0].kind);
  const before = await usageOf(pids);
  await waiting.prepare(plan);
  const joined = await usageOf(pids);
  await Bun.sleep(seconds * 1000);
  const after = await usageOf(pids);
  signal.removeEventListener("abort", stop);
  const found = withoutFigures("");
  if (before === undefined || joined === undefined || after === undefined) {
    return { ...found, invalid: "the relay's memory can't be seen" };
  }
  const relayCpuSeconds = after.cpuSeconds - joined.cpuSeconds;
  return {
    ...found,
    invalid: undefined,
    seconds,
    relayCpuSeconds,
    relayRssAnonPeak: after.rssAnon,
    fairness: 1,
    extra: {
      rssAnonPerReceiver: (after.rssAnon - before.rssAnon) / receivers,
      cpuMillisecondsPerJoin: ((joined.cpuSeconds - before.cpuSeconds) * 1000) / receivers,
      cpuPerSecond: relayCpuSeconds / seconds,
    },
  };
}
