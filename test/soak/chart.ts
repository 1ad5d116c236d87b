/** The samples of a soak as an SVG: one small chart under the other, over the same time. */
import type { Sample } from "./sample.ts";

const WIDTH = 840;
const CHART = { left: 70, right: 20, top: 34, height: 110, gap: 46 };
const MiB = 2 ** 20;

interface Line {
  readonly title: string;
  readonly value: (sample: Sample, before: Sample | undefined) => number;
}

const LINES: readonly Line[] = [
  { title: "RssAnon, MiB", value: ({ rssAnon }) => rssAnon / MiB },
  { title: "open descriptors", value: ({ descriptors }) => descriptors },
  { title: "mapped files", value: ({ mappedFiles }) => mappedFiles },
  { title: "threads", value: ({ threads }) => threads },
  {
    title: "CPU, cores",
    value: (now, before) =>
      before === undefined ? 0 : (now.cpuSeconds - before.cpuSeconds) / (now.at - before.at),
  },
];

/** @param title one line about the run */
export function chart(samples: readonly Sample[], title: string): string {
  const height = CHART.top + LINES.length * (CHART.height + CHART.gap);
  const end = samples.at(-1)?.at ?? 1;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
<style>text{font:12px system-ui,sans-serif;fill:#57606a}.title{font-weight:600;fill:#1f2328}path{fill:none;stroke:#0969da;stroke-width:1.5}line{stroke:#d0d7de}rect{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#8b949e}.title{fill:#e6edf3}path{stroke:#58a6ff}line{stroke:#30363d}rect{fill:#0d1117}}</style>
<rect width="${WIDTH}" height="${height}"/>
<text class="title" x="12" y="18">${escape(title)}</text>
${LINES.map((line, index) => draw(line, samples, end, CHART.top + index * (CHART.height + CHART.gap))).join("\n")}
</svg>
`;
}

function draw(
  { title, value }: Line,
  samples: readonly Sample[],
  end: number,
  top: number,
): string {
  const values = samples.map((sample, index) => value(sample, samples[index - 1]));
  const most = roundUp(Math.max(...values));
  const [left, right] = [CHART.left, WIDTH - CHART.right];
  const bottom = top + 12 + CHART.height;
  const x = (at: number): string => (left + ((right - left) * at) / end).toFixed(1);
  const y = (of: number): string => (bottom - (CHART.height * of) / most).toFixed(1);
  const points = samples.map(({ at }, index) => `${x(at)} ${y(values[index] ?? 0)}`);
  const minutes = Math.round(end / 60);
  return `<text x="${left}" y="${top + 6}">${title}</text>
<line x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/><line x1="${left}" x2="${right}" y1="${y(most)}" y2="${y(most)}"/>
<text x="${left - 6}" y="${bottom}" text-anchor="end">0</text><text x="${left - 6}" y="${Number(y(most)) + 4}" text-anchor="end">${most}</text>
<text x="${right}" y="${bottom + 14}" text-anchor="end">${minutes} min</text>
<path d="M${points.join("L")}"/>`;
}

/** To a number that is easily read. */
function roundUp(value: number): number {
  const step = 10 ** Math.floor(Math.log10(Math.max(value, 0.01)));
  const nice = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((each) => each * step >= value) ?? 10;
  return Number((nice * step).toPrecision(3));
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
