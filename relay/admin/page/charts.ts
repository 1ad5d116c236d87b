/** The charts of the page: lines over the last minutes, that end at the right edge now. */
import {
  Chart,
  Filler,
  LineController,
  LineElement,
  LinearScale,
  PointElement,
  Tooltip,
} from "chart.js";

import { byId, colour, element, type PageElement } from "./dom.ts";
import { SHOWN_SECONDS, type Moment } from "./history.ts";
import { duration, rate, size } from "./words.ts";

interface Line {
  readonly label: string;
  readonly colour: string;
  readonly of: (moment: Moment) => number;
}

interface Spec {
  readonly id: string;
  readonly lines: readonly Line[];
  readonly isStacked: boolean;
  /** Steps of its axis are round in this base. */
  readonly isBinary: boolean;
  /** An axis of less would make noise look large. */
  readonly least: number;
  readonly format: (value: number) => string;
}

const KIB = 1024;

const SPECS: readonly Spec[] = [
  {
    id: "throughput",
    lines: [
      { label: "out", colour: "--blue", of: ({ outRate }) => outRate },
      { label: "in", colour: "--green", of: ({ inRate }) => inRate },
    ],
    isStacked: false,
    isBinary: true,
    least: KIB * KIB,
    format: rate,
  },
  {
    id: "lanes",
    lines: [
      { label: "live", colour: "--blue", of: ({ live }) => live },
      { label: "catching up", colour: "--green", of: ({ catchUp }) => catchUp },
      { label: "paused", colour: "--grey", of: ({ paused }) => paused },
    ],
    isStacked: true,
    isBinary: false,
    least: 4,
    format: String,
  },
  {
    id: "held",
    lines: [
      { label: "log", colour: "--blue", of: ({ kept }) => kept },
      { label: "buffered", colour: "--red", of: ({ buffered }) => buffered },
    ],
    isStacked: false,
    isBinary: true,
    least: KIB * KIB,
    format: size,
  },
  {
    id: "delays",
    lines: [
      {
        label: "most in the last seconds, worst worker",
        colour: "--red",
        of: ({ delay }) => delay,
      },
    ],
    isStacked: false,
    isBinary: false,
    least: 20,
    format: (ms) => `${Math.round(ms)} ms`,
  },
];

Chart.register(Filler, LineController, LineElement, LinearScale, PointElement, Tooltip);

type Points = Chart<"line", { x: number; y: number }[]>;

export class Charts {
  readonly #charts = new Map<Spec, Points>();
  #moments: readonly Moment[] = [];

  constructor() {
    for (const { id, lines } of SPECS) {
      byId(id)
        .closest("figure")
        ?.querySelector("ul")
        ?.replaceChildren(...lines.map(legendOf));
    }
  }

  draw(moments: readonly Moment[]): void {
    this.#moments = moments;
    const last = moments.at(-1);
    for (const spec of SPECS) {
      const chart = this.#charts.get(spec) ?? this.#create(spec);
      const now = last?.at ?? 0;
      let most = 0;
      for (const [at, line] of spec.lines.entries()) {
        const points = moments.map((moment) => ({ x: moment.at - now, y: line.of(moment) }));
        most = Math.max(most, ...points.map(({ y }) => y));
        const dataset = chart.data.datasets[at];
        if (dataset !== undefined) dataset.data = points;
      }
      const { x, y } = chart.options.scales ?? {};
      const seconds = secondsShown(now - (moments[0]?.at ?? now));
      if (x !== undefined) x.min = -seconds;
      if (x !== undefined && "ticks" in x) Object.assign(x.ticks ?? {}, { stepSize: seconds / 5 });
      if (y !== undefined && spec.isBinary && "ticks" in y) {
        Object.assign(y.ticks ?? {}, { stepSize: binaryStep(Math.max(most, spec.least)) });
      }
      chart.update("none");
      if (last === undefined) continue;
      const said = spec.lines.map(({ label, of }) => `${label} ${spec.format(of(last))}`);
      byId(spec.id).setAttribute("aria-label", `now: ${said.join(", ")}`);
    }
  }

  /** Colours are another theme's. */
  redraw(): void {
    for (const chart of this.#charts.values()) chart.destroy();
    this.#charts.clear();
    this.draw(this.#moments);
  }

  #create(spec: Spec): Points {
    const grid = { color: colour("--line"), tickLength: 4 };
    const border = { color: colour("--line") };
    const ticks = { color: colour("--soft"), maxRotation: 0, font: { size: 11 } };
    const chart: Points = new Chart(spec.id, {
      type: "line",
      data: {
        datasets: spec.lines.map((line, at) => ({
          label: line.label,
          data: [],
          borderColor: colour(line.colour),
          backgroundColor: `${colour(line.colour)}${spec.isStacked ? "66" : "22"}`,
          fill: at === 0 || spec.isStacked ? (spec.isStacked && at > 0 ? "-1" : "origin") : false,
          borderWidth: 2,
          pointRadius: 0,
          pointHitRadius: 8,
          stepped: spec.isStacked,
        })),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "index", axis: "x", intersect: false },
        scales: {
          x: {
            type: "linear",
            min: -SHOWN_SECONDS,
            max: 0,
            grid: { ...grid, drawOnChartArea: false },
            border,
            ticks: {
              ...ticks,
              callback: (value) => (Number(value) === 0 ? "now" : `−${duration(-Number(value))}`),
            },
          },
          y: {
            type: "linear",
            min: 0,
            suggestedMax: spec.least,
            stacked: spec.isStacked,
            grid,
            border,
            ticks: {
              ...ticks,
              maxTicksLimit: 6,
              precision: 0,
              callback: (value) => spec.format(Number(value)),
            },
          },
        },
        plugins: {
          tooltip: {
            backgroundColor: colour("--card"),
            borderColor: colour("--soft"),
            borderWidth: 1,
            titleColor: colour("--text"),
            bodyColor: colour("--text"),
            callbacks: {
              title: (items) => `${duration(-(items[0]?.parsed.x ?? 0))} ago`,
              label: ({ dataset, parsed }) => ` ${dataset.label}: ${spec.format(parsed.y ?? 0)}`,
            },
          },
        },
      },
    });
    this.#charts.set(spec, chart);
    return chart;
  }
}

/** Whole minutes, as many as there is something to show of. */
function secondsShown(known: number): number {
  return Math.min(SHOWN_SECONDS, 60 * Math.max(1, Math.ceil(known / 60)));
}

/** A power of two, of which an axis has five at most. */
function binaryStep(most: number): number {
  return 2 ** Math.ceil(Math.log2(most / 5));
}

function legendOf({ label, colour }: Line): PageElement {
  const entry = element("li", "", label);
  entry.dataset["colour"] = colour.slice(2);
  return entry;
}
