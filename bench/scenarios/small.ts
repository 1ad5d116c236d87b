/** Small files: how long one takes from `send` to `saved`, and how many a relay carries in a row. */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";

import { Running, checkFile } from "../carry.ts";
import { LoadProcess } from "../load/process.ts";
import { Observer, type Observed } from "../observer.ts";
import { own, type Options } from "../options.ts";
import { usageOf } from "../proc.ts";
import { sourceOf } from "../sources.ts";
import { percentile } from "../stats.ts";
import { openFileshare } from "../systems/fileshare-cli.ts";
import { systemOf } from "../systems/registry.ts";
import { TemporaryFolder } from "../temporary.ts";
import { withoutFigures, type Case, type Measured, type Scenario } from "./scenario.ts";

const SHARES = `${import.meta.dir}/../load/small-shares.ts`;

export const small: Scenario = {
  name: "small",
  summary: "small files: from `send` to `saved`, and thousands in a row",
  systems: ["fileshare"],
  options: [
    { name: "small-size", kind: "bytes", standard: [1024], help: "size of each file" },
    {
      name: "small-sends",
      kind: "count",
      standard: [5],
      help: "number of files with the real commands",
    },
    { name: "small-count", kind: "count", standard: [10_000], help: "number of shares in a row" },
    {
      name: "small-seconds",
      kind: "count",
      standard: [3],
      help: "longest time for those, in seconds",
    },
  ],
  cases(options: Options): Case[] {
    const size = own(options, "small-size");
    const common = { system: "fileshare", workers: 1, receivers: 1, size } as const;
    const sends = own(options, "small-sends");
    const count = own(options, "small-count");
    const seconds = own(options, "small-seconds");
    const one: Case = {
      ...common,
      variant: "send to saved",
      run: (signal) => measureSends(size, sends, signal),
    };
    const row: Case = {
      ...common,
      variant: "in a row",
      run: (signal) => measureRow(size, count, seconds, signal),
    };
    return [one, row];
  },
};

/** A new sender and a new receiver each time; the receiver waits already. */
async function measureSends(size: number, count: number, signal: AbortSignal): Promise<Measured> {
  const file = await sourceOf(size).file();
  using folder = new TemporaryFolder("small");
  await using carriage = await openFileshare();
  const observer = await Observer.start(carriage);
  const times: number[] = [];
  try {
    for (let number = 0; number < count; number++) {
      const out = join(folder.path, number.toString());
      await mkdir(out);
      await using receiver = new Running(carriage.receiver(out, ""), signal);
      await receiver.says(carriage.order.says);
      const startedAt = performance.now();
      await using sender = new Running(carriage.sender(file), signal);
      await receiver.says(/"event":"saved"/);
      times.push((performance.now() - startedAt) / 1000);
      await Promise.all([receiver.ended(), sender.ended()]);
      await checkFile(join(out, basename(file)), size);
    }
  } finally {
    await observer.stop();
  }
  const seconds = times.reduce((sum, each) => sum + each, 0);
  const completion = { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
  const extra = { latencyP50Ms: completion.p50 * 1000, latencyP99Ms: completion.p99 * 1000 };
  return figures(await observer.stop(), { bytes: count * size, seconds, completion, extra });
}

async function measureRow(
  size: number,
  count: number,
  seconds: number,
  signal: AbortSignal,
): Promise<Measured> {
  await using relay = await systemOf("fileshare").start({
    workers: 1,
    receivers: 1,
    source: sourceOf(size),
  });
  await using load = new LoadProcess([
    process.execPath,
    SHARES,
    count.toString(),
    seconds.toString(),
  ]);
  const late = (): void => void load[Symbol.asyncDispose]();
  signal.addEventListener("abort", late, { once: true });
  const id = randomBytes(16).toString("hex");
  load.say({ t: "plan", url: relay.url, id, size, groups: [] });
  await load.ready;
  const before = await usageOf(relay.pids);
  const observer = await Observer.start(relay);
  try {
    load.say({ t: "go" });
    const { extra } = await load.done;
    const observed = await observer.stop();
    const after = await usageOf(relay.pids);
    const { shares = 0, seconds: took = 0, p50 = 0, p99 = 0, most = 0 } = extra;
    const more: Record<string, number> = {
      shares,
      sharesPerSecond: shares / took,
      latencyP50Ms: p50 * 1000,
      latencyP99Ms: p99 * 1000,
      latencyMostMs: most * 1000,
    };
    if (before !== undefined && after !== undefined) {
      more["relayCpuMsPerShare"] = (1000 * (after.cpuSeconds - before.cpuSeconds)) / shares;
      more["relayRssAnonGrowth"] = after.rssAnon - before.rssAnon;
    }
    const completion = { p50, p99 };
    return figures(observed, { bytes: shares * size, seconds: took, completion, extra: more });
  } finally {
    signal.removeEventListener("abort", late);
    await observer.stop();
  }
}

/** The relay's CPU is not shared out over bytes: there are hardly any. */
function figures(
  { cpuSeconds, rssAnonPeak, bufferedPeak, eventLoopDelayP99 }: Observed,
  found: Pick<Measured, "bytes" | "seconds" | "completion" | "extra">,
): Measured {
  return {
    ...withoutFigures(""),
    ...found,
    invalid: undefined,
    aggregateBytesPerSecond: found.bytes / found.seconds,
    relayCpuSeconds: cpuSeconds,
    relayRssAnonPeak: rssAnonPeak,
    bufferedPeak,
    eventLoopDelayP99,
    fairness: 1,
  };
}
