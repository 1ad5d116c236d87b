/**
 * The screen for a person at a terminal: sentences scroll above; a bar, the file under way and the receivers are drawn
 * anew below them. Lines that come while a question is asked wait, in a bounded number. `painter.ts` writes to the
 * terminal, and Ctrl-Z calls `release` and `take`.
 */
import { PROGRESS_EVERY_MS } from "../job/event-pace.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { FileAt } from "../job/progress.ts";
import type { Answer, Outcome } from "../job/jobs.ts";
import type { TerminalHold } from "./suspension.ts";
import { Painter, type Surface } from "./painter.ts";
import { People } from "./people.ts";
import { Rate, fileLines, positionLine } from "./position.ts";
import { isLast, type Ask, type OfferEvent, type Screen, type Setting } from "./screen.ts";
import { Story, type Line } from "./story.ts";
import { makeStyle, type Style } from "./style.ts";
import { receiverLines, resultLines, type Moment } from "./receivers.ts";
import { waitLine } from "./wait-line.ts";

/**
 * Lines that wait while a person is asked something; of more, the oldest are dropped and counted.
 */
export const LINES_HELD = 200;

/** Rates fall while nothing happens, so the lines are drawn at least so often. */
const IDLE_DRAW_MS = 1000;

/** At a receiver the bar is over with these. */
const ENDINGS: ReadonlySet<ClientEvent["event"]> = new Set([
  "text",
  "saved",
  "kept",
  "done",
  "error",
]);

export interface TerminalOutput {
  readonly surface: Surface;
  /** Where errors go; the same terminal or not. */
  readonly err: (text: string) => void;
  readonly color: boolean;
  /** ms */
  readonly now: () => number;
  readonly ask: Ask;
}

/** For people: what happened above, and below it a bar and a line for every receiver. */
export class TerminalScreen implements Screen, TerminalHold {
  readonly #setting: Setting;
  readonly #output: TerminalOutput;
  readonly #style: Style;
  readonly #story: Story;
  readonly #painter: Painter;
  readonly #people = new People();
  #label = "Upload";
  #position: { bytes: number; size: number; rate: Rate } | undefined;
  #file: FileAt | undefined;
  #timer: NodeJS.Timeout | undefined;
  #drawnAt = -Infinity;
  /** Lines that wait until the question is answered; undefined: none is asked. */
  #held: Line[] | undefined;
  /** Lines that had no room among them. */
  #leftOut = 0;

  constructor(setting: Setting, output: TerminalOutput) {
    this.#setting = setting;
    this.#output = output;
    this.#style = makeStyle(output.color);
    this.#story = new Story(setting, this.#style);
    this.#painter = new Painter(output.surface);
  }

  show(event: ClientEvent): void {
    const lines = this.#story.lines(event);
    const now = this.#output.now();
    if (this.#setting.side === "sender" && isLast(event)) this.#settle();
    if (event.event === "edition") this.#people.begin();
    if (event.event === "source") {
      this.#people.source(event);
      this.#position = { bytes: 0, size: event.bytes, rate: new Rate() };
    } else if (event.event === "receiver") {
      this.#people.update(event, now);
    } else if (event.event === "offer") {
      this.#position = undefined;
      this.#label = event.files === 1 ? (event.names[0] ?? "") : `${event.files} files`;
    } else if (event.event === "gate") {
      this.#people.heldBack(event, now);
    } else if (event.event === "resumed" || event.event === "progress") {
      this.#position ??= { bytes: 0, size: event.size, rate: new Rate() };
      this.#position.bytes = event.bytes;
      // The clock of the rate starts with what comes now.
      if (event.event === "progress") this.#position.rate.reached(event.bytes, now);
      this.#file = event.event === "progress" ? event.file : undefined;
    } else if (this.#setting.side === "receiver" && ENDINGS.has(event.event)) {
      this.#position = undefined; // the sentence says it all
    }
    if (lines.length > 0) this.#print(lines);
    else this.#drawSoon();
  }

  ask(offer: OfferEvent, signal: AbortSignal): Promise<Answer> {
    return this.pause(() => this.#output.ask(offer, signal));
  }

  async pause<T>(question: () => Promise<T>): Promise<T> {
    this.#held = [];
    this.#cancelDraw();
    this.#painter.paint([], []);
    try {
      return await question();
    } finally {
      const held = this.#held;
      this.#held = undefined;
      if (this.#leftOut > 0) held.unshift({ text: `(${this.#leftOut} lines left out)` });
      this.#leftOut = 0;
      // Each by itself, so that errors stay where they came.
      for (const line of held) this.#print([line]);
      if (held.length === 0) this.#draw([]);
    }
  }

  end(outcome: Outcome): void {
    this.#held = undefined;
    if (this.#setting.side === "receiver") this.#position = undefined;
    this.#settle();
    for (const { text } of this.#story.end(outcome)) this.#painter.paint([text], []);
  }

  close(): void {
    this.#cancelDraw();
    this.#painter.leave();
  }

  /** Before the process stops: how far it is stays. */
  release(): void {
    this.close();
  }

  /** Draws below the lines that the shell printed meanwhile. */
  take(): void {
    this.#painter.leave();
    if (this.#held === undefined) this.#draw([]);
  }

  /** How far it came stays, with what became of each receiver; what follows comes below. */
  #settle(): void {
    this.#cancelDraw();
    const now = this.#output.now();
    const { width } = this.#painter;
    const position = this.#positionLine(now);
    const moment = { ...this.#moment(now), over: true };
    const results = resultLines(this.#people.all, moment, width, this.#style);
    this.#painter.paint(position === undefined ? [] : [position, ...results], []);
    this.#painter.leave();
    this.#position = undefined;
  }

  #print(lines: readonly Line[]): void {
    if (this.#held !== undefined) {
      this.#held.push(...lines);
      this.#leftOut += this.#held.splice(0, this.#held.length - LINES_HELD).length;
      return;
    }
    const errors = lines.filter(({ error }) => error);
    if (errors.length > 0) {
      this.#painter.paint([], []);
      for (const { text } of errors) this.#output.err(`${text}\n`);
    }
    this.#draw(lines.filter(({ error }) => !error).map(({ text }) => text));
  }

  #drawSoon(): void {
    if (this.#held !== undefined) return;
    const wait = this.#drawnAt + PROGRESS_EVERY_MS - this.#output.now();
    if (wait <= 0) this.#draw([]);
    else this.#drawIn(wait);
  }

  #draw(fixed: readonly string[]): void {
    this.#cancelDraw();
    const now = this.#output.now();
    this.#drawnAt = now;
    const live = this.#live(now);
    this.#painter.paint(fixed, live);
    if (this.#position !== undefined) this.#drawIn(IDLE_DRAW_MS);
  }

  /** The earliest draw wins. */
  #drawIn(ms: number): void {
    if (ms < IDLE_DRAW_MS) this.#cancelDraw();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#held === undefined) this.#draw([]);
    }, ms);
    this.#timer.unref();
  }

  #cancelDraw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #live(now: number): string[] {
    const { width, height } = this.#painter;
    const first = this.#positionLine(now);
    if (first === undefined || height === 0 || !this.#painter.draws) return [];
    const own = [first, ...fileLines(this.#file, width, this.#style)].slice(0, height);
    const waits = waitLine(this.#setting.goal, this.#people.all, this.#people.gate);
    const last = waits === undefined ? [] : [this.#style.dim(waits)];
    const room = { columns: width, lines: height - own.length - last.length };
    if (room.lines <= 0) return own;
    const people = receiverLines(this.#people.all, this.#moment(now), room, this.#style);
    return [...own, ...people, ...last];
  }

  #positionLine(now: number): string | undefined {
    const position = this.#position;
    if (position === undefined) return undefined;
    const { bytes, size, rate } = position;
    const shown = { label: this.#label, bytes, size, perSecond: rate.perSecond(now) };
    return positionLine(shown, this.#painter.width, this.#style);
  }

  #moment(now: number): Moment {
    return { head: this.#position?.bytes ?? 0, size: this.#position?.size ?? 0, now };
  }
}
