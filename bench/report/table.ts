/** A result as text for a terminal: medians over the rounds, one row per system and setting. */
import type { BenchResult, Run } from "../result.ts";
import type { Progress } from "../runner.ts";
import { median } from "../stats.ts";

const KiB = 1024;
const MiB = 1024 ** 2;
const GiB = 1024 ** 3;

interface Column {
  readonly title: string;
  /** Undefined: nothing is known of it. */
  readonly cell: (runs: readonly Run[]) => string | undefined;
}

const columns: readonly Column[] = [
  { title: "system", cell: ([run]) => run && systemLabel(run) },
  { title: "N", cell: ([run]) => String(run?.receivers) },
  { title: "size", cell: ([run]) => run && bytes(run.size) },
  { title: "GiB/s", cell: middle((run) => run.aggregateBytesPerSecond / GiB, 2) },
  { title: "CPU s/GiB", cell: middle((run) => run.relayCpuSecondsPerGiB, 3) },
  { title: "sender", cell: middle((run) => run.senderCpuSecondsPerGiB, 3) },
  { title: "receivers", cell: middle((run) => run.receiversCpuSecondsPerGiB, 3) },
  { title: "RssAnon", cell: middleBytes((run) => run.relayRssAnonPeak) },
  { title: "buffered", cell: middleBytes((run) => run.bufferedPeak) },
  { title: "p50 s", cell: middle((run) => run.completion.p50, 2) },
  { title: "p99 s", cell: middle((run) => run.completion.p99, 2) },
  { title: "fairness", cell: middle((run) => run.fairness, 3) },
  { title: "loop p99 ms", cell: middle((run) => run.eventLoopDelayP99, 1) },
  { title: "rounds", cell: (runs) => String(runs.length) },
];

/** Figures of one scenario alone are shown below its table, but not these, which any load has. */
const QUIET = new Set([
  "recordsSent",
  "bytesToAll",
  "loadProcesses",
  "loadCpuSeconds",
  "loadCpuSecondsMost",
]);
/** Part of the time that a load process has a core, from which on it counts as the limit. */
const LOAD_IS_LIMIT = 0.9;
const EXTRA_DECIMALS = 3;

/** The whole result, as lines. */
export function table(result: BenchResult): string {
  const lines = [machineLine(result)];
  for (const { name, missing } of result.systems) {
    if (missing !== undefined) lines.push(`${name}: left out, ${missing}`);
  }
  for (const [title, runs] of grouped(result.runs, titleOf)) {
    lines.push("", title, ...section(runs));
  }
  return `${lines.join("\n")}\n`;
}

/** One line before a run and one after it. */
export function progressLine({ number, of, job, round, run }: Progress): string {
  const { scenario, case: each } = job;
  const what = [scenario, each.variant, systemLabel(each), `N=${each.receivers}`, bytes(each.size)];
  const where = `[${number}/${of}] round ${round + 1}`;
  const head = `${where} ${what.filter(Boolean).join(" ")}`;
  if (run === undefined) return head;
  if (run.invalid !== undefined) return `${head}: NO FIGURES: ${run.invalid}`;
  const rate = run.aggregateBytesPerSecond;
  return `${head}: ${run.seconds.toFixed(2)} s${rate > 0 ? `, ${(rate / GiB).toFixed(2)} GiB/s` : ""}`;
}

export function bytes(value: number): string {
  if (value >= GiB) return `${trim(value / GiB)}GiB`;
  if (value >= MiB) return `${trim(value / MiB)}MiB`;
  return value >= KiB ? `${trim(value / KiB)}KiB` : `${value}B`;
}

function trim(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function systemLabel({ system, workers }: Pick<Run, "system" | "workers">): string {
  return workers === 1 ? system : `${system} x${workers}`;
}

function titleOf({ scenario, variant }: Run): string {
  return variant === "" ? scenario : `${scenario}: ${variant}`;
}

function section(runs: readonly Run[]): string[] {
  const rows: string[][] = [columns.map(({ title }) => title)];
  const notes: string[] = [];
  for (const same of grouped(runs, settingOf).values()) {
    const [first] = same;
    if (first === undefined) continue;
    const good = same.filter(({ invalid }) => invalid === undefined);
    const label = `${systemLabel(first)} N=${first.receivers}`;
    for (const { round, invalid } of same) {
      if (invalid !== undefined)
        notes.push(`! ${label} round ${round + 1} has no figures: ${invalid}`);
    }
    rows.push(columns.map(({ cell }) => (good.length === 0 ? undefined : cell(good)) ?? "-"));
    if (good.length === 0)
      rows.splice(-1, 1, [systemLabel(first), String(first.receivers), "no figures"]);
    const extras = extrasOf(good);
    if (extras !== "") notes.push(`  ${label}: ${extras}`);
    const busy = known(good, ({ extra, seconds }) => (extra["loadCpuSecondsMost"] ?? 0) / seconds);
    if (busy !== undefined && busy >= LOAD_IS_LIMIT) {
      notes.push(`  ${label}: a process of the load took a whole core and may be the limit`);
    }
  }
  return [...aligned(rows), ...notes];
}

function settingOf({ system, workers, receivers, size }: Run): string {
  return [receivers, size, system, workers].join();
}

function extrasOf(runs: readonly Run[]): string {
  const names = new Set(runs.flatMap(({ extra }) => Object.keys(extra)));
  return [...names]
    .filter((name) => !QUIET.has(name))
    .map((name) => {
      const values = runs.flatMap(({ extra }) => extra[name] ?? []);
      return `${name} ${Number(median(values).toFixed(EXTRA_DECIMALS))}`;
    })
    .join(", ");
}

function middle(value: (run: Run) => number | undefined | null, decimals: number): Column["cell"] {
  return (runs) => known(runs, value)?.toFixed(decimals);
}

function middleBytes(value: (run: Run) => number | undefined | null): Column["cell"] {
  return (runs) => {
    const found = known(runs, value);
    return found === undefined ? undefined : bytes(found);
  };
}

function known(
  runs: readonly Run[],
  value: (run: Run) => number | undefined | null,
): number | undefined {
  const values = runs.flatMap((run) => value(run) ?? []);
  return values.length === 0 ? undefined : median(values);
}

function grouped(runs: readonly Run[], key: (run: Run) => string): Map<string, Run[]> {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const group = groups.get(key(run));
    if (group === undefined) groups.set(key(run), [run]);
    else group.push(run);
  }
  return groups;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
      .join("  ")
      .trimEnd(),
  );
}

function machineLine({ startedAt, seconds, machine }: BenchResult): string {
  const { cpu, cores, memoryBytes, kernel, bun } = machine;
  const what = [cpu, `${cores} cores`, bytes(memoryBytes), `Linux ${kernel}`, `Bun ${bun}`];
  return `${startedAt}, ${seconds.toFixed(0)} s on ${what.join(", ")}`;
}
