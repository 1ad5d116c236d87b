/** Charts of one setting over time: a row per system, of its middle round. */
import { type Run, type Sample, sampledReceivers } from "../result.ts";
import { MIB, number } from "./figures.ts";
import { type Group, counted, labelOf, middleRound, withoutVariant } from "./groups.ts";
import type { ChartSpec, Point, Series } from "./spec.ts";

export interface Row {
  readonly label: string;
  /** The round that is drawn. */
  readonly note: string;
  readonly charts: readonly { readonly title: string; readonly chart: ChartSpec | undefined }[];
}

/** Samples drawn for one run at most; of more, every second, third and so on is left out. */
const POINTS = 80;

/** s; a shorter interval, such as the last one, says more of the clock than of the receiver. */
const SHORTEST_INTERVAL = 0.1;

/** A row whose values stay below this share of the largest row's has an axis of its own. */
const OWN_AXIS_BELOW = 0.1;

const KIND_COLOURS: Record<string, string> = {
  healthy: "--blue",
  slow: "--red",
  late: "--green",
  churning: "--pink",
  stopped: "--ink",
};

/** `groups` of one scenario, variant, number of receivers and size. */
export function overTime(id: string, groups: readonly Group[]): Row[] {
  const alike = groups.map(withoutVariant);
  const rows = alike.flatMap((group) => {
    const run = middleRound(group);
    if (run === undefined || run.samples.length === 0) return [];
    const samples = thinned(run.samples);
    return [{ group, run, rates: rates(run, samples), behind: behind(run, samples), samples }];
  });
  const fastest = highest(rows.flatMap((row) => row.rates));
  const furthest = highest(rows.flatMap((row) => row.behind));
  return rows.map(({ group, run, rates, behind, samples }, index) => {
    const memory = memoryOf(samples);
    const chart = (name: string, unit: string, series: readonly Series[], yMax?: number) =>
      series.length === 0 ? undefined : chartOf(`${id}-${index}-${name}`, unit, series, yMax);
    const among = `round ${run.round + 1} of ${group.rounds.length}, the middle one by time`;
    return {
      label: labelOf(group, alike),
      note: group.rounds.length === 1 ? "one round" : among,
      charts: [
        { title: "Throughput of each receiver", chart: chart("rate", "MiB/s", rates, fastest) },
        { title: "Behind the most advanced", chart: chart("behind", "MiB", behind, furthest) },
        { title: "Memory of the relay", chart: chart("memory", "MiB", memory) },
      ],
    };
  });
}

function chartOf(id: string, unit: string, series: readonly Series[], shared?: number): ChartSpec {
  const own = highest(series);
  const isOwn = shared !== undefined && own < shared * OWN_AXIS_BELOW;
  return {
    id,
    xTitle: "s since the start",
    yTitle: isOwn ? `${unit} (own scale)` : unit,
    unit,
    xTicks: undefined,
    yLog: false,
    yMax: shared === undefined || isOwn || shared === 0 ? undefined : shared,
    series,
  };
}

/** One line per sampled receiver, `values` of its column. */
function perReceiver(run: Run, values: (column: number) => readonly Point[]): Series[] {
  const columns = Math.max(0, ...run.samples.map(({ receivedBytes }) => receivedBytes.length));
  const chosen = sampledReceivers(run.receivers);
  return Array.from({ length: columns }, (_, column) => {
    const index = chosen[column] ?? column;
    const kind = run.perReceiver[index]?.kind ?? "healthy";
    return {
      key: kind,
      label: `receiver ${index + 1}, ${kind}`,
      colour: KIND_COLOURS[kind] ?? "--grey",
      dashed: kind === "stopped",
      look: "thin",
      shape: undefined,
      points: values(column),
    };
  });
}

function rates(run: Run, samples: readonly Sample[]): Series[] {
  return perReceiver(run, (column) =>
    samples.slice(1).flatMap((sample, index) => {
      const before = samples[index];
      const now = number(sample.receivedBytes[column]);
      const then = number(before?.receivedBytes[column]);
      if (before === undefined || now === undefined || then === undefined) return [];
      const seconds = sample.at - before.at;
      const isLong = seconds >= SHORTEST_INTERVAL || (index === 0 && seconds > 0);
      return isLong ? [point(sample.at, (now - then) / MIB / seconds)] : [];
    }),
  );
}

function behind(run: Run, samples: readonly Sample[]): Series[] {
  return perReceiver(run, (column) =>
    samples.flatMap((sample) => {
      const own = number(sample.receivedBytes[column]);
      const first = Math.max(...sample.receivedBytes.map((each) => number(each) ?? 0));
      return own === undefined ? [] : [point(sample.at, (first - own) / MIB)];
    }),
  );
}

function memoryOf(samples: readonly Sample[]): Series[] {
  const line = (
    key: string,
    colour: string,
    dashed: boolean,
    of: (sample: Sample) => unknown,
  ): Series[] => {
    const points = samples.flatMap((sample) => {
      const value = number(of(sample));
      return value === undefined ? [] : [point(sample.at, value / MIB)];
    });
    if (points.length === 0) return [];
    return [{ key, label: key, colour, dashed, look: "line", shape: undefined, points }];
  };
  return [
    ...line("RssAnon", "--ink", false, (sample) => sample.rssAnon),
    ...line("buffered for sockets", "--red", true, (sample) => sample.buffered),
  ];
}

/** Short numbers keep the page small. */
function point(x: number, y: number): Point {
  return { x: Number(x.toFixed(3)), y: Number(y.toPrecision(4)) };
}

function highest(series: readonly Series[]): number {
  return series.reduce(
    (most, { points }) => points.reduce((max, { y }) => Math.max(max, y), most),
    0,
  );
}

/** Few enough to draw, and from the start, at which nobody has anything. */
function thinned(samples: readonly Sample[]): readonly Sample[] {
  const step = Math.ceil(samples.length / POINTS);
  const last = samples.length - 1;
  const kept = samples.filter((_, index) => index % step === 0 || index === last);
  const first = kept[0];
  if (first === undefined || first.at <= 0) return kept;
  const start = { at: 0, receivedBytes: first.receivedBytes.map(() => 0) };
  return [{ ...start, rssAnon: undefined, cpuSeconds: undefined, buffered: undefined }, ...kept];
}

/** The name of a panel: `fanout, 64 receivers, 1 GiB`. */
export function settingOf(group: Group, size: string): string {
  const variant = group.variant === "" ? "" : `, ${group.variant}`;
  return `${group.scenario}${variant}, ${counted(group.receivers, "receiver")}, ${size}`;
}
