/** Charts of one scenario against the number of receivers: one line per system, a dot per round. */
import type { Run, SystemName } from "../result.ts";
import { GIB, MIB, figure, number } from "./figures.ts";
import { type Group, labelOf, medianOf } from "./groups.ts";
import type { ChartSpec, Series } from "./spec.ts";

export interface Titled {
  readonly title: string;
  readonly hint: string;
  /** Undefined: no round has the figure. */
  readonly chart: ChartSpec | undefined;
}

interface Metric {
  readonly name: string;
  readonly title: string;
  readonly hint: string;
  readonly yTitle: string;
  readonly unit: string;
  readonly of: (run: Run) => number | undefined;
  /** Of a figure that has an end, such as an index up to 1. */
  readonly yMax?: number;
  /** Linear in any case: that one is near nothing beside the others is what has to be seen. */
  readonly isLinear?: boolean;
}

const METRICS: readonly Metric[] = [
  {
    name: "rate",
    title: "Aggregate rate",
    hint: "all receivers together; more is better",
    yTitle: "GiB/s",
    unit: "GiB/s",
    of: (run) => scaled(run.aggregateBytesPerSecond, GIB),
    isLinear: true,
  },
  {
    name: "cpu",
    title: "Relay CPU",
    hint: "per GiB delivered; less is better",
    yTitle: "CPU s per GiB",
    unit: "s/GiB",
    of: (run) => number(run.relayCpuSecondsPerGiB),
  },
  {
    name: "memory",
    title: "Relay memory",
    hint: "largest RssAnon; less is better",
    yTitle: "MiB",
    unit: "MiB",
    of: (run) => scaled(run.relayRssAnonPeak, MIB),
  },
  {
    name: "p50",
    title: "Completion, p50",
    hint: "half of the receivers have everything; less is better",
    yTitle: "s",
    unit: "s",
    of: (run) => number(run.completion.p50),
  },
  {
    name: "p99",
    title: "Completion, p99",
    hint: "nearly all have everything; less is better",
    yTitle: "s",
    unit: "s",
    of: (run) => number(run.completion.p99),
  },
  {
    name: "fairness",
    title: "Fairness",
    hint: "Jain's index of the receivers' rates; 1 is all alike",
    yTitle: "Jain's index",
    unit: "",
    of: (run) => number(run.fairness),
    yMax: 1,
    isLinear: true,
  },
];

/** Above this factor between largest and smallest median, a linear axis hides the small ones. */
const LOG_ABOVE = 20;

/** Colours and shapes belong to systems, so that they are the same in every chart and every page. */
const LOOKS: Partial<Record<SystemName, Pick<Series, "colour" | "shape">>> = {
  fileshare: { colour: "--blue", shape: "circle" },
  nginx: { colour: "--green", shape: "rect" },
  "piping-server": { colour: "--red", shape: "triangle" },
  original: { colour: "--pink", shape: "rectRot" },
  naive: { colour: "--ink", shape: "star" },
};
const OTHER_LOOK = { colour: "--grey", shape: "circle" } as const;

function scaled(value: unknown, unit: number): number | undefined {
  const known = number(value);
  return known === undefined ? undefined : known / unit;
}

/** `groups` of one scenario and variant; `id` begins the ids of the canvases. */
export function againstReceivers(id: string, groups: readonly Group[]): Titled[] {
  const fewest = Math.min(...groups.map(({ workers }) => workers));
  const ticks = [...new Set(groups.map(({ receivers }) => receivers))].toSorted((a, b) => a - b);
  const lines = Map.groupBy(groups, (group) => labelOf(group, groups));
  return METRICS.map((metric) => {
    const series: Series[] = [];
    const medians: number[] = [];
    for (const [label, members] of lines) {
      const first = members[0];
      if (first === undefined) continue;
      const look = LOOKS[first.system] ?? OTHER_LOOK;
      const dashed = first.workers > fewest;
      const points = members
        .flatMap((group) => {
          const y = medianOf(group, metric.of);
          return y === undefined ? [] : [{ x: group.receivers, y, note: spread(group, metric) }];
        })
        .toSorted((a, b) => a.x - b.x);
      if (points.length === 0) continue;
      medians.push(...points.map(({ y }) => y));
      const dots = members.flatMap((group) => pointsOfRounds(group, metric));
      series.push({ ...look, key: label, label, dashed, look: "line", points });
      series.push({ ...look, key: label, label, dashed, look: "dots", points: dots });
    }
    const { title, hint, yTitle, unit, yMax, isLinear, name } = metric;
    const smallest = Math.min(...medians);
    const isWide = smallest > 0 && Math.max(...medians) / smallest > LOG_ABOVE;
    const yLog = isWide && isLinear !== true;
    const chart: ChartSpec = {
      id: `${id}-${name}`,
      xTitle: "receivers (logarithmic)",
      yTitle: yLog ? `${yTitle} (logarithmic)` : yTitle,
      unit,
      xTicks: ticks,
      yLog,
      yMax,
      series,
    };
    return { title, hint, chart: medians.length === 0 ? undefined : chart };
  });
}

function pointsOfRounds(group: Group, metric: Metric): { x: number; y: number }[] {
  return group.valid.flatMap((run) => {
    const y = metric.of(run);
    return y === undefined ? [] : [{ x: group.receivers, y }];
  });
}

/** ` (rounds 2.1 to 2.4)`; empty for one round. */
function spread(group: Group, metric: Metric): string {
  const values = pointsOfRounds(group, metric).map(({ y }) => y);
  if (values.length < 2) return "";
  return ` (rounds ${figure(Math.min(...values))} to ${figure(Math.max(...values))})`;
}

export interface LegendEntry {
  readonly key: string;
  readonly colour: string;
  readonly dashed: boolean;
  readonly shape: Series["shape"];
}

/** One entry for each key of the charts. */
export function legendOf(charts: readonly (ChartSpec | undefined)[]): LegendEntry[] {
  const entries = new Map<string, LegendEntry>();
  for (const series of charts.flatMap((chart) => chart?.series ?? [])) {
    const { key, colour, dashed, shape } = series;
    if (!entries.has(key)) entries.set(key, { key, colour, dashed, shape });
  }
  return [...entries.values()];
}
