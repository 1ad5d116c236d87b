/** The tables of the page as HTML: medians, receivers by kind, raw rounds. */
import type { ReceiverResult, Run } from "../result.ts";
import { GIB, KIB, MIB, bytes, escape, figure, number } from "./figures.ts";
import { median } from "../stats.ts";
import { type Group, counted, medianOf } from "./groups.ts";

interface Column {
  readonly title: string;
  readonly unit: string;
  readonly of: (run: Run) => unknown;
}

const per = (value: unknown, unit: number): number | undefined => {
  const known = number(value);
  return known === undefined ? undefined : known / unit;
};

/** Figures that say nothing of a run that delivers nothing, such as `idle`. */
function delivered(run: Run, value: unknown): unknown {
  return run.bytes > 0 ? value : undefined;
}

const COLUMNS: readonly Column[] = [
  { title: "time", unit: "s", of: (run) => run.seconds },
  {
    title: "aggregate",
    unit: "GiB/s",
    of: (run) => delivered(run, per(run.aggregateBytesPerSecond, GIB)),
  },
  { title: "relay CPU", unit: "s/GiB", of: (run) => run.relayCpuSecondsPerGiB },
  { title: "sender CPU", unit: "s/GiB", of: (run) => run.senderCpuSecondsPerGiB },
  { title: "receivers CPU", unit: "s/GiB", of: (run) => run.receiversCpuSecondsPerGiB },
  { title: "RssAnon, largest", unit: "MiB", of: (run) => per(run.relayRssAnonPeak, MIB) },
  { title: "buffered, largest", unit: "MiB", of: (run) => per(run.bufferedPeak, MIB) },
  { title: "event loop, p99", unit: "ms", of: (run) => run.eventLoopDelayP99 },
  { title: "completion, p50", unit: "s", of: (run) => delivered(run, run.completion.p50) },
  { title: "completion, p99", unit: "s", of: (run) => delivered(run, run.completion.p99) },
  { title: "fairness", unit: "Jain", of: (run) => delivered(run, run.fairness) },
];

/** By its name, which says what it is: `catchUpBytesPerSecond`, `loadCpuSeconds`, `rssAnonPerReceiver`. */
function extraColumn(key: string): Column {
  const of = (size: number) => (run: Run) => per(run.extra?.[key], size);
  if (/rssAnon/i.test(key)) return { title: key, unit: "KiB", of: of(KIB) };
  if (/bytesPerSecond/i.test(key)) return { title: key, unit: "MiB/s", of: of(MIB) };
  if (/bytes|memory/i.test(key)) return { title: key, unit: "MiB", of: of(MIB) };
  if (/Ms(?:[A-Z]|$)|Milliseconds/.test(key)) return { title: key, unit: "ms", of: of(1) };
  return { title: key, unit: /seconds/i.test(key) ? "s" : "", of: of(1) };
}

/** Columns that some round has. */
function columnsOf(runs: readonly Run[]): Column[] {
  return COLUMNS.filter(({ of }) => runs.some((run) => number(of(run)) !== undefined));
}

/** Columns of what the scenario alone measures. */
function extraColumnsOf(runs: readonly Run[]): Column[] {
  return [...new Set(runs.flatMap((run) => Object.keys(run.extra ?? {})))].map(extraColumn);
}

/** Columns of words, which stand at the left. */
const TEXTS = new Set(["system", "variant", "kind"]);

function heads(titles: readonly (readonly [title: string, unit: string])[]): string {
  const cells = titles.map(([title, unit]) => {
    const small = unit === "" ? "" : `<small>${escape(unit)}</small>`;
    const align = TEXTS.has(title) ? ' class="text"' : "";
    return `<th scope="col"${align}>${escape(title)}${small}</th>`;
  });
  return `<thead><tr>${cells.join("")}</tr></thead>`;
}

function table(head: string, rows: readonly string[], caption: string): string {
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escape(caption)}"><table>
<caption>${escape(caption)}</caption>${head}<tbody>
${rows.join("\n")}
</tbody></table></div>`;
}

/** The facts that tell rows apart. A fact that all rows share stands once, above the table. */
interface Settings {
  readonly heads: readonly (readonly [title: string, unit: string])[];
  readonly same: string;
  cells(group: Group): string;
}

function settingsOf(groups: readonly Group[]): Settings {
  const differ = (of: (group: Group) => unknown): boolean => new Set(groups.map(of)).size > 1;
  const parts = [
    { title: "receivers", of: (g: Group) => figure(g.receivers), said: () => "" },
    { title: "variant", of: (g: Group) => escape(g.variant), said: (g: Group) => g.variant },
    {
      title: "workers",
      of: (g: Group) => figure(g.workers),
      said: (g: Group) => counted(g.workers, "worker"),
    },
    {
      title: "size",
      of: (g: Group) => bytes(g.size),
      said: (g: Group) => `source of ${bytes(g.size)}`,
    },
  ];
  const shown = parts.filter(({ title, of }) => title === "receivers" || differ(of));
  const first = groups[0];
  const said = parts.filter((part) => !shown.includes(part) && first !== undefined);
  const same = said.map(({ said }) => (first === undefined ? "" : said(first)));
  return {
    heads: [["system", ""], ...shown.map(({ title }) => [title, ""] as const)],
    same: same.filter((text) => text !== "").join(", "),
    cells: (group) =>
      `<th scope="row">${escape(group.system)}</th>${shown.map(({ title, of }) => `<td${TEXTS.has(title) ? ' class="text"' : ""}>${of(group)}</td>`).join("")}`,
  };
}

function captioned(caption: string, { same }: Settings): string {
  return same === "" ? caption : `${caption}: ${same}`;
}

/** The first row of another number of receivers begins with a line. */
function rowStart(group: Group, before: Group | undefined): string {
  const isNew = before !== undefined && before.receivers !== group.receivers;
  return isNew ? '<tr class="new">' : "<tr>";
}

/** Medians of one scenario, a row per system and setting. */
export function medianTable(groups: readonly Group[]): string {
  const columns = columnsOf(groups.flatMap(({ valid }) => valid));
  return mediansOf(groups, columns, "Medians over the rounds that count");
}

/** The same of the scenario's own figures; empty when it has none. */
export function extraTable(groups: readonly Group[]): string {
  const columns = extraColumnsOf(groups.flatMap(({ valid }) => valid));
  const some = groups.filter(({ valid }) => extraColumnsOf(valid).length > 0);
  return some.length === 0 ? "" : mediansOf(some, columns, "Figures of their own, medians");
}

function mediansOf(groups: readonly Group[], columns: readonly Column[], caption: string): string {
  const settings = settingsOf(groups);
  const rows = groups.map((group, index) => {
    const cells = columns.map(({ of }) => `<td>${figure(medianOf(group, of))}</td>`).join("");
    const rounds = `${group.valid.length} of ${group.rounds.length}`;
    return `${rowStart(group, groups[index - 1])}${settings.cells(group)}<td>${rounds}</td>${cells}</tr>`;
  });
  const titles = columns.map(({ title, unit }) => [title, unit] as const);
  return table(
    heads([...settings.heads, ["rounds that count", ""], ...titles]),
    rows,
    captioned(caption, settings),
  );
}

/** Every round as it was. */
export function roundTable(groups: readonly Group[]): string {
  const runs = groups.flatMap(({ rounds }) => rounds);
  const good = runs.filter((run) => !isInvalid(run));
  const columns = [...columnsOf(good), ...extraColumnsOf(good)];
  const settings = settingsOf(groups);
  const rows = groups.flatMap((group) =>
    group.rounds.map((run, index) => {
      const cells = isInvalid(run)
        ? `<td class="text bad" colspan="${columns.length || 1}">no figures: ${escape(run.invalid)}</td>`
        : columns.map(({ of }) => `<td>${figure(of(run))}</td>`).join("");
      const round = figure((number(run.round) ?? index) + 1);
      const start = index === 0 ? '<tr class="new">' : "<tr>";
      return `${start}${settings.cells(group)}<td>${round}</td>${cells}</tr>`;
    }),
  );
  const titles = columns.map(({ title, unit }) => [title, unit] as const);
  return table(
    heads([...settings.heads, ["round", ""], ...titles]),
    rows,
    captioned("All rounds", settings),
  );
}

export function isInvalid(run: Run): boolean {
  return run.invalid !== undefined && run.invalid !== null;
}

interface ReceiverColumn {
  readonly title: string;
  readonly unit: string;
  readonly of: (receiver: ReceiverResult) => unknown;
  readonly over: "median" | "largest" | "sum";
}

const RECEIVER_COLUMNS: readonly ReceiverColumn[] = [
  { title: "rate", unit: "median, MiB/s", of: (r) => per(r.bytesPerSecond, MIB), over: "median" },
  { title: "first byte", unit: "median, s", of: (r) => r.firstByte, over: "median" },
  { title: "completion", unit: "median, s", of: (r) => r.completion, over: "median" },
  { title: "completion", unit: "largest, s", of: (r) => r.completion, over: "largest" },
  { title: "lag", unit: "largest, records", of: (r) => r.largestLag, over: "largest" },
  { title: "lane switches", unit: "sum", of: (r) => r.laneSwitches, over: "sum" },
  { title: "bytes twice", unit: "sum, MiB", of: (r) => per(r.bytesTwice, MIB), over: "sum" },
  { title: "gaps", unit: "sum", of: (r) => r.gaps, over: "sum" },
];

/** The results of receivers by kind, over all rounds that count; empty without receivers. */
export function receiverTable(groups: readonly Group[]): string {
  const settings = settingsOf(groups);
  const rows = groups.flatMap((group, index) => {
    const receivers = group.valid.flatMap((run) => run.perReceiver ?? []);
    return [...Map.groupBy(receivers, ({ kind }) => kind)].map(([kind, members]) => {
      const cells = RECEIVER_COLUMNS.map((column) => `<td>${figure(taken(column, members))}</td>`);
      const count = figure(members.length / group.valid.length);
      const start = rowStart(group, groups[index - 1]);
      return `${start}${settings.cells(group)}<td class="text">${escape(kind)}</td><td>${count}</td>${cells.join("")}</tr>`;
    });
  });
  if (rows.length === 0) return "";
  const titles = RECEIVER_COLUMNS.map(({ title, unit }) => [title, unit] as const);
  return table(
    heads([...settings.heads, ["kind", ""], ["of them", ""], ...titles]),
    rows,
    captioned("Receivers by kind, all rounds that count together", settings),
  );
}

function taken({ of, over }: ReceiverColumn, members: readonly ReceiverResult[]) {
  const values = members.flatMap((receiver) => number(of(receiver)) ?? []);
  if (values.length === 0) return undefined;
  if (over === "median") return median(values);
  if (over === "sum") return values.reduce((sum, value) => sum + value, 0);
  return values.reduce((most, value) => Math.max(most, value));
}
