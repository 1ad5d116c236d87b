/** Runs in the page: draws what the page was given, switches series and settings, follows the theme. */
import {
  Chart,
  LineController,
  LineElement,
  LinearScale,
  LogarithmicScale,
  PointElement,
  Tooltip,
  type ChartConfiguration,
  type ChartDataset,
} from "chart.js";

import { figure } from "./figures.ts";
import type { ChartSpec, Point, Series } from "./spec.ts";

/** The used parts of the browser; the types of this project are Bun's. */
interface PageElement {
  readonly id: string;
  readonly dataset: Record<string, string>;
  readonly textContent: string;
  readonly value: string;
  hidden: boolean;
  closest(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  addEventListener(type: "click" | "change", listener: () => void): void;
}
declare const document: PageElement & {
  readonly documentElement: PageElement;
  getElementById(id: string): PageElement | null;
};
declare function getComputedStyle(of: PageElement): { getPropertyValue(name: string): string };
declare function matchMedia(query: string): {
  addEventListener(type: "change", listener: () => void): void;
};

type Line = ChartDataset<"line", Point[]> & { readonly series: Series };

Chart.register(LineController, LineElement, LinearScale, LogarithmicScale, PointElement, Tooltip);

const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function lineOf(series: Series): Line {
  const stroke = colour(series.colour);
  const { look, dashed, shape } = series;
  const faint = look === "line" ? "" : look === "thin" ? "b0" : "66";
  return {
    series,
    data: [...series.points],
    label: series.label,
    borderColor: `${stroke}${faint}`,
    backgroundColor: `${stroke}${faint}`,
    borderWidth: look === "thin" ? 1.25 : 2,
    borderDash: dashed ? [6, 4] : [],
    showLine: look !== "dots",
    pointStyle: look === "dots" ? "circle" : shape,
    pointRadius: look === "dots" ? 2.5 : shape === undefined ? 0 : 5,
    pointHoverRadius: look === "dots" ? 2.5 : 6,
    pointHitRadius: 8,
    // Of the dots of a chart, none is in front of a median.
    order: look === "dots" ? 1 : 0,
  };
}

function configuration(spec: ChartSpec): ChartConfiguration<"line", Point[]> {
  const grid = { color: colour("--line"), tickLength: 4 };
  const border = { color: colour("--line") };
  const ticks = { color: colour("--soft"), maxRotation: 0, autoSkipPadding: 12 };
  const title = (text: string) => ({ display: true, text, color: colour("--soft") });
  const { xTicks } = spec;
  return {
    type: "line",
    data: { datasets: spec.series.map(lineOf) },
    options: {
      animation: false,
      maintainAspectRatio: false,
      normalized: true,
      interaction: { mode: "nearest", axis: xTicks === undefined ? "xy" : "x", intersect: false },
      scales: {
        x:
          xTicks === undefined
            ? { type: "linear", min: 0, grid, border, ticks, title: title(spec.xTitle) }
            : {
                type: "logarithmic",
                min: Math.min(...xTicks) / 1.3,
                max: Math.max(...xTicks) * 1.3,
                afterBuildTicks: (axis) => {
                  axis.ticks = xTicks.map((value) => ({ value }));
                },
                grid,
                border,
                ticks: { ...ticks, callback: String },
                title: title(spec.xTitle),
              },
        y: spec.yLog
          ? {
              type: "logarithmic",
              ...logRange(spec),
              grid,
              border,
              ticks: {
                ...ticks,
                callback: (value) => (isRound(Number(value)) ? String(value) : ""),
              },
              title: title(spec.yTitle),
            }
          : {
              type: "linear",
              beginAtZero: true,
              ...(spec.yMax === undefined ? {} : { suggestedMax: spec.yMax }),
              grid,
              border,
              ticks: { ...ticks, maxTicksLimit: 6 },
              title: title(spec.yTitle),
            },
      },
      plugins: {
        tooltip: {
          backgroundColor: colour("--card"),
          borderColor: colour("--soft"),
          borderWidth: 1,
          titleColor: colour("--text"),
          bodyColor: colour("--text"),
          usePointStyle: true,
          filter: ({ dataset }) => (dataset as Line).series.look !== "dots",
          itemSort: (a, b) => (b.parsed.y ?? 0) - (a.parsed.y ?? 0),
          callbacks: {
            title: (items) => {
              const x = figure(items[0]?.parsed.x);
              return xTicks === undefined ? `${x} s` : `${x} receiver${x === "1" ? "" : "s"}`;
            },
            label: ({ dataset, parsed, dataIndex }) => {
              const note = (dataset as Line).data[dataIndex]?.note ?? "";
              return ` ${dataset.label}: ${figure(parsed.y)} ${spec.unit}${note}`;
            },
          },
        },
      },
    },
  };
}

/** With room above and below, so that no mark lies on the frame. */
function logRange({ series }: ChartSpec): { readonly min: number; readonly max: number } {
  const values = series.flatMap(({ points }) => points.map(({ y }) => y)).filter((y) => y > 0);
  return { min: Math.min(...values) / 1.5, max: Math.max(...values) * 1.5 };
}

/** Of a logarithmic axis, the ticks that are written: 1, 2 and 5 of each decade. */
function isRound(value: number): boolean {
  const first = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
  return first === 1 || first === 2 || first === 5;
}

const specs = JSON.parse(document.getElementById("charts")?.textContent ?? "[]") as ChartSpec[];
const charts = new Map<string, Chart<"line", Point[]>>();

/** Draws what can be seen and is not drawn yet; hidden canvases have no size. */
function draw(): void {
  for (const spec of specs) {
    const canvas = document.getElementById(spec.id);
    if (canvas === null || charts.has(spec.id) || canvas.closest("[hidden]") !== null) continue;
    charts.set(spec.id, new Chart<"line", Point[]>(spec.id, configuration(spec)));
  }
  for (const button of document.querySelectorAll("button[data-series]")) show(button);
}

/** Brings the charts of a legend's group in line with what its button says. */
function show(button: PageElement): void {
  const isOn = button.getAttribute("aria-pressed") === "true";
  for (const canvas of button.closest(".group")?.querySelectorAll("canvas") ?? []) {
    const chart = charts.get(canvas.id);
    if (chart === undefined) continue;
    let changed = false;
    for (const [index, dataset] of chart.data.datasets.entries()) {
      if ((dataset as Line).series.key !== button.dataset["series"]) continue;
      changed ||= chart.isDatasetVisible(index) !== isOn;
      chart.setDatasetVisibility(index, isOn);
    }
    if (changed) chart.update();
  }
}

for (const button of document.querySelectorAll("button[data-series]")) {
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!isOn));
    show(button);
  });
}

const select = document.getElementById("setting");
select?.addEventListener("change", () => {
  for (const panel of document.querySelectorAll("[data-panel]")) {
    panel.hidden = panel.dataset["panel"] !== select.value;
  }
  draw();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts.values()) chart.destroy();
  charts.clear();
  draw();
});

draw();
