/** How far something is, as a line; pure, as wide as it is told. */
import { duration, percent, rate, shown, size } from "./format.ts";
import type { FileAt } from "../job/progress.ts";
import type { Style } from "./style.ts";

/** One's own position: of the upload, or of what was received. */
export interface Position {
  readonly label: string;
  readonly bytes: number;
  readonly size: number;
  readonly perSecond: number | undefined;
}

const BAR_COLUMNS = 30;

/** `report.pdf ███████░░░  70 %  7 MiB of 10 MiB  2 MiB/s  2 s left`, less where it is narrow. */
export function positionLine(position: Position, width: number, style: Style): string {
  const { bytes, size: whole, perSecond } = position;
  const label = style.bold(shown(position.label, Math.max(8, Math.floor(width / 3))));
  // Empty, or of unknown length.
  if (whole === 0) {
    const speed = perSecond === undefined ? "" : `  ${rate(perSecond)}`;
    const open = `${label}  ${size(bytes)}${speed}`;
    return Bun.stringWidth(open) <= width ? open : shown(size(bytes), width);
  }
  const part = `${String(percent(bytes, whole)).padStart(3)} %`;
  const details = [`${size(bytes)} of ${size(whole)}`];
  if (perSecond !== undefined && bytes < whole) {
    details.push(rate(perSecond));
    if (perSecond > 0) details.push(`${duration((whole - bytes) / perSecond)} left`);
  }
  const fits = (line: string): boolean => Bun.stringWidth(line) <= width;
  for (let shownDetails = details.length; shownDetails >= 0; shownDetails--) {
    const right = [part, ...details.slice(0, shownDetails)].join("  ");
    const room = width - Bun.stringWidth(`${label}  ${right} `);
    if (room >= 10)
      return `${label} ${bar(bytes, whole, Math.min(room, BAR_COLUMNS), style)} ${right}`;
    if (shownDetails === 0 && fits(`${label} ${part}`)) return `${label} ${part}`;
  }
  return part.trim();
}

/** Of several files, the one under way: `3/12 notes.txt ███░░░  50 %  1 KiB of 2 KiB`. */
export function fileLines(file: FileAt | undefined, width: number, style: Style): string[] {
  if (file === undefined) return [];
  const { name, number, of, bytes, size } = file;
  const label = `${number}/${of} ${name}`;
  return [positionLine({ label, bytes, size, perSecond: undefined }, width, style)];
}

export function bar(bytes: number, whole: number, columns: number, style: Style): string {
  const full = whole === 0 ? columns : Math.floor((Math.min(bytes, whole) / whole) * columns);
  return style.cyan("█".repeat(full)) + style.dim("░".repeat(columns - full));
}

/** The rate is that of so many last milliseconds. */
const WINDOW_MS = 3000;

/** The time between two positions must be longer: else buffers decide the rate. */
const LEAST_MS = 250;

/** Bytes per second over the last seconds, from positions as they become known. */
export class Rate {
  #samples: { readonly at: number; readonly bytes: number }[] = [];

  /**
   * `bytes` in all so far; the first call starts the clock, so it is for the first content that
   * comes. Going back starts anew. `now` in ms.
   */
  reached(bytes: number, now: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ at: now, bytes });
    // One sample older than the window is its beginning.
    while ((this.#samples[1]?.at ?? Infinity) <= now - WINDOW_MS) this.#samples.shift();
  }

  /** undefined until there are two positions to compare. */
  perSecond(now: number): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || first === last) return undefined;
    if (now - first.at < LEAST_MS) return undefined;
    // Silence counts: what stalls slows down on the screen.
    const silent = now - last.at > WINDOW_MS;
    return silent ? 0 : (1000 * (last.bytes - first.bytes)) / (now - first.at);
  }
}
