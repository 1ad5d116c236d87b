/**
 * Makes docs/demo.svg: runs the demo in a pseudo-terminal and draws what it showed as a moving picture.
 * `bun docs/picture.ts`
 */
import { Terminal, type IBufferCell } from "@xterm/headless";

const COLUMNS = 112;
const ROWS = 21;
/** A picture every so often; fewer would jump, more only make the file large. */
const FRAME_EVERY_MS = 700;
/** The last one stays, to be read. */
const HOLD_MS = 5000;

const CELL = { width: 8, height: 18, font: 13 };
const MARGIN = 14;
const BACKGROUND = "#0d1117";
const FOREGROUND = "#c9d1d9";
const DIM = "#6e7681";
/** The eight colors of the demo's output, by ANSI number. */
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

interface Run {
  readonly column: number;
  readonly style: string;
  text: string;
}

interface Picture {
  readonly at: number;
  readonly lines: readonly string[];
}

function styleOf(cell: IBufferCell): string {
  const color = cell.isFgPalette() ? (COLORS[cell.getFgColor() % 8] ?? FOREGROUND) : FOREGROUND;
  const weight = cell.isBold() !== 0 ? ' font-weight="bold"' : "";
  return `fill="${cell.isDim() !== 0 ? DIM : color}"${weight}`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** One line of the screen as SVG; `textLength` keeps the columns whatever the font. */
function drawLine(terminal: Terminal, y: number): string {
  const line = terminal.buffer.active.getLine(terminal.buffer.active.viewportY + y);
  const runs: Run[] = [];
  for (let column = 0; column < COLUMNS; column++) {
    const cell = line?.getCell(column);
    const text = cell?.getChars() ?? "";
    const last = runs.at(-1);
    if (cell === undefined || text.trim() === "") {
      if (last !== undefined) last.text += " ";
      continue;
    }
    const style = styleOf(cell);
    if (last?.style === style && !last.text.endsWith("  ")) last.text += text;
    else runs.push({ column, style, text });
  }
  return runs
    .map(({ column, style, text }) => {
      const shown = text.trimEnd();
      const x = MARGIN + column * CELL.width;
      const length = shown.length * CELL.width;
      return `<text x="${x}" y="${MARGIN + (y + 1) * CELL.height - 5}" textLength="${length}" ${style}>${escape(shown)}</text>`;
    })
    .join("");
}

function draw(pictures: readonly Picture[]): string {
  const end = (pictures.at(-1)?.at ?? 0) + HOLD_MS;
  const width = 2 * MARGIN + COLUMNS * CELL.width;
  const height = 2 * MARGIN + ROWS * CELL.height;
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
    `<title>fileshare: one upload, five receivers, one of them slow, one late, one killed and run again</title>`,
    `<style>text{font:${CELL.font}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}`,
    ...rules,
    `</style>`,
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    ...shown,
    `</svg>`,
    "",
  ].join("\n");
}

async function record(command: readonly string[]): Promise<Picture[]> {
  const terminal = new Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
  const pictures: Picture[] = [];
  const startedAt = performance.now();
  const take = (): void => {
    const lines = Array.from({ length: ROWS }, (_, y) => drawLine(terminal, y)).filter(
      (line) => line !== "",
    );
    if (lines.join() === pictures.at(-1)?.lines.join() || lines.length === 0) return;
    pictures.push({ at: Math.round(performance.now() - startedAt), lines });
  };
  const closed = Promise.withResolvers<void>();
  const child = Bun.spawn([...command], {
    env: { ...process.env, TERM: "xterm-256color", FORCE_COLOR: "1" },
    terminal: {
      cols: COLUMNS,
      rows: ROWS,
      data: (_, bytes) => terminal.write(bytes),
      exit: () => terminal.write("", closed.resolve),
    },
  });
  const timer = setInterval(take, FRAME_EVERY_MS);
  const exit = await child.exited;
  await closed.promise;
  clearInterval(timer);
  take();
  if (exit !== 0) throw new Error(`the demo ended with ${exit}`);
  return pictures;
}

const demo = new URL("../test/demo.ts", import.meta.url).pathname;
const pictures = await record([process.execPath, demo]);
await Bun.write(new URL("./demo.svg", import.meta.url), draw(pictures));
console.log(`docs/demo.svg: ${pictures.length} pictures`);
