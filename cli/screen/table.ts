/** The lines that a terminal shows while data flows; pure, as wide and high as they are told. */
import { RECEIVER_LINES } from "../../protocol/limits.ts";
import { count, duration, fill, percent, rate, shown, size } from "./format.ts";
import type { Person, Word } from "./people.ts";
import type { Paint, Style } from "./style.ts";

/** One's own position: of the upload, or of what was received. */
export interface Position {
  readonly label: string;
  readonly bytes: number;
  readonly size: number;
  readonly perSecond: number | undefined;
}

const BAR_COLUMNS = 30;
const NAME_COLUMNS = 24;
const WORD_COLUMNS = 11;
/** Widest: `1023.9 MiB/s`. */
const RATE_COLUMNS = 12;

/** `report.pdf ███████░░░  70 %  7 MiB of 10 MiB  2 MiB/s  2 s left`, less where it is narrow. */
export function positionLine(position: Position, width: number, style: Style): string {
  const { bytes, size: whole, perSecond } = position;
  const label = style.bold(shown(position.label, Math.max(8, Math.floor(width / 3))));
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

/** One line per receiver, or a summary where there are too many for that. */
export function peopleLines(
  people: readonly Person[],
  head: number,
  now: number,
  room: { readonly columns: number; readonly lines: number },
  style: Style,
): string[] {
  if (people.length === 0) return [];
  if (people.length <= Math.min(RECEIVER_LINES, room.lines)) {
    const widest = Math.max(...people.map((person) => Bun.stringWidth(shown(person.name))));
    const columns = Math.min(widest, NAME_COLUMNS);
    return people.map((person) => personLine(person, head, now, columns, room.columns, style));
  }
  return summary(people, head, now, room, style);
}

function personLine(
  person: Person,
  head: number,
  now: number,
  nameColumns: number,
  columns: number,
  style: Style,
): string {
  const paint = painted(person.word, style);
  const parts = [
    fill(shown(person.name, nameColumns), nameColumns),
    paint(fill(person.word, WORD_COLUMNS)),
    `${String(person.percent).padStart(3)} %`,
  ];
  if (moves(person.word)) {
    const speed = person.rate.perSecond(now);
    parts.push((speed === undefined ? "" : rate(speed)).padStart(RATE_COLUMNS));
    parts.push(style.dim(`lag ${size(Math.max(0, head - person.bytes))}`));
  }
  while (parts.length > 3 && Bun.stringWidth(parts.join("  ")) > columns) parts.pop();
  return parts.join("  ").trimEnd();
}

function summary(
  people: readonly Person[],
  head: number,
  now: number,
  room: { readonly columns: number; readonly lines: number },
  style: Style,
): string[] {
  const words: Word[] = ["receiving", "catching up", "waiting", "checking", "done", "lost", "left"];
  const parts = words.flatMap((word) => {
    const number = people.filter((person) => person.word === word).length;
    return number === 0 ? [] : [painted(word, style)(`${number} ${word}`)];
  });
  const lines = [`${count(people.length, "receiver", "receivers")}: ${parts.join(", ")}`];
  const moving = people.filter(({ word }) => moves(word)).toSorted((a, b) => a.bytes - b.bytes);
  const [slowest] = moving;
  const fastest = moving.at(-1);
  if (slowest !== undefined && fastest !== undefined && slowest !== fastest) {
    for (const [title, person] of [
      ["first", fastest],
      ["last ", slowest],
    ] as const) {
      const line = personLine(person, head, now, NAME_COLUMNS, room.columns - 7, style);
      lines.push(`${style.dim(title)}  ${line}`);
    }
  }
  return lines.slice(0, Math.max(1, room.lines));
}

function moves(word: Word): boolean {
  return word === "receiving" || word === "catching up";
}

function painted(word: Word, style: Style): Paint {
  if (word === "done") return style.green;
  if (word === "lost" || word === "left") return style.red;
  return word === "catching up" ? style.yellow : style.cyan;
}

function bar(bytes: number, whole: number, columns: number, style: Style): string {
  const full = whole === 0 ? columns : Math.floor((Math.min(bytes, whole) / whole) * columns);
  return style.cyan("█".repeat(full)) + style.dim("░".repeat(columns - full));
}
