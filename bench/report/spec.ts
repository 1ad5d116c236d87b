/** The drawings of the page's script: plain values, made by `charts.ts`, drawn by `browser.ts`. */

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Said in the tooltip behind the figure. */
  readonly note?: string;
}

export interface Series {
  /** The series that a legend's button switches; several may share one. */
  readonly key: string;
  readonly label: string;
  /** A custom property of the page's style, such as `--blue`. */
  readonly colour: string;
  readonly dashed: boolean;
  /** `dots` are single rounds, without a line and without a tooltip. */
  readonly look: "line" | "thin" | "dots";
  readonly shape: "circle" | "rect" | "triangle" | "rectRot" | "star" | undefined;
  readonly points: readonly Point[];
}

export interface ChartSpec {
  /** Id of its canvas. */
  readonly id: string;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Written behind the figures of a tooltip. */
  readonly unit: string;
  /** The x values, drawn as ticks of a logarithmic axis; undefined: a linear axis from 0. */
  readonly xTicks: readonly number[] | undefined;
  readonly yLog: boolean;
  readonly yMax: number | undefined;
  readonly series: readonly Series[];
}
