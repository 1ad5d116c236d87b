/** A result as one page of HTML that needs nothing else: style, script and chart library are in it. */
import { type BenchResult, type Run, SCENARIOS } from "../result.ts";
import { type LegendEntry, type Titled, againstReceivers, legendOf } from "./against-n.ts";
import { pageScript, pageStyle } from "./bundle.ts";
import { bytes, embedded, escape, figure } from "./figures.ts";
import { type Group, counted, groupsOf, labelOf, withoutVariant } from "./groups.ts";
import { type Row, overTime, settingOf } from "./over-time.ts";
import { extraTable, isInvalid, medianTable, receiverTable, roundTable } from "./page-tables.ts";
import type { ChartSpec } from "./spec.ts";

/** Whatever the file says is text in it: nothing of a result becomes markup or script. */
export async function page(result: BenchResult): Promise<string> {
  const groups = groupsOf(result.runs ?? []);
  const charts: ChartSpec[] = [];
  const body = [
    head(result),
    notices(result),
    ...scenarioSections(groups, charts),
    timeSection(groups, charts),
  ].join("\n");
  const [script, style] = await Promise.all([pageScript(), pageStyle()]);
  const hash = new Bun.CryptoHasher("sha256").update(script).digest("base64");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-${hash}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>fileshare bench, ${escape(day(result.startedAt))}</title>
<style>
${style}</style>
</head>
<body>
${body}
<script type="application/json" id="charts">${embedded(charts)}</script>
<script>${script}</script>
</body>
</html>
`;
}

function day(startedAt: string | undefined): string {
  return (startedAt ?? "no date").slice(0, 16).replace("T", " ");
}

function head({ startedAt, seconds, machine, command, systems }: BenchResult): string {
  const facts: readonly (readonly [string, string])[] = [
    ["started", `${day(startedAt)} UTC`],
    ["took", `${figure(seconds)} s`],
    ["machine", `${machine?.cpu ?? "?"}, ${counted(machine?.cores ?? 0, "core")}`],
    ["memory", bytes(machine?.memoryBytes)],
    ["kernel", machine?.kernel ?? "?"],
    ["Bun", machine?.bun ?? "?"],
    ...(systems ?? [])
      .filter(({ missing }) => missing === undefined || missing === null)
      .map(({ name, version }) => [name, version ?? "no version"] as const),
  ];
  const list = facts.map(
    ([name, value]) => `<div><dt>${escape(name)}</dt><dd>${escape(value)}</dd></div>`,
  );
  return `<header>
<h1>fileshare bench</h1>
<p class="soft">Medians over the rounds that count; every round is in the tables below. Load and relays
share this machine: compare what stands in one page, not one page with another.</p>
<pre>${escape((command ?? []).join(" "))}</pre>
<dl>${list.join("\n")}</dl>
</header>`;
}

/** The parts that the page lacks, and why. */
function notices({ systems, runs }: BenchResult): string {
  const missing = (systems ?? [])
    .filter((system) => system.missing !== undefined && system.missing !== null)
    .map(({ name, missing }) => `${name}: ${missing}`);
  const invalid = (runs ?? []).filter(isInvalid).map(wrongRun);
  const absent = SCENARIOS.filter((name) => !(runs ?? []).some((run) => run.scenario === name));
  return [
    notice("Systems that did not run", missing),
    notice("Runs without figures", invalid),
    (runs ?? []).length === 0
      ? notice("This result is empty", ["no scenario has run; there is nothing to draw"])
      : `<p class="soft">${absent.length === 0 ? "All scenarios ran." : `Not in this result: ${absent.join(", ")}.`}</p>`,
  ].join("\n");
}

function wrongRun(run: Run): string {
  const { scenario, variant, system, receivers, round, invalid } = run;
  const which = [scenario, variant, system].filter((text) => text !== "").join(", ");
  return `${which}, ${counted(receivers, "receiver")}, round ${round + 1}: ${invalid}`;
}

function notice(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  const items = lines.map((line) => `<li>${escape(line)}</li>`).join("");
  return `<div class="notice"><strong>${escape(title)}</strong><ul>${items}</ul></div>`;
}

/** One section per scenario: its charts, then its tables. */
function scenarioSections(groups: readonly Group[], charts: ChartSpec[]): string[] {
  return [...Map.groupBy(groups, ({ scenario }) => scenario)].map(([scenario, members]) => {
    const rounds = members.reduce((sum, group) => sum + group.rounds.length, 0);
    const variants = Map.groupBy(members, ({ variant }) => variant).values();
    const parts = [...variants].map((ofOne, index) =>
      againstReceiversPart(`n-${scenario}-${index}`, ofOne, charts),
    );
    return `<section><h2>${escape(scenario)}</h2>
${parts.join("\n")}
${medianTable(members)}
${extraTable(members)}
${receivers(members)}
<details><summary>${escape(`All ${counted(rounds, "round")}`)}</summary>
${roundTable(members)}</details></section>`;
  });
}

/** Folded away where all receivers are alike. */
function receivers(groups: readonly Group[]): string {
  const table = receiverTable(groups);
  const kinds = groups.flatMap(({ valid }) => valid.flatMap(({ perReceiver }) => perReceiver));
  if (table === "" || kinds.some(({ kind }) => kind !== "healthy")) return table;
  return `<details><summary>The receivers</summary>\n${table}</details>`;
}

/** Charts of one scenario and variant, when it ran with several numbers of receivers; and of `fanout`. */
function againstReceiversPart(id: string, all: readonly Group[], charts: ChartSpec[]): string {
  const groups = all.map(withoutVariant);
  const first = groups[0];
  if (first === undefined || (first.scenario !== "fanout" && !hasSeveralCounts(groups))) return "";
  const figures = againstReceivers(id, groups);
  const specs = figures.flatMap(({ chart }) => chart ?? []);
  charts.push(...specs);
  const several = groups.some(({ workers }) => workers !== first.workers);
  const variant = all[0]?.variant ?? "";
  const title = variant === "" ? "" : `<h3>${escape(variant)}</h3>`;
  return `<div class="group">${title}<p class="soft">Lines join medians, faint dots are single rounds${several ? ", dashes mean more workers" : ""}. A button hides its line. ${sourceOf(groups)}</p>
${legend(legendOf(specs), true)}
<div class="grid">${figures.map(chartFigure).join("\n")}</div></div>`;
}

/** Whether something ran with several numbers of receivers, other things alike. */
function hasSeveralCounts(groups: readonly Group[]): boolean {
  const lines = Map.groupBy(groups, (group) => labelOf(group, groups)).values();
  return [...lines].some((line) => new Set(line.map(({ receivers }) => receivers)).size > 1);
}

function sourceOf(groups: readonly Group[]): string {
  const sizes = groups.map(({ size }) => size);
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)];
  if (smallest === largest) return `The source has ${bytes(largest)}.`;
  return `The source has from ${bytes(smallest)} to ${bytes(largest)}, as the table says: compare times of one number of receivers only.`;
}

function chartFigure({ title, hint, chart }: Titled): string {
  return plot(`${escape(title)}<span>${escape(hint)}</span>`, title, chart);
}

function plot(caption: string, label: string, chart: ChartSpec | undefined): string {
  const inner =
    chart === undefined
      ? `<div class="none">Not measured in any round</div>`
      : `<canvas id="${escape(chart.id)}" role="img" aria-label="${escape(`${label}, ${chart.yTitle} against ${chart.xTitle}; the figures are in the tables`)}"></canvas>`;
  return `<figure><figcaption>${caption}</figcaption><div class="plot">${inner}</div></figure>`;
}

function legend(entries: readonly LegendEntry[], switches: boolean): string {
  const items = entries.map((entry) => {
    const inner = `${swatch(entry)}${escape(entry.key)}`;
    return switches
      ? `<button type="button" aria-pressed="true" data-series="${escape(entry.key)}">${inner}</button>`
      : `<span>${inner}</span>`;
  });
  return `<div class="legend">${items.join("")}</div>`;
}

const SHAPES: Record<string, string> = {
  circle: `<circle cx="15" cy="7" r="4.2"/>`,
  rect: `<rect x="11" y="3" width="8" height="8"/>`,
  triangle: `<path d="M15 2 20 11H10z"/>`,
  rectRot: `<path d="M15 2 20 7 15 12 10 7z"/>`,
  star: `<path d="M15 2v10M10 7h10M11.5 3.5l7 7M18.500 3.500l-7 7"/>`,
};

function swatch({ colour, dashed, shape }: LegendEntry): string {
  const paint = `var(${colour})`;
  return `<svg viewBox="0 0 30 14" aria-hidden="true" fill="${paint}" stroke="${paint}" stroke-width="2"><path d="M1 7h28"${dashed ? ` stroke-dasharray="6 4"` : ""}/>${shape === undefined ? "" : (SHAPES[shape] ?? "")}</svg>`;
}

/** A panel per setting with samples; one is shown at a time. */
function timeSection(groups: readonly Group[], charts: ChartSpec[]): string {
  const settings = Map.groupBy(groups, ({ scenario, variant, receivers, size }) =>
    JSON.stringify([scenario, variant, receivers, size]),
  );
  const panels = [...settings.values()].flatMap((members, index) => {
    const first = members[0];
    const rows = overTime(`t${index}`, members);
    if (first === undefined || rows.length === 0) return [];
    return [{ first, rows, name: settingOf(first, bytes(first.size)), value: `t${index}` }];
  });
  const shown = panels.toSorted((a, b) => b.first.receivers - a.first.receivers)[0];
  if (shown === undefined) {
    return `<section><h2>Over time</h2><p class="soft">No run of this result has samples over time.</p></section>`;
  }
  charts.push(...panels.flatMap(({ rows }) => rows.flatMap(chartsOf)));
  const options = panels.map(
    ({ name, value }) =>
      `<option value="${value}"${value === shown.value ? " selected" : ""}>${escape(name)}</option>`,
  );
  const parts = panels.map(({ rows, value }) => {
    const specs = rows.flatMap(chartsOf);
    return `<div data-panel="${value}"${value === shown.value ? "" : " hidden"}>
${legend(legendOf(specs), false)}
${rows.map(timeRow).join("\n")}</div>`;
  });
  return `<section><h2>Over time</h2>
<p class="soft">One line per receiver, of at most 16 evenly chosen ones. Systems share the scales of
throughput and of what is missing, unless one would be too small to be seen. The buffered bytes are those that
the relay holds for its sockets, where it tells.</p>
<p><label for="setting">Setting </label><select id="setting" autocomplete="off">${options.join("")}</select></p>
${parts.join("\n")}</section>`;
}

function chartsOf({ charts }: Row): ChartSpec[] {
  return charts.flatMap(({ chart }) => chart ?? []);
}

function timeRow({ label, note, charts }: Row): string {
  const plots = charts.map(({ title, chart }) => plot(escape(title), `${label}: ${title}`, chart));
  return `<div class="row"><h3>${escape(label)} <small>${escape(note)}</small></h3><div class="grid">${plots.join("\n")}</div></div>`;
}
