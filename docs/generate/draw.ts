/** Terminals as SVG: what each line shows, and pictures one after the other. */
import type { IBufferCell, Terminal } from "@xterm/headless";

/** The screen of a terminal from a time on, in ms. */
export interface Picture {
  readonly at: number;
  readonly lines: readonly string[];
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The last one stays, to be read. */
const HOLD_MS = 5000;
const CELL = { width: 8, height: 18, font: 13 };
const MARGIN = 14;
const BACKGROUND = "#0d1117";
const FOREGROUND = "#c9d1d9";
const DIM = "#6e7681";
/** The eight colors of terminals, by ANSI number. */
const COLORS = [
  "#484f58",
  "#ff7b72",
  "#3fb950",
  "#d29922",
  "#58a6ff",
  "#bc8cff",
  "#39c5cf",
  "#c9d1d9",
];
/** Where the 256 colors begin a cube of six levels each, and where grey begins. */
const CUBE = 16;
const GREY = 232;

/** Characters that fill parts of their cell, which fonts do with gaps: from where, and how much. */
const BLOCKS: Readonly<Record<string, readonly [top: number, height: number]>> = {
  "█": [0, 1],
  "▀": [0, 0.5],
  "▄": [0.5, 0.5],
};

/** A rectangle of one colour in a line. */
interface Filled {
  readonly top: number;
  readonly height: number;
  readonly column: number;
  until: number;
  readonly style: string;
}

interface Run {
  readonly column: number;
  readonly style: string;
  text: string;
  /** Columns up to the end of what is drawn. */
  columns: number;
}

function palette(color: number): string {
  if (color < CUBE) return COLORS[color % COLORS.length] ?? FOREGROUND;
  if (color >= GREY) return grey(8 + 10 * (color - GREY));
  const level = (part: number): number => (part === 0 ? 0 : 55 + 40 * part);
  const at = color - CUBE;
  return rgb(level(Math.floor(at / 36)), level(Math.floor(at / 6) % 6), level(at % 6));
}

function grey(level: number): string {
  return rgb(level, level, level);
}

function rgb(...parts: readonly [number, number, number]): string {
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function styleOf(cell: IBufferCell): string {
  const color = cell.isFgPalette() ? palette(cell.getFgColor()) : FOREGROUND;
  const weight = cell.isBold() !== 0 ? ' font-weight="bold"' : "";
  return `fill="${cell.isDim() !== 0 ? DIM : color}"${weight}`;
}

/** Adds a part of a cell to what is filled, or to the one before it that it goes on with. */
function fill(
  filled: Filled[],
  [top, height]: readonly [number, number],
  column: number,
  style: string,
): void {
  const same = filled.findLast((one) => one.top === top && one.height === height);
  if (same?.style === style && same.until === column) same.until = column + 1;
  else filled.push({ top, height, column, until: column + 1, style });
}

function drawFilled({ top, height, column, until, style }: Filled, lineTop: number): string {
  const x = MARGIN + column * CELL.width;
  const y = lineTop + top * CELL.height;
  // Half a unit more, so that no seam shows between neighbours.
  const size = `width="${(until - column) * CELL.width + 0.5}" height="${height * CELL.height + 0.5}"`;
  return `<rect x="${x}" y="${y}" ${size} ${style}/>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** One line of the screen as SVG; `textLength` keeps the columns whatever the font. */
function drawLine(terminal: Terminal, y: number): string {
  const line = terminal.buffer.active.getLine(terminal.buffer.active.viewportY + y);
  const top = MARGIN + y * CELL.height;
  const runs: Run[] = [];
  const backgrounds: Filled[] = [];
  const blocks: Filled[] = [];
  for (let column = 0; column < terminal.cols; column++) {
    const cell = line?.getCell(column);
    const text = cell?.getChars() ?? "";
    if (cell?.isBgPalette() === true) {
      fill(backgrounds, [0, 1], column, `fill="${palette(cell.getBgColor())}"`);
    }
    const last = runs.at(-1);
    if (cell === undefined || cell.getWidth() === 0) continue; // the other half of a wide one
    const block = BLOCKS[text];
    if (block !== undefined) fill(blocks, block, column, styleOf(cell));
    if (text.trim() === "" || block !== undefined) {
      if (last !== undefined) last.text += " ";
      continue;
    }
    const style = styleOf(cell);
    const end = column + cell.getWidth();
    if (last?.style === style && !last.text.endsWith("  ")) {
      last.text += text;
      last.columns = end - last.column;
    } else {
      runs.push({ column, style, text, columns: end - column });
    }
  }
  const texts = runs.map(({ column, style, text, columns }) => {
    const shown = text.trimEnd();
    const x = MARGIN + column * CELL.width;
    const length = columns * CELL.width;
    return `<text x="${x}" y="${top + CELL.height - 5}" textLength="${length}" ${style}>${escape(shown)}</text>`;
  });
  const filled = [...backgrounds, ...blocks].map((one) => drawFilled(one, top));
  return [...filled, ...texts].join("");
}

/** The lines that a terminal shows now, without the empty ones. */
export function snapshot(terminal: Terminal): string[] {
  const lines = Array.from({ length: terminal.rows }, (_, y) => drawLine(terminal, y));
  return lines.filter((line) => line !== "");
}

/** A moving picture, again and again. */
export function draw(pictures: readonly Picture[], { columns, rows }: Size, title: string): string {
  const end = (pictures.at(-1)?.at ?? 0) + HOLD_MS;
  const width = 2 * MARGIN + columns * CELL.width;
  const height = 2 * MARGIN + rows * CELL.height;
  const percent = (ms: number): string => ((ms / end) * 100).toFixed(2);
  const shown: string[] = [];
  const rules: string[] = [];
  for (const [index, { at, lines }] of pictures.entries()) {
    const until = pictures[index + 1]?.at ?? end;
    const [from, to] = [percent(index === 0 ? 0 : at), percent(until)];
    rules.push(
      `@keyframes f${index}{0%{visibility:${index === 0 ? "visible" : "hidden"}}${from}%{visibility:visible}${to}%{visibility:${until === end ? "visible" : "hidden"}}}`,
      `#f${index}{visibility:hidden;animation:f${index} ${end}ms step-end infinite}`,
    );
    shown.push(`<g id="f${index}">${lines.join("")}</g>`);
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${escape(title)}</title>`,
    `<style>text{font:${CELL.font}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}`,
    ...rules,
    `</style>`,
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    ...shown,
    `</svg>`,
    "",
  ].join("\n");
}
