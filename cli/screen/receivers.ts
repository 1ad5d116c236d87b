/**
 * The receivers of a sender as lines, cut to the width and height that the caller names; pure. Few receivers get a line
 * each; more are summed up, with the fastest, the median and the slowest. `terminal.ts` draws `receiverLines` while the
 * content moves; every screen for people prints `resultLines` at the end.
 */
import { count, duration, fill, percent, rate, shown, size, speedOf } from "./format.ts";
import { isThrough, type Person, type Word } from "./people.ts";
import type { Paint, Style } from "./style.ts";
import { bar } from "./position.ts";

/** Receivers that a sender's screen shows one by one; the rest is summed up. */
const RECEIVER_LINES = 12;
/** Receivers whose results a sender lists at the end; of more, the failed ones and a summary. */
const RESULT_LINES = 20;

export interface Room {
  readonly columns: number;
  readonly lines: number;
}

export interface Moment {
  /** How far the upload is. */
  readonly head: number;
  readonly size: number;
  /** ms */
  readonly now: number;
  /** The transfer has ended: no bar moves. */
  readonly over?: boolean;
}

const NAME_COLUMNS = 24;
const WORD_COLUMNS = 11;
/** Widest: `1023.9 MiB/s`. */
const RATE_COLUMNS = 12;
/** `12 min 34 s left` */
const LEFT_COLUMNS = 12;
const TITLE_COLUMNS = 7;
const BAR_COLUMNS = 30;

/** The order in which a summary names what receivers do. */
const WORDS: readonly Word[] = [
  "receiving",
  "catching up",
  "ready",
  "waiting",
  "checking",
  "done",
  "sent",
  "lost",
  "left",
];

/** A line for each receiver, or a summary where there are too many for that. */
export function receiverLines(
  people: readonly Person[],
  moment: Moment,
  room: Room,
  style: Style,
): string[] {
  if (people.length === 0) return [];
  if (people.length <= Math.min(RECEIVER_LINES, room.lines)) {
    return each(people, moment, room.columns, style);
  }
  return summary(people, moment, room, style).slice(0, Math.max(1, room.lines));
}

/**
 * The result of each receiver, to stay on the screen. Of very many, those that failed, and the
 * others summed up.
 */
export function resultLines(
  people: readonly Person[],
  moment: Moment,
  columns: number,
  style: Style,
): string[] {
  if (people.length <= RESULT_LINES) return each(people, moment, columns, style);
  const failed = people.filter((person) => !isThrough(person));
  const listed = failed.slice(0, RESULT_LINES);
  const lines = each(listed, moment, columns, style);
  const left = failed.length - listed.length;
  if (left > 0) lines.push(`and ${left} more that did not get all of it`);
  const through = people.filter(isThrough);
  const sent = through.filter(({ word }) => word === "sent").length;
  if (through.length === 0) return lines;
  const done = through.length - sent;
  if (done > 0) {
    lines.push(style.green(`${count(done, "receiver has", "receivers have")} all of it`));
  }
  if (sent > 0) {
    lines.push(style.green(`${count(sent, "receiver was", "receivers were")} sent all of it`));
  }
  return [...lines, ...extremes(through, moment, columns, style)];
}

/** Explains a state that its word alone does not, while receivers may still come back. */
const LIVE_NOTES: Partial<Record<Word, string>> = {
  lost: "line broken, may come back",
  left: "ended there",
};

function each(people: readonly Person[], moment: Moment, columns: number, style: Style): string[] {
  const widest = Math.max(...people.map(({ name }) => Bun.stringWidth(shown(name))));
  const names = Math.min(widest, NAME_COLUMNS, Math.max(4, Math.floor(columns / 3)));
  return people.map((person) => line(person, moment, names, columns, style));
}

/** `anna  receiving     19 %     3.8 MiB/s  21 s left     lag 1 MiB`, less where it is narrow. */
function line(
  person: Person,
  { head, size: whole, now, over = false }: Moment,
  nameColumns: number,
  columns: number,
  style: Style,
  average = false,
): string {
  const { word, bytes } = person;
  const parts = [
    fill(shown(person.name, nameColumns), nameColumns),
    painted(word, style)(fill(word, WORD_COLUMNS)),
    person.percent === undefined ? "     " : `${String(person.percent).padStart(3)} %`,
  ];
  const note = LIVE_NOTES[word];
  if (note !== undefined && !over) {
    parts.push(style.dim(note));
  } else if (moves(word) && person.percent !== undefined && !over) {
    const speed = average ? person.speed(now) || undefined : person.rate.perSecond(now);
    const unit = average ? " avg" : "";
    parts.push(
      (speed === undefined ? "" : rate(speed) + unit).padStart(RATE_COLUMNS + unit.length),
    );
    const left = speed ? `${duration((whole - bytes) / speed)} left` : "";
    parts.push(fill(left, LEFT_COLUMNS));
    parts.push(style.dim(`lag ${size(Math.max(0, head - bytes))}`));
  } else if (person.took !== undefined) {
    const { bytes: came, ms } = person.took;
    const speed = speedOf(came, ms);
    if (speed !== undefined) {
      parts.push(rate(speed).padStart(RATE_COLUMNS), style.dim(`in ${duration(ms / 1000)}`));
    }
  }
  // The state says more than the figures, and the figures more than all of a name.
  while (parts.length > 3 && Bun.stringWidth(parts.join("  ")) > columns) parts.pop();
  if (Bun.stringWidth(parts.join("  ")) > columns) {
    parts[1] = painted(word, style)(shown(word, Math.max(4, columns - nameColumns - 9)));
  }
  return parts.join("  ").trimEnd();
}

function summary(
  people: readonly Person[],
  moment: Moment,
  { columns, lines: room }: Room,
  style: Style,
): string[] {
  const having = (word: Word): Person[] => people.filter((person) => person.word === word);
  const parts = WORDS.flatMap((word) => {
    const number = having(word).length;
    return number === 0 ? [] : [painted(word, style)(`${number} ${word}`)];
  });
  const lines = [`${count(people.length, "receiver", "receivers")}: ${parts.join(", ")}`];
  if (moment.size > 0) lines.push(allLine(people, moment, columns, style));
  lines.push(
    ...extremes(
      people.filter(({ word }) => moves(word)),
      moment,
      columns,
      style,
    ),
  );
  // A lost receiver may come back, one that left ended by itself.
  for (const word of ["lost", "left"] as const) {
    const lost = having(word);
    if (lost.length === 0 || lines.length >= room) continue;
    const names = lost.slice(0, RECEIVER_LINES).map(({ name }) => shown(name, NAME_COLUMNS));
    const more = lost.length > names.length ? `, and ${lost.length - names.length} more` : "";
    const text = fill(word, TITLE_COLUMNS) + "  " + names.join(", ") + more;
    lines.push(style.red(shown(text, columns)));
  }
  return lines;
}

/** The progress of all receivers together. */
function allLine(people: readonly Person[], moment: Moment, columns: number, style: Style): string {
  const bytes = people.reduce((sum, person) => sum + person.bytes, 0);
  const whole = people.length * moment.size;
  const done = people.every(isThrough);
  const part = `${String(done ? 100 : Math.min(99, percent(bytes, whole))).padStart(3)} %`;
  const title = style.dim(fill("all", TITLE_COLUMNS));
  const room = Math.min(BAR_COLUMNS, columns - TITLE_COLUMNS - part.length - 3);
  if (room < 4) return `${title} ${part}`;
  const drawn = `${title}  ${bar(bytes, whole, room, style)} ${part}`;
  const left = groupLeft(people, moment);
  const timed = left === undefined ? drawn : `${drawn}  ${duration(left)} left`;
  return Bun.stringWidth(timed) <= columns ? timed : drawn;
}

/** Seconds until the last of those that receive has all, at the pace of each so far. */
function groupLeft(people: readonly Person[], { size: whole, now }: Moment): number | undefined {
  const moving = people.filter(({ word }) => moves(word));
  const times = moving.map((person) => (whole - person.bytes) / person.speed(now));
  const last = Math.max(0, ...times);
  return moving.length === 0 || !Number.isFinite(last) ? undefined : last;
}

/** The fastest, the median and the slowest, by how fast they have been so far. */
function extremes(
  people: readonly Person[],
  moment: Moment,
  columns: number,
  style: Style,
): string[] {
  const sorted = people
    .map((person) => ({ person, speed: person.speed(moment.now) }))
    .toSorted((a, b) => b.speed - a.speed || b.person.bytes - a.person.bytes)
    .map(({ person }) => person);
  const picked = new Map<Person, string>();
  for (const [title, person] of [
    ["fastest", sorted[0]],
    ["slowest", sorted.at(-1)],
    ["median", sorted[Math.floor(sorted.length / 2)]],
  ] as const) {
    if (person !== undefined && !picked.has(person)) picked.set(person, title);
  }
  const room = columns - TITLE_COLUMNS - 2;
  const names = Math.min(
    NAME_COLUMNS,
    Math.max(4, Math.floor(room / 3)),
    Math.max(0, ...picked.keys().map(({ name }) => Bun.stringWidth(shown(name)))),
  );
  return sorted.flatMap((person) => {
    const title = picked.get(person);
    if (title === undefined) return [];
    const text = line(person, moment, names, room, style, true);
    return [`${style.dim(fill(title, TITLE_COLUMNS))}  ${text}`];
  });
}

function moves(word: Word): boolean {
  return word === "receiving" || word === "catching up";
}

function painted(word: Word, style: Style): Paint {
  if (word === "done" || word === "sent") return style.green;
  if (word === "lost" || word === "left") return style.red;
  return word === "catching up" ? style.yellow : style.cyan;
}
