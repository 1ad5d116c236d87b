/** The rows of `guard`: each is a command line of the bench, and the figures of it that are compared. */
import { parseOptions } from "../options.ts";
import type { SystemName } from "../result.ts";
import { scenarios } from "../scenarios/registry.ts";
import type { Job } from "../runner.ts";
import type { Measured } from "../scenarios/scenario.ts";

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly better: "more" | "less";
  /** False: it says how the other figures came about, and none is better. */
  readonly judged: boolean;
  readonly of: (measured: Measured) => number | undefined;
}

export interface GuardRow {
  readonly name: string;
  readonly figures: readonly Figure[];
  /** Systems that `--peers` runs beside it. */
  readonly peers: readonly SystemName[];
  /** Ours. */
  readonly system: SystemName;
  /** The work of one run. */
  readonly jobOf: (system: SystemName) => Job;
}

const aggregate: Figure = {
  name: "aggregate",
  unit: "GiB/s",
  better: "more",
  judged: true,
  of: ({ aggregateBytesPerSecond }) => aggregateBytesPerSecond / GiB,
};
const content: Figure = {
  name: "content",
  unit: "MiB/s",
  better: "more",
  judged: true,
  of: ({ aggregateBytesPerSecond }) => aggregateBytesPerSecond / MiB,
};
const relayCpu = less("relay CPU", "s/GiB", (run) => run.relayCpuSecondsPerGiB);
const rssAnon = less("RssAnon", "MiB", ({ relayRssAnonPeak }) =>
  relayRssAnonPeak === undefined ? undefined : relayRssAnonPeak / MiB,
);
/** Figures beside those of the relay: see "Cost of the load" in the reference. */
const loadCpu: readonly Figure[] = [
  { ...less("sender CPU", "s/GiB", (run) => run.senderCpuSecondsPerGiB), judged: false },
  { ...less("receivers CPU", "s/GiB", (run) => run.receiversCpuSecondsPerGiB), judged: false },
];
const seconds = less("time", "s", (run) => run.seconds);

/** The sizes whose difference is the cost per GiB beyond start-up. bytes */
const SLOPE = [256 * MiB, 1536 * MiB] as const;
const slope: readonly Figure[] = [
  less("sender CPU beyond start-up", "s/GiB", ({ extra }) => extra["senderSlope"]),
  less("receiver CPU beyond start-up", "s/GiB", ({ extra }) => extra["receiverSlope"]),
  less("relay CPU beyond start-up", "s/GiB", ({ extra }) => extra["relaySlope"]),
];

const SERVERS = ["nginx", "piping-server", "naive"] as const;
const CARRIERS = ["croc", "sendme", "wormhole"] as const;

function fanout(receivers: number, size: string): GuardRow {
  return {
    name: `fanout-${receivers}`,
    figures: [aggregate, relayCpu, ...loadCpu],
    peers: SERVERS,
    system: "fileshare",
    jobOf: (system) => oneJob(`fanout --receivers ${receivers} --size ${size} --workers 1`, system),
  };
}

/** @param size with further options */
function far(name: string, size: string, figure: Figure): GuardRow {
  return {
    name,
    figures: [figure, relayCpu],
    peers: [],
    system: "fileshare",
    jobOf: (system) => oneJob(`distance --one-way 150 --size ${size}`, system),
  };
}

export const ROWS: readonly GuardRow[] = [
  fanout(1, "1GiB"),
  fanout(8, "384MiB"),
  fanout(64, "48MiB"),
  { ...fanout(64, "48MiB"), name: "copy-64", system: "fileshare-copy", peers: [] },
  { ...fanout(64, "24MiB"), name: "tls-64", system: "fileshare-tls", peers: [] },
  {
    name: "many",
    figures: [aggregate, relayCpu, rssAnon, ...loadCpu],
    peers: [],
    system: "fileshare",
    jobOf: (system) => oneJob("fanout --receivers 10000 --size 3MiB --workers 2", system),
  },
  {
    name: "transfer",
    figures: [seconds, ...slope],
    peers: CARRIERS,
    system: "fileshare",
    jobOf: (system) => slopeJob(system, "disk to disk"),
  },
  {
    name: "to-null",
    figures: [seconds, ...slope],
    peers: [],
    system: "fileshare",
    jobOf: (system) => slopeJob(system, "disk to /dev/null"),
  },
  {
    name: "small",
    figures: [less("send to saved", "s", ({ completion }) => completion.p50)],
    peers: [],
    system: "fileshare",
    jobOf: (system) => oneJob("small --small-size 1KiB", system, "send to saved"),
  },
  far("distance", "500MiB", content),
  far("distance-1gbit", "1GiB --rate 1Gbit", {
    name: "of the line",
    unit: "%",
    better: "more",
    judged: true,
    of: ({ extra }) => extra["fillPercent"],
  }),
];

function less(name: string, unit: string, of: (measured: Measured) => number | undefined): Figure {
  return { name, unit, better: "less", judged: true, of };
}

/** @param command of the bench that gives a system one case, or one of that variant */
function oneJob(command: string, system: SystemName, variant?: string): Job {
  const [name, ...args] = command.split(" ");
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) throw new RangeError(`no scenario ${name}`);
  const cases = scenario.cases(parseOptions(args, scenario.options), [system]);
  const found = cases.find((each) => variant === undefined || each.variant === variant);
  if (found === undefined) throw new RangeError(`${system} has no ${command}`);
  return { scenario: scenario.name, case: found };
}

/** The larger of two files, with what each further GiB of it costs. */
function slopeJob(system: SystemName, variant: string): Job {
  const [small, large] = SLOPE.map((size) => oneJob(`transfer --size ${size}`, system, variant));
  if (small === undefined || large === undefined) throw new RangeError("a slope has two sizes");
  // Peers are slow with it, and only their time is compared.
  if (system !== "fileshare") return large;
  const run = async (signal: AbortSignal): Promise<Measured> => {
    const first = await small.case.run(signal);
    const second = await large.case.run(signal);
    return { ...second, extra: { ...second.extra, ...slopes(first, second) } };
  };
  return { ...large, case: { ...large.case, run } };
}

/** CPU seconds per GiB between two sizes; what can't be seen is absent. */
export function slopes(
  first: Pick<Measured, "bytes" | "extra" | "relayCpuSeconds">,
  second: Pick<Measured, "bytes" | "extra" | "relayCpuSeconds">,
): Record<string, number> {
  const per = (name: string, a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined
      ? {}
      : { [name]: ((b - a) * GiB) / (second.bytes - first.bytes) };
  const { extra: less } = first;
  const { extra: more } = second;
  return {
    ...per("senderSlope", less["senderCpuSeconds"], more["senderCpuSeconds"]),
    ...per("receiverSlope", less["receiverCpuSeconds"], more["receiverCpuSeconds"]),
    ...per("relaySlope", first.relayCpuSeconds, second.relayCpuSeconds),
  };
}
